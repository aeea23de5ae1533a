// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lb/copy_plan.h"
#include "topology/description.h"

namespace hither::lb {

/// Passive health: a copy that fails the requests it gets is ejected for a while, whatever its
/// probes say, and comes back by serving one request well. The data threads note outcomes (Streak,
/// and counters of their own), the main thread decides by them a few times a second (Outliers).
/// docs/overload.md says the rules in prose.

/// What the end of one request says about its server.
enum class Verdict {
  good,
  bad,        ///< it did not take the connection, broke it, was late, or could not do the work
  throttled,  ///< 429: perhaps the client's own fault, so it counts in the rate only
};
/// 5xx is bad, but for 501 and 505, which speak of the request.
Verdict verdict_of(int status);

/// Failures in a row, over all threads. Any thread may note; one atomic read for a success.
class Streak {
 public:
  void note(Verdict verdict);
  /// The longest since it was last asked. Main thread.
  std::uint32_t take_longest() { return longest_.exchange(0, std::memory_order_relaxed); }
  void clear();

 private:
  std::atomic<std::uint32_t> now_{0};
  std::atomic<std::uint32_t> longest_{0};
};

/// The one request that an ejected server is tried with. The main thread opens and closes it; of
/// all threads that claim it one gets it, and says how it went or gives it back.
class Trial {
 public:
  enum class State : std::uint8_t { closed, open, claimed, passed, failed };

  void open() { state_.store(State::open, std::memory_order_relaxed); }
  void close() { state_.store(State::closed, std::memory_order_relaxed); }
  bool claim() { return move(State::open, State::claimed); }
  void give_back() { move(State::claimed, State::open); }
  void end(bool passed) { move(State::claimed, passed ? State::passed : State::failed); }
  State state() const { return state_.load(std::memory_order_relaxed); }

 private:
  bool move(State from, State to) {
    return state_.load(std::memory_order_relaxed) == from &&
           state_.compare_exchange_strong(from, to, std::memory_order_relaxed);
  }

  std::atomic<State> state_{State::closed};
};

/// Where a server stands by what became of its requests.
enum class Standing : std::uint8_t {
  good,
  ejected,    ///< it gets nothing
  probation,  ///< it gets one request, and by that it is judged
};
std::string_view to_text(Standing standing);

/// Requests of one server that ended, since the start.
struct Outcomes {
  std::uint64_t good = 0;
  std::uint64_t bad = 0;  ///< throttled ones as well
};

/// The share of good requests in a sliding window: a ring of ten buckets and the exact quotient of
/// what is in them. (A moving average would hide a burst behind the calm before.) Pure.
class SuccessWindow {
 public:
  explicit SuccessWindow(Duration window) : bucket_(window / buckets) {}

  void add(const Outcomes& more, Instant now);
  /// What ended in the nine to ten buckets before `now`.
  Outcomes within(Instant now);
  void clear() { ring_ = {}; }

 private:
  static constexpr std::size_t buckets = 10;
  void advance(Instant now);

  Duration bucket_;
  std::int64_t turn_ = 0;  ///< the number of the newest bucket since the clock's zero
  std::array<Outcomes, buckets> ring_{};
};

/// Decides which servers of one farm in one room are ejected. Pure; one owner, the main thread.
///
/// Ejected is who failed `failures` requests in a row, or, with at least `min_requests` in the
/// window, succeeded in less than the share `success_rate` of them. Never so many that more than
/// `most` would be out, and never the last that its probes call up; if those that are left go down,
/// all that were ejected come back at once, for a bad copy is better than none.
///
/// An ejection lasts `backoff`, then one request decides. If it fails, or if the server is ejected
/// again before it was back for as long as it had been out, the next one lasts twice as long, up to
/// `backoff_max`.
class Outliers {
 public:
  /// What is known of one server at a step.
  struct Seen {
    bool present = true;     ///< one of the farm's copies; of others nothing counts
    bool candidate = false;  ///< up by its probes, and of a weight above 0
    std::uint32_t streak = 0;
    Outcomes outcomes;
    Trial::State trial = Trial::State::closed;
  };
  struct Change {
    std::size_t server = 0;
    Standing to = Standing::good;
    std::string reason;
  };
  struct Copy {
    Standing standing = Standing::good;
    std::string reason;  ///< why it was ejected last; empty if it never was
    Instant until{};     ///< when an ejection ends
    std::uint64_t ejections = 0;
  };

  /// All that counts for or against a server but the window of its last requests.
  struct Record {
    Copy copy;
    Duration length{};   ///< of its last ejection; zero: it never was out
    Instant returned{};  ///< from it
  };

  Outliers(const topology::OutlierRule& rule, std::size_t servers) {
    set_rule(rule, servers);
    make_places(servers);
  }

  /// The rule from now on, and who came and went, as Farm::change() makes it true: heirs are
  /// judged on where their predecessors were; against others that return nothing of before counts.
  void change(const topology::OutlierRule& rule, const CopyPlan& plan);

  /// One element for each place of the farm. The caller makes the changes true.
  std::vector<Change> step(std::span<const Seen> seen, Instant now);

  const Copy& copy(std::size_t server) const { return judged_[server].copy; }
  Record record(std::size_t server) const;
  /// What another process knew of this server is true from now on. The caller makes its standing
  /// true.
  void inherit(std::size_t server, Record record);
  /// How many may be out at once.
  std::size_t most() const { return most_; }

 private:
  struct Judged {
    Copy copy;
    SuccessWindow window;
    Outcomes counted;    ///< of the outcomes, those that are in the window or too old
    Duration length{};   ///< of the last ejection
    Instant returned{};  ///< from it
  };

  void set_rule(const topology::OutlierRule& rule, std::size_t copies);
  void make_places(std::size_t places);
  void forget(std::size_t server);
  void count(Judged& judged, const Seen& seen, Instant now) const;
  std::string fault_of(Judged& judged, const Seen& seen, Instant now) const;
  bool may_eject(std::size_t server, std::span<const Seen> seen) const;
  void judge(std::size_t server, std::span<const Seen> seen, Instant now);
  void eject(std::size_t server, std::string reason, bool again, Instant now);
  void readmit(std::size_t server, std::string reason, Instant now);
  void rescue(std::span<const Seen> seen, Instant now);

  topology::OutlierRule rule_;
  std::size_t most_ = 0;
  std::vector<Judged> judged_;
  std::vector<Change> changes_;  ///< of the present step
};

}  // namespace hither::lb
