// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace hither {

/// A number that only grows, written by one thread and read by any: plain loads and stores, no
/// locked instruction. What several threads count is kept once per thread and summed by whoever
/// asks.
class Counter {
 public:
  void add(std::uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  std::uint64_t total() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// The largest number so far, written by one thread and read by any; 0 before the first.
class Highest {
 public:
  void raise_to(std::int64_t value) {
    if (value > value_.load(std::memory_order_relaxed)) {
      value_.store(value, std::memory_order_relaxed);
    }
  }
  std::int64_t highest() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// A level that several threads raise and lower.
class Gauge {
 public:
  /// The level it was raised to.
  std::uint32_t raise() { return value_.fetch_add(1, std::memory_order_relaxed) + 1; }
  /// The same, but never above `most`: 0 if it is there already.
  std::uint32_t raise_up_to(std::uint32_t most) {
    std::uint32_t level = value_.load();
    while (level < most) {
      if (value_.compare_exchange_weak(level, level + 1)) return level + 1;
    }
    return 0;
  }
  /// In one order with raise_up_to() for all threads: who lowers it and then finds nobody waiting
  /// is seen by who begins to wait and then tries to raise it.
  void lower() { value_.fetch_sub(1); }
  std::uint32_t level() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> value_{0};
};

}  // namespace hither
