// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace hither {

/// A small value that one thread sets now and then and any thread reads, without a lock: a seqlock
/// over atomic words (Boehm, "Can seqlocks get along with programming language memory
/// models?", 2012). A reader that meets a write tries again, so writes must be rare. Reading costs
/// a few nanoseconds.
template <class Value>
class Published {
  static_assert(std::is_trivially_copyable_v<Value>);

 public:
  Published() { set(Value{}); }
  explicit Published(const Value& value) { set(value); }

  /// One thread, or several that take turns.
  void set(const Value& value) {
    Words words{};
    std::memcpy(words.data(), &value, sizeof(Value));
    const std::uint64_t turn = turn_.load(std::memory_order_relaxed);
    turn_.store(turn + 1, std::memory_order_relaxed);  // Odd: being written.
    for (std::size_t i = 0; i < words.size(); ++i) {
      words_[i].store(words[i], std::memory_order_release);
    }
    turn_.store(turn + 2, std::memory_order_release);
  }

  Value get() const {
    Words words{};
    while (true) {
      const std::uint64_t turn = turn_.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < words.size(); ++i) {
        words[i] = words_[i].load(std::memory_order_acquire);
      }
      if (turn % 2 == 0 && turn_.load(std::memory_order_relaxed) == turn) break;
    }
    std::array<std::byte, sizeof(Value)> bytes;
    std::memcpy(bytes.data(), words.data(), bytes.size());
    return std::bit_cast<Value>(bytes);
  }

 private:
  static constexpr std::size_t words_count = (sizeof(Value) + 7) / 8;
  using Words = std::array<std::uint64_t, words_count>;

  std::atomic<std::uint64_t> turn_{0};
  std::array<std::atomic<std::uint64_t>, words_count> words_{};
};

}  // namespace hither
