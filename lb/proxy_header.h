// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ip.h"
#include "topology/description.h"

namespace hither::lb {

/// The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): a header before the first
/// byte of a TCP connection, in which a balancer says who its client was. Read only on listeners
/// that demand it, because whoever may leave it out may as well forge it. Pure; any thread.

/// The longest header that is taken, with all its TLVs. Version 1 has 107 octets at most.
constexpr std::size_t proxy_header_max = 4096;

struct ProxyHeader {
  /// False for LOCAL, UNKNOWN, and families that have no IP address: the connection's own ends are
  /// to be used, as the specification asks.
  bool has_addresses = false;
  Endpoint source;
  Endpoint destination;

  friend bool operator==(const ProxyHeader&, const ProxyHeader&) = default;
};

struct ProxyHeaderResult {
  enum class Kind { complete, incomplete, bad };
  Kind kind = Kind::incomplete;
  std::size_t size = 0;          ///< octets of the header, where it is complete
  std::string_view reason = {};  ///< a static text, where it is bad
};

/// Reads the header at the start of `bytes`; what follows it belongs to the connection. Bad as soon
/// as the first octets can be no header. TLVs of version 2 are skipped: none of them changes who
/// the client is.
ProxyHeaderResult parse_proxy_header(ByteView bytes, ProxyHeader& header);

/// The header for a connection from `source` that reached us at `destination`. Of two families, the
/// IPv4 address is written as IPv4-mapped IPv6 (version 2) or the whole is UNKNOWN (version 1).
std::string proxy_header_v1(const Endpoint& source, const Endpoint& destination);
std::string proxy_header_v2(const Endpoint& source, const Endpoint& destination);

/// The header of a connection that we make on our own behalf, as a probe is: UNKNOWN (version 1) or
/// LOCAL without addresses (version 2). Empty where none is sent.
std::string proxy_header_of_probe(topology::SendProxy version);

}  // namespace hither::lb
