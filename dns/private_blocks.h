// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>

#include "base/ip.h"
#include "dns/ecs.h"

namespace hither::dns {

/// The blocks of addresses that say nothing about where a client is (topology/private_space.h).
/// Under `dns.private_subnets = "resolver"` a client subnet that begins in one of them is answered
/// for the resolver, and the scope is the whole block (RFC 7871 s11.3). Pure; a walk over nine
/// blocks.

/// The length (of 128) of the block that holds `address`; nullopt if none does.
std::optional<int> private_block_length(const Address& address);

/// The length of the widest block round `address` that no private block lies in. Where private
/// blocks are answered apart, scopes must not be wider than this: otherwise one of 8.0.0.0/5 would
/// hold for 10.0.0.0/8, too (RFC 7871 s7.2.1). Precondition: `address` is in none of them.
int widest_public_length(const Address& address);

/// Which client subnet decides what a query is answered with, and for how wide a block.
struct SubnetUse {
  /// `asked` is that of the query, or nullptr; it must live as long.
  SubnetUse(const ClientSubnet* asked, bool private_by_resolver);

  /// The scope, in 128-bit lengths, of an answer that the view made for `view_depth`.
  int depth(int view_depth) const { return fixed > 0 ? fixed : std::max(view_depth, least); }

  const ClientSubnet* subnet;  ///< nullptr: the resolver's address decides
  int fixed = 0;               ///< the private block of the subnet that was asked with; 0: none
  int least = 0;               ///< no wider than this
};

}  // namespace hither::dns
