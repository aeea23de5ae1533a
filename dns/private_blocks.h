// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/ip.h"

namespace hither::dns {

/// The blocks of addresses that say nothing about where a client is: private (RFC 1918, RFC 4193),
/// loopback, link-local (RFC 3927, RFC 4291) and shared ones (RFC 6598). Under
/// `dns.private_subnets = "resolver"` a client subnet that begins in one of them is answered for
/// the resolver, and the scope is the whole block (RFC 7871 s11.3). Pure; a walk over nine blocks.

/// The length (of 128) of the block that holds `address`; nullopt if none does.
std::optional<int> private_block_length(const Address& address);

/// The length of the widest block round `address` that no private block lies in. Where private
/// blocks are answered apart, scopes must not be wider than this: otherwise one of 8.0.0.0/5 would
/// hold for 10.0.0.0/8, too (RFC 7871 s7.2.1). Precondition: `address` is in none of them.
int widest_public_length(const Address& address);

}  // namespace hither::dns
