// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace hither {

/// A queue of fixed size from one thread to one other, without locks: push() is for the one, pop()
/// for the other. Neither ever waits: what does not fit is refused, for the caller to count. No
/// allocation once it is made; both cost a copy of the record. This is how a data thread hands what
/// it notes (a query, a request) to whoever writes it down.
template <class Record>
class Ring {
 public:
  /// For so many records that wait, at most.
  explicit Ring(std::size_t capacity) : records_(capacity) {}

  /// False: it is full, and the record is lost.
  bool push(const Record& record) {
    const std::uint64_t pushed = pushed_.load(std::memory_order_relaxed);
    if (pushed - popped_.load(std::memory_order_acquire) == records_.size()) return false;
    records_[pushed % records_.size()] = record;
    pushed_.store(pushed + 1, std::memory_order_release);
    return true;
  }

  /// The oldest; nullopt: none waits.
  std::optional<Record> pop() {
    const std::uint64_t popped = popped_.load(std::memory_order_relaxed);
    if (popped == pushed_.load(std::memory_order_acquire)) return std::nullopt;
    std::optional<Record> record = records_[popped % records_.size()];
    popped_.store(popped + 1, std::memory_order_release);
    return record;
  }

 private:
  static constexpr std::size_t line = 64;  // octets that two cores do not share without cost

  std::vector<Record> records_;
  alignas(line) std::atomic<std::uint64_t> pushed_{0};
  alignas(line) std::atomic<std::uint64_t> popped_{0};
};

}  // namespace hither
