// SPDX-License-Identifier: Apache-2.0
#include "dns/private_blocks.h"

#include <algorithm>
#include <array>

#include "base/bits128.h"

namespace hither::dns {
namespace {

struct Block {
  Bits128 first;
  int length;
};

constexpr Block v4_block(std::uint32_t first, int length) {
  return {v4_first | first, 96 + length};
}

constexpr std::array<Block, 9> blocks = {{v4_block(0x0a000000, 8),                     // 10/8
                                          v4_block(0xac100000, 12),                    // 172.16/12
                                          v4_block(0xc0a80000, 16),                    // 192.168/16
                                          v4_block(0x7f000000, 8),                     // 127/8
                                          v4_block(0xa9fe0000, 16),                    // 169.254/16
                                          v4_block(0x64400000, 10),                    // 100.64/10
                                          {bits128(0xfc00'0000'0000'0000ULL, 0), 7},   // fc00::/7
                                          {bits128(0xfe80'0000'0000'0000ULL, 0), 10},  // fe80::/10
                                          {bits128(0, 1), 128}}};                      // ::1

}  // namespace

std::optional<int> private_block_length(const Address& address) {
  const Bits128 bits = to_bits(address);
  for (const Block& block : blocks) {
    if (bits >= block.first && bits <= block_last(block.first, block.length)) return block.length;
  }
  return std::nullopt;
}

int widest_public_length(const Address& address) {
  const Bits128 bits = to_bits(address);
  int length = 0;
  for (const Block& block : blocks) {
    const int in_common = 128 - bit_length(bits ^ block.first);
    length = std::max(length, in_common + 1);
  }
  return std::min(length, 128);
}

SubnetUse::SubnetUse(const ClientSubnet* asked, bool private_by_resolver) : subnet(asked) {
  if (asked == nullptr || !private_by_resolver) return;
  const std::optional<int> block = private_block_length(asked->first());
  if (block) {
    subnet = nullptr;
    fixed = *block;
  } else {
    least = widest_public_length(asked->first());
  }
}

}  // namespace hither::dns
