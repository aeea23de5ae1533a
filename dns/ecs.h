// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

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

/// What is wrong with the option of a query. Each is FORMERR (s7.2.1); they are told apart to be
/// counted.
enum class SubnetFault : std::uint8_t {
  too_short,       ///< for family, source and scope
  family,          ///< not 1 or 2 (also 0: s7.1.2 leaves it open, gdnsd and BIND refuse it)
  source_length,   ///< beyond the family's bits
  scope_not_zero,  ///< in a query (s6)
  address_length,  ///< fewer or more octets than the source length needs (s6)
  trailing_bits,   ///< a bit set behind the source length (s6)
  twice,           ///< a second option in one query
};
constexpr std::array<std::string_view, 7> subnet_faults = {
    "too_short",      "family",        "source_length", "scope_not_zero",
    "address_length", "trailing_bits", "twice"};

/// Reads the option's data. nullopt: it is malformed, and `fault`, if given, is how: the first in
/// that order if there are several. One option knows nothing of a second: it is never `twice`.
std::optional<ClientSubnet> parse_client_subnet(ByteView data, SubnetFault* fault = nullptr);

/// The data of the option as it is answered.
void write_client_subnet(const ClientSubnet& subnet, std::uint8_t scope, Writer& out);

}  // namespace hither::dns
