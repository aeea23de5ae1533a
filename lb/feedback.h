// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace hither::lb {

/// How long one server takes to answer, as all threads together have seen it: what peak-ewma and
/// hot-cold pick by. Numbers only; no lock.

/// What a response with `status` counts as, where it took `took`: as long as it took, unless the
/// server could not do the work (what verdict_of() does not call good). Then at least as long as it
/// asks to be left alone (Retry-After, at most 5 minutes of it), and at least 5 s: else a server
/// that fails fast would look like the fastest and draw everybody.
Duration cost_of(int status, Duration took, Duration retry_after);
/// What a connection that broke, or was never taken, counts as.
Duration cost_of_failure(Duration took);

/// A moving average of durations in one word: any thread may observe and read at any time, each
/// with one relaxed operation (a lost race tries again). Instants of different threads may be
/// slightly out of order. Of the samples within one tick (about a millisecond) only the first
/// counts, and any peak.
class MovingAverage {
 public:
  /// `peak`: a sample above the average becomes the average at once (Finagle's rule).
  MovingAverage(Duration time_constant, bool peak) : time_constant_(time_constant), peak_(peak) {}

  /// average += (sample - average) * (1 - e^(-elapsed / time_constant)).
  void observe(Duration sample, Instant now);
  /// Zero if nothing was observed yet. Otherwise the average, fallen by 1/e for each forget_after
  /// since the last sample: a server that nobody picks any more gets another chance.
  Duration level(Instant now) const;
  /// It is what another is.
  void copy(const MovingAverage& other) {
    word_.store(other.word_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }

 private:
  std::uint64_t next(std::uint64_t seen, Duration sample, std::uint32_t tick) const;

  Duration time_constant_;
  bool peak_;
  std::atomic<std::uint64_t> word_{0};  ///< nanoseconds as float, and the tick; 0: nothing yet
};
constexpr Duration forget_after = std::chrono::seconds(10);

/// How one request went.
struct Outcome {
  Duration took{};
  Duration cost{};          ///< what it counts as: `took`, or more if it failed
  std::uint32_t crowd = 1;  ///< requests at the server when it came, itself included
};

/// The averages of a server. Any thread.
class Feedback {
 public:
  struct Levels {
    Duration peak{};  ///< zero: nothing was observed
    Duration mean{};
    Duration pace{};
  };

  /// What another process had observed is where these averages begin. Before anything is observed.
  void inherit(const Levels& levels, Instant now);
  /// These averages are those of another, which saw the same server by another name.
  void copy(const Feedback& other);
  void observe(const Outcome& outcome, Instant now);
  Duration peak(Instant now) const { return peak_.level(now); }
  Duration mean(Instant now) const { return mean_.level(now); }
  /// For each request that was there: an answer took `crowd` times as long. So it tells how long
  /// the next one will take at the load of this moment, before that load has shown in any answer.
  Duration pace(Instant now) const { return pace_.level(now); }

 private:
  MovingAverage peak_{std::chrono::seconds(10), true};
  MovingAverage mean_{std::chrono::seconds(1), false};
  MovingAverage pace_{std::chrono::seconds(1), false};
};

}  // namespace hither::lb
