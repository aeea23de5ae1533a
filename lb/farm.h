// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/counter.h"
#include "base/http_head.h"
#include "base/ip.h"
#include "base/published.h"
#include "base/room.h"
#include "lb/admission.h"
#include "lb/allotment.h"
#include "lb/copy_plan.h"
#include "lb/decision_log.h"
#include "lb/feedback.h"
#include "lb/outlier.h"
#include "lb/panic.h"
#include "lb/retry_budget.h"
#include "lb/timings.h"
#include "topology/description.h"

namespace hither::lb {

/// What one thread counted about one server.
struct alignas(64) ServerTotals {
  std::array<Counter, 6> results;  ///< by first digit of the status; [0]: no response came
  Counter connects;                ///< connections opened
  Counter connect_failures;
  Counter reused;   ///< requests that found an idle connection
  Counter retries;  ///< requests taken away and given to another connection
  Counter good;     ///< requests by what they say about the server (lb/outlier.h)
  Counter bad;
  Counter throttled;
  Counter good_ns;  ///< response times of the good ones, in all
  Timings timings;  ///< of the requests it got
};

/// What one thread counted about one farm, where no server had a part in it.
struct alignas(64) FarmTotals {
  Counter clients;        ///< connections accepted
  Counter requests;       ///< well-formed requests, or connections in TCP mode
  Counter rejected;       ///< requests we answered 4xx ourselves
  Counter unserved;       ///< answered 502 or 503 (or closed, in TCP mode) for want of a server
  Counter late;           ///< answered 408 or 504
  Counter shed;           ///< of the unserved, those that were refused in panic (lb/panic.h)
  Counter unlogged;       ///< whose line of the access log was dropped
  Counter aborted;        ///< given up because the client left, or took too little
  Counter relayed_bytes;  ///< that went through a pipe, either way, and not through this process
  Timings timings;        ///< of all requests, whoever served them
};

/// One stage over all threads; for ServerTotals and FarmTotals.
template <class Totals>
HistogramView times_of(const std::vector<Totals>& threads, Stage stage) {
  HistogramView view;
  for (const Totals& totals : threads) totals.timings.of(stage).read_into(view);
  return view;
}

/// One copy of a farm as the balancer sees it. Gauges and totals may be read by any thread at any
/// time. It never moves in memory, and is never forgotten: a server that leaves the farm keeps its
/// place and its counters, in case it returns.
class Server {
 public:
  Server(CopyIdentity identity, unsigned threads);

  /// "web-2".
  const std::string& name() const { return identity_.name; }
  /// As it was described: "127.10.0.1:20001" or "web.internal:8080".
  const std::string& address() const { return identity_.address; }
  const CopyIdentity& identity() const { return identity_; }

  /// Where to connect to; nullopt while its name is not resolved. The main thread sets it; any may
  /// ask.
  std::optional<Endpoint> endpoint() const;
  void resolve(const Endpoint& endpoint);

  /// Is it one of the farm's copies? If not, it only finishes what it has.
  bool present() const { return present_.load(std::memory_order_acquire); }
  /// Up by its probes, and not out for what became of its requests? One that is not present is not
  /// up.
  bool usable() const { return healthy() && standing() == Standing::good; }
  /// May it be picked? If it is usable; in panic perhaps whatever is said of it.
  bool eligible() const { return usable() || (in_any_case() && present()); }
  bool in_any_case() const { return in_any_case_.load(std::memory_order_acquire); }
  bool healthy() const { return healthy_.load(std::memory_order_acquire); }
  Standing standing() const { return standing_.load(std::memory_order_acquire); }
  Trial& trial() { return trial_; }
  /// Requests at once that it is ever given; 0: no limit.
  std::uint32_t limit() const { return limit_.load(std::memory_order_relaxed); }
  bool full() const { return limit() > 0 && in_flight_.level() >= limit(); }
  /// Counts one request more in flight, for Lease::of_claim(); 0 if it is full, else how many they
  /// are now. Exact, whatever other threads do at the same time.
  std::uint32_t claim();
  /// Gives a claim back, or what the end of a request leaves: to the first who waits, if anybody
  /// does.
  void give_back(std::uint32_t index, bool offer = true);
  /// Calls those who wait while it has places for them.
  void offer_places(std::uint32_t index);
  /// Its share beside the others', as it has it now; 0: it gets nothing new.
  std::uint32_t weight() const { return weight_.load(std::memory_order_acquire); }
  /// How much it has of what it gets when it is warm, 0 to 1 (lb/slow_start.h). Its weight and
  /// limit heed that already.
  double share() const { return share_.load(std::memory_order_relaxed); }
  /// A hash of its address, the same in every process.
  std::uint64_t address_hash() const { return address_hash_; }
  const Feedback& feedback() const { return feedback_; }
  /// What a sticky cookie names it by, and the field that sets that cookie; 0 and empty where the
  /// farm has none.
  std::uint64_t token() const { return identity_.token; }
  const std::string& set_cookie() const { return identity_.set_cookie; }
  const Gauge& in_flight() const { return in_flight_; }
  const Gauge& connecting() const { return connecting_; }
  ServerTotals& totals(unsigned thread) { return totals_[thread]; }
  /// One of the counters over all threads: `sum([](const ServerTotals& t) { return t.connects; })`.
  template <class Select>
  std::uint64_t sum(Select select) const {
    std::uint64_t sum = 0;
    for (const ServerTotals& totals : totals_) sum += select(totals).total();
    return sum;
  }
  /// How long its requests took since the start; how long lately.
  HistogramView times(Stage stage) const { return times_of(totals_, stage); }
  HistogramView recent(Stage stage) const { return recent_.view(stage, times(stage)); }

 private:
  friend class Farm;
  friend class Lease;

  CopyIdentity identity_;
  std::uint64_t address_hash_;
  Published<Endpoint> endpoint_;  ///< port 0: not resolved
  std::atomic<bool> present_{true};
  std::atomic<bool> healthy_{false};
  std::atomic<Standing> standing_{Standing::good};
  std::atomic<std::uint32_t> weight_{topology::weight_usual};
  std::atomic<std::uint32_t> limit_{0};
  std::atomic<double> share_{1};
  std::atomic<bool> in_any_case_{false};
  Admission* admission_ = nullptr;  ///< of its farm
  alignas(64) Gauge in_flight_;     ///< their own cache line: every request writes it
  Gauge connecting_;
  Feedback feedback_;
  Streak streak_;
  Trial trial_;
  std::vector<ServerTotals> totals_;
  RecentTimings recent_;  ///< the main thread's
};

/// One request's (or TCP connection's) hold on a server: counted in flight from the pick until it
/// is destroyed, so that the gauges return to zero whatever path a session takes. The server must
/// outlive it. Movable; empty by default.
class Lease {
 public:
  Lease() = default;
  /// `now` is when the request began to wait for the server.
  Lease(Server& server, std::uint32_t index, unsigned thread, Instant now = {});
  /// The same for a server where a place was claimed; `crowd` as claim() said it.
  static Lease of_claim(Server& server, std::uint32_t index, unsigned thread, Instant now,
                        std::uint32_t crowd);
  /// It is the one request that a server on probation gets; its trial was claimed.
  void on_trial() { trial_ = true; }
  ~Lease() { release(); }
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;

  explicit operator bool() const { return server_ != nullptr; }
  Server& server() const { return *server_; }
  /// Its place in the farm.
  std::uint32_t index() const { return index_; }
  ServerTotals& totals() const { return server_->totals(thread_); }

  /// A TCP connect begins; it ends with connect_done() or with the lease.
  void connect_begins();
  void connect_done(bool connected);

  /// What the server did with the request, for algorithms that ask how it does (lb/feedback.h):
  /// call one of these, once. The head of a response came;
  void answered(const ResponseHead& head, Instant now);
  /// it took the connection, in TCP mode;
  void took(Instant now);
  /// or it did neither.
  void failed(Instant now);
  /// It was never asked, for want of means of ours, which whoever came in its place would want too.
  void unused() { failed_ = true; }
  /// It has the whole request only now: what came before was the client's time. Not for requests
  /// without a body, whose connect counts.
  void request_sent(Instant now) { since_ = now; }
  void release();

 private:
  void tell(Verdict verdict, Duration took, Duration cost, Instant now);

  Server* server_ = nullptr;
  std::uint32_t index_ = 0;
  unsigned thread_ = 0;
  bool connecting_ = false;
  bool trial_ = false;       ///< claimed, and not decided yet
  bool failed_ = false;      ///< so nobody is called to its place at once
  std::uint32_t crowd_ = 1;  ///< in flight when it came, itself included
  Instant since_{};
};

/// Places for the copies of one farm, for as long as the program runs.
constexpr std::size_t servers_max = 4096;

/// The servers of one farm in one room, shared by all threads. The main thread alone changes which
/// there are, which are usable and what the description says of them, at any time; every change
/// moves generation() on, so that a thread rebuilds its list of candidates only then. A place, once
/// given to a server, stays its own.
class Farm {
 public:
  using Copies = std::vector<std::pair<std::string, std::string>>;

  /// `copies` are (name, address) pairs, at most servers_max; `farm` is copied.
  Farm(std::string room, topology::Farm farm, const Copies& copies, unsigned threads);

  const std::string& name() const { return name_; }
  /// As the description says now. What it refers to is there for as long as the caller keeps this
  /// thread's loop from going on; across callbacks, ask again.
  const topology::Farm& settings() const { return *settings_.load(std::memory_order_acquire); }
  /// All places in use, those of servers that left as well.
  std::size_t size() const { return size_.load(std::memory_order_acquire); }
  Server& server(std::size_t index) { return *servers_[index]; }
  const Server& server(std::size_t index) const { return *servers_[index]; }
  /// The places of the present ones, as the description has them. Main thread.
  const std::vector<std::size_t>& order() const { return order_; }

  /// What change() would do. Fails if there are not enough places left. Main thread.
  [[nodiscard]] Result<CopyPlan> plan(const topology::Farm& farm, const Copies& copies) const;
  /// Makes `farm` what holds from now on. Servers that join are down until a probe says otherwise,
  /// and nowhere until somebody resolves them; heirs are what their predecessors were; those that
  /// leave get nothing new. `plan` is what plan() said of the same farm just now. Main thread.
  void change(topology::Farm farm, const CopyPlan& plan);
  /// Settings that change() replaced stay until no thread can be reading them: call it when every
  /// thread has come by since. Main thread.
  void forget_old_settings() { old_settings_.clear(); }

  /// What its probes say. Main thread, as all that changes who may be picked.
  void set_usable(std::size_t index, bool usable);
  /// What another process had observed of a server. Before anybody picks it.
  void inherit_feedback(std::size_t index, const Feedback::Levels& levels, Instant now) {
    servers_[index]->feedback_.inherit(levels, now);
  }
  /// What another process had found out about what it can be given. Before anybody picks it.
  void inherit_allotment(std::size_t index, const Allotments::Learned& learned, Instant now);
  /// What its requests say: what Outliers decided.
  void set_standing(std::size_t index, Standing standing);
  /// What Outliers decides by, of each server. Main thread, at each step, for it forgets streaks.
  std::vector<Outliers::Seen> take_seen();
  /// Main thread. Its weight when it is warm, in place of the description's until the next change.
  void set_weight(std::size_t index, std::uint32_t weight);
  /// Main thread. Requests at once that the server is ever given; 0: no limit. Until the next step.
  void set_limit(std::size_t index, std::uint32_t limit);
  /// Gives each server what it should have now (Allotments), and sees whether there is panic.
  /// `known`: each was probed at least once. Main thread, a few times a second, after what changes
  /// who is usable.
  Panic::Change step_allotments(Instant now, bool known);
  const Allotments& allotments() const { return allotments_; }
  const Panic& panic() const { return panic_; }
  /// Are all servers candidates for panic? Any thread; changes with generation().
  bool spreads() const { return spreads_.load(std::memory_order_acquire); }
  /// Of 2^32 requests so many are let in; the others are refused to spare the servers. Any thread;
  /// changes with generation().
  std::uint64_t admitted() const { return admitted_.load(std::memory_order_acquire); }
  static constexpr std::uint64_t all_admitted = std::uint64_t{1} << 32;
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  /// Who waits for a place while all are full.
  Admission& admission() { return admission_; }
  const Admission& admission() const { return admission_; }
  /// Gives what places there are to those who wait. Any thread; nothing while nobody does.
  void offer_places();
  /// The same, and dismisses them if there is no server to wait for. Main thread, a few times a
  /// second: so a server that comes back, or gets a higher limit, is noticed.
  void step_queue();

  FarmReport report(Instant now = {}) const;
  /// "no copy of farm web is up in room fra (3 known: 3 down)".
  std::string why_none() const;

  unsigned threads() const { return static_cast<unsigned>(totals_.size()); }
  /// How thread `thread` came to its picks.
  DecisionLog& decisions(unsigned thread) { return *decisions_[thread]; }
  /// Any thread: every pick until then.
  void record_decisions(Instant until) {
    for (const auto& log : decisions_) log->record_all(until);
  }
  const DecisionLog& decisions(unsigned thread) const { return *decisions_[thread]; }
  FarmTotals& totals(unsigned thread) { return totals_[thread]; }
  template <class Select>
  std::uint64_t sum(Select select) const {
    std::uint64_t sum = 0;
    for (const FarmTotals& totals : totals_) sum += select(totals).total();
    return sum;
  }
  /// How long its requests took since the start; how long lately.
  HistogramView times(Stage stage) const { return times_of(totals_, stage); }
  HistogramView recent(Stage stage) const { return recent_.view(stage, times(stage)); }
  /// Lets what is old be old. Main thread, at least every RecentTimings::turn.
  void step_recent(Instant now);
  RetryBudget& retry_budget() { return retry_budget_; }
  const RetryBudget& retry_budget() const { return retry_budget_; }
  /// Client connections open now.
  Gauge& clients() { return clients_; }
  const Gauge& clients() const { return clients_; }

 private:
  std::vector<CopyIdentity> identities(const topology::Farm& farm, const Copies& copies) const;
  void welcome(const CopyPlan::Join& join);
  void change_generation() { generation_.fetch_add(1, std::memory_order_release); }
  void give(std::size_t place);
  void heed_panic();
  bool in_panic(topology::Panic::Mode mode) const {
    return panic_.active() && settings().panic.mode == mode;
  }

  std::string room_;
  std::string name_;
  unsigned threads_;
  std::unique_ptr<const topology::Farm> present_settings_;
  std::vector<std::unique_ptr<const topology::Farm>> old_settings_;
  std::atomic<const topology::Farm*> settings_{nullptr};
  std::unique_ptr<std::unique_ptr<Server>[]> servers_;  ///< never moved: threads read it
  std::atomic<std::size_t> size_{0};
  std::vector<std::size_t> order_;
  std::atomic<std::uint64_t> generation_{1};
  std::vector<FarmTotals> totals_;
  std::vector<std::unique_ptr<DecisionLog>> decisions_;  ///< by thread
  RecentTimings recent_;                                 ///< the main thread's
  Admission admission_;
  Allotments allotments_;  ///< the main thread's, as the next one
  Panic panic_;
  std::atomic<std::uint64_t> admitted_{all_admitted};
  std::atomic<bool> spreads_{false};
  alignas(64) Gauge clients_;
  alignas(64) RetryBudget retry_budget_;
};

}  // namespace hither::lb
