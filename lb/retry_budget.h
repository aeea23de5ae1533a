// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace hither::lb {

/// How many requests of one farm may be given to a second copy: so that, when all copies are in
/// trouble, retries do not multiply the load that is the trouble. In the last ten seconds at most a
/// fifth of the requests, or three a second if that is more (Finagle's and Linkerd's rule). Beyond
/// the fifth no more than three are in progress at once (Envoy's least): one after the other they
/// see a farm with few requests over the death of a copy, all at once they would be a burst.
///
/// Data threads take() with atomic operations, and only for a retry; the main thread says a few
/// times a second what is left, by the counters it sums anyway. Between two of its steps threads
/// can take no more than what was left at the first, so the bound is late by one step at most.
class RetryBudget {
 public:
  static constexpr int percent = 20;
  static constexpr int per_second = 3;
  static constexpr int seconds = 10;
  static constexpr int at_once = 3;  ///< beyond the fifth

  /// May one request be tried again? Then it is counted as taken, and in progress until done(). Any
  /// thread.
  bool take();
  void done() { in_progress_.fetch_sub(1, std::memory_order_relaxed); }
  /// `requests` is all there were since the start. Main thread; pure but for take().
  void step(std::uint64_t requests, Instant now);

  /// How many could be taken now, one after the other: what step() last left, less what was taken
  /// since; only of the fifth while so many are in progress that nothing else is to be had.
  std::int64_t left() const {
    const bool full = in_progress_.load(std::memory_order_relaxed) >= at_once;
    return (full ? share_left_ : left_).load(std::memory_order_relaxed);
  }
  /// All that were taken, and all that were refused, since the start.
  std::uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  struct Second {
    std::uint64_t requests = 0;
    std::uint64_t retries = 0;
  };

  std::atomic<std::int64_t> left_{std::int64_t{per_second} * seconds};
  std::atomic<std::int64_t> share_left_{0};  ///< of the fifth alone
  std::atomic<std::int64_t> in_progress_{0};
  std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> refused_{0};
  // Of the main thread:
  Second counted_;         ///< since the start
  std::int64_t turn_ = 0;  ///< the number of the newest second
  std::array<Second, seconds> ring_{};
};

}  // namespace hither::lb
