// SPDX-License-Identifier: Apache-2.0
#include "dns/private_blocks.h"

#include <algorithm>

#include "base/bits128.h"
#include "topology/private_space.h"

namespace hither::dns {
using topology::private_space;
using topology::PrivateBlock;

std::optional<int> private_block_length(const Address& address) {
  const Bits128 bits = to_bits(address);
  for (const PrivateBlock& block : private_space) {
    if (bits >= block.first && bits <= block_last(block.first, block.length)) return block.length;
  }
  return std::nullopt;
}

int widest_public_length(const Address& address) {
  const Bits128 bits = to_bits(address);
  int length = 0;
  for (const PrivateBlock& block : private_space) {
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
