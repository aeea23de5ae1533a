// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ip.h"

namespace hither::dns {

/// The client subnet option (RFC 7871): the block of addresses a resolver asks for. Kept as it
/// came, because it must be echoed bit for bit (s7.2.1, s11.2). A plain value; pure.
struct ClientSubnet {
  enum class Family : std::uint16_t { ipv4 = 1, ipv6 = 2 };

  Family family = Family::ipv4;
  std::uint8_t source_length = 0;          ///< in the family's own bits
  std::array<std::byte, 16> address = {};  ///< zero behind source_length

  /// The octets that are on the wire: as many as source_length needs.
  ByteView address_octets() const { return {address.data(), (source_length + 7U) / 8U}; }
  /// The asker wants no decision by its clients' address (s7.1.2). Never refused: the resolver's
  /// own address decides, and the scope is 0.
  bool opted_out() const { return source_length == 0; }
  /// The first address of the block, which decides. What becomes of private ones is for
  /// dns/private_blocks.h. An address of family 2 in ::ffff:0:0/96 is where IPv4 lies; 6to4, Teredo
  /// and NAT64 are IPv6 like any other (docs/client_subnet.md says why).
  Address first() const;
  /// A depth of 0 to 128 in the client map, in this family's bits.
  std::uint8_t scope_of(int depth) const;
};

/// Reads the option's data. nullopt is FORMERR (s7.2.1), for each of these:
///  1. too short for family, source and scope;
///  2. a family other than 1 and 2 (also 0: s7.1.2 leaves it open, gdnsd and BIND refuse it);
///  3. a source length beyond the family's bits;
///  4. a scope that is not 0 in a query (s6);
///  5. fewer or more address octets than the source length needs (s6);
///  6. a bit set behind the source length (s6).
std::optional<ClientSubnet> parse_client_subnet(ByteView data);

/// The data of the option as it is answered.
void write_client_subnet(const ClientSubnet& subnet, std::uint8_t scope, Writer& out);

}  // namespace hither::dns
