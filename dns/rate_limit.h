// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/ip.h"
#include "base/time.h"

namespace hither::dns {

/// What a limiter is told once.
struct RateLimits {
  int per_second = 0;  ///< to one address, by this limiter; 0: no limit
  int slip = 2;        ///< of what is beyond the limit every so many-th is cut short; 0: none
  std::vector<Prefix> exempt;
  std::uint64_t seed = 0;  ///< secret, so that nobody can aim at the counters of others

  friend bool operator==(const RateLimits&, const RateLimits&) = default;
};

/// Response-rate limiting: how many answers over UDP one network may be sent, so that a flood of
/// queries with a forged source does not flood who lives there. A pure state machine: addresses
/// and instants in, a verdict out. Its memory is fixed; one per data thread, shares nothing.
///
/// Each network has a bucket of tokens: `per_second` of them come in a second, and no more than
/// that can lie in it. An address is counted as itself and as the networks round it, whose buckets
/// are larger (`ladder_ipv4`, `ladder_ipv6`): who varies the last octet gains little. An answer is
/// sent if each of these buckets has a token left, and only then takes one from each: so a flood
/// still gets its limit, and nobody is locked out for longer than it lasts.
///
/// Counters are kept as in Knot's KRU: a table of cache lines, each with a time and ten counters
/// that fall as time goes by, found by a hash. A network that is not in its line takes over the
/// counter that stands lowest, with what stands there. So all who are beyond their limit are
/// found, whatever else comes; and who is new may be taken for slightly worse than it is, when
/// more networks ask at once than there are counters (40,960).
class RateLimiter {
 public:
  enum class Verdict {
    send,
    cut,   ///< send it cut short, so that an honest asker comes back over TCP
    drop,  ///< send nothing
  };

  explicit RateLimiter(RateLimits limits);

  /// About one answer to `client`. Cost: a cache line for each of the networks round it.
  Verdict check(const Address& client, Instant now);
  const RateLimits& limits() const { return limits_; }

 private:
  static constexpr std::size_t lines = 4096;  // 256 KiB
  static constexpr std::size_t counters = 10;

  /// `load` counts towards full_; it falls by full_ in a second, whatever the network's limit is:
  /// one answer weighs more for a network with a smaller one.
  struct alignas(64) Line {
    std::uint32_t milliseconds = 0;  ///< when the loads were as they are
    std::array<std::uint32_t, counters> loads{};
    std::array<std::uint16_t, counters> tags{};
  };
  static_assert(sizeof(Line) == 64);

  std::uint32_t& find(const Address& network, int length, std::uint32_t now);

  RateLimits limits_;
  std::vector<Line> lines_;
  int beyond_ = 0;  ///< answers beyond the limit since the last that was cut short
};

}  // namespace hither::dns
