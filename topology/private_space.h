// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "base/bits128.h"

namespace hither::topology {

/// The blocks of addresses that say nothing about where in the world a client is: private (RFC
/// 1918, RFC 4193), loopback, link-local (RFC 3927, RFC 4291) and shared ones (RFC 6598). What
/// becomes of them is for dns/private_blocks.h. None lies in another.
struct PrivateBlock {
  Bits128 first;
  int length;  ///< of 128
};

constexpr PrivateBlock private_v4(std::uint32_t first, int length) {
  return {v4_first | first, 96 + length};
}

inline constexpr std::array<PrivateBlock, 9> private_space = {
    {private_v4(0x0a000000, 8),                   // 10/8
     private_v4(0xac100000, 12),                  // 172.16/12
     private_v4(0xc0a80000, 16),                  // 192.168/16
     private_v4(0x7f000000, 8),                   // 127/8
     private_v4(0xa9fe0000, 16),                  // 169.254/16
     private_v4(0x64400000, 10),                  // 100.64/10
     {bits128(0xfc00'0000'0000'0000ULL, 0), 7},   // fc00::/7
     {bits128(0xfe80'0000'0000'0000ULL, 0), 10},  // fe80::/10
     {bits128(0, 1), 128}}};                      // ::1

/// Does all of the block lie in one of them?
inline bool is_private(const Prefix& prefix) {
  const Bits128 bits = to_bits(prefix.address);
  for (const PrivateBlock& block : private_space) {
    if (prefix.length >= block.length && bits >= block.first &&
        bits <= block_last(block.first, block.length)) {
      return true;
    }
  }
  return false;
}

}  // namespace hither::topology
