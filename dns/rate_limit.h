// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/ip.h"
#include "base/time.h"

namespace hither::dns {

/// How much is answered.
struct RateLimits {
  int per_second = 0;  ///< to one address, by the whole process; 0: no limit
  int slip = 2;        ///< of what is beyond the limit every so many-th is cut short; 0: none
  std::vector<Prefix> exempt;

  friend bool operator==(const RateLimits&, const RateLimits&) = default;
};

/// What was answered to each network lately: one table for all threads of a process, whatever
/// sockets they have, so that a limit is one however a flood is spread over them. It knows no
/// limits, so it outlives a change of them. Its memory is fixed. Any thread, no lock: threads that
/// meet in a counter try again (compare and swap), relaxed, since nothing else is read by it.
///
/// Each network has a bucket of tokens: `per_second` of them come in a second, and no more than
/// that can lie in it. An address is counted as itself and as the networks round it, whose buckets
/// are larger (`ladder_ipv4`, `ladder_ipv6`): who varies the last octet gains little. An answer is
/// sent if each of these buckets has a token left, and only then takes one from each: so a flood
/// still gets its limit, and nobody is locked out for longer than it lasts. Threads that look into
/// a bucket at the same moment may all take its last token: one answer more for each of them.
///
/// A counter is the time at which the bucket will be full again (GCRA), so nothing has to age.
/// Counters are kept as in Knot's KRU: cache lines of eight, found by a hash; a network that is not
/// in its line takes over the counter that stands lowest, with what stands there. So all who are
/// beyond their limit are found, whatever else comes; and who is new may be taken for slightly
/// worse than it is, when more networks ask at once than there are counters (32,768).
class RateTable {
 public:
  /// `seed` is secret, so that nobody can aim at the counters of others.
  explicit RateTable(std::uint64_t seed) : seed_(seed), lines_(lines) {}

  /// Takes a token for one answer to `client`; false: there is none. No allocation. Cost: a cache
  /// line for each of the networks round it. Threads' times may differ by a second.
  /// Precondition: per_second > 0.
  bool take(const Address& client, int per_second, Instant now);

 private:
  static constexpr std::size_t lines = 4096;  // 256 KiB

  /// 16 bits of the network's hash over 48 of the time; 0: never used.
  using Counter = std::atomic<std::uint64_t>;
  struct alignas(64) Line {
    std::array<Counter, 8> counters{};
  };
  static_assert(sizeof(Line) == 64);
  struct Found {
    Counter* counter = nullptr;
    std::uint64_t tag = 0;   ///< in its place
    std::uint64_t wait = 0;  ///< until the bucket is full again, in ticks
  };

  Found find(const Address& network, int length, std::uint64_t now);
  static void raise(const Found& found, std::uint64_t weight, std::uint64_t now);

  std::uint64_t seed_;
  std::vector<Line> lines_;
};

/// Response-rate limiting: how many answers over UDP one network may be sent, so that a flood of
/// queries with a forged source does not flood who lives there. Addresses and instants in, a
/// verdict out. One per data thread; all of a process share the table, which is all their state
/// but for whose turn it is to be cut short.
class RateLimiter {
 public:
  enum class Verdict {
    send,
    cut,   ///< send it cut short, so that an honest asker comes back over TCP
    drop,  ///< send nothing
  };

  /// Precondition: there is a table.
  RateLimiter(RateLimits limits, std::shared_ptr<RateTable> table);

  /// About one answer to `client`. The cost is that of RateTable::take().
  Verdict check(const Address& client, Instant now);
  bool is_of(const RateLimits& limits, const std::shared_ptr<RateTable>& table) const {
    return limits_ == limits && table_ == table;
  }

 private:
  RateLimits limits_;
  std::shared_ptr<RateTable> table_;
  int beyond_ = 0;  ///< answers beyond the limit since the last that was cut short
};

}  // namespace hither::dns
