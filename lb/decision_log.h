// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/published.h"
#include "lb/decision.h"

namespace hither::lb {

/// The last decisions of one thread about one farm: a ring that the thread writes and the main
/// thread reads. To record one costs about as much as to serve a hundredth of a request, so of many
/// only a sample is kept: 32 at once and 50 a second, and all retries, which the budget bounds.
/// Somebody who wants to see all says so for a while.
class DecisionLog {
 public:
  static constexpr std::size_t kept = 256;
  static constexpr std::int64_t burst = 32;
  static constexpr std::int64_t per_second = 50;

  /// Should the decision that is made now be recorded? The writing thread, once for each; 2 ns.
  bool wants(bool retry, Instant now) {
    if (retry || now.time_since_epoch().count() < all_until_.load(std::memory_order_relaxed)) {
      return true;
    }
    // As many intervals as have passed since `spent_`, and no more than a burst.
    constexpr Duration interval = Duration(std::chrono::seconds(1)) / per_second;
    const Instant least = now - burst * interval;
    if (spent_ < least) spent_ = least;
    if (spent_ + interval > now) return false;
    spent_ += interval;
    return true;
  }
  void add(const Decision& decision) {
    const std::uint64_t number = added_.load(std::memory_order_relaxed);
    ring_[number % kept].set(decision);
    added_.store(number + 1, std::memory_order_release);
  }

  /// Record every decision until then. Any thread.
  void record_all(Instant until) {
    all_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
  }
  bool records_all(Instant now) const {
    return now.time_since_epoch().count() < all_until_.load(std::memory_order_relaxed);
  }
  /// The newest first. Any thread.
  std::vector<Decision> newest() const;

 private:
  std::vector<Published<Decision>> ring_{kept};
  std::atomic<std::uint64_t> added_{0};
  std::atomic<std::int64_t> all_until_{0};
  Instant spent_{};  ///< the sample is spent up to here
};

}  // namespace hither::lb
