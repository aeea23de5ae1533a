// SPDX-License-Identifier: Apache-2.0
#include "dns/ecs.h"

#include <algorithm>

namespace hither::dns {
namespace {

unsigned bits_of(ClientSubnet::Family family) {
  return family == ClientSubnet::Family::ipv4 ? 32 : 128;
}

bool bits_set_behind(const ClientSubnet& subnet) {
  const unsigned used = subnet.source_length % 8U;
  if (used == 0) return false;
  return (subnet.address_octets().back() & std::byte(0xffU >> used)) != std::byte{0};
}

std::optional<SubnetFault> read(ByteView data, ClientSubnet& subnet) {
  Reader in(data);
  const std::uint16_t family = in.u16();
  subnet.source_length = in.u8();
  const std::uint8_t scope_length = in.u8();
  if (!in.ok()) return SubnetFault::too_short;
  if (family != 1 && family != 2) return SubnetFault::family;
  subnet.family = static_cast<ClientSubnet::Family>(family);
  if (subnet.source_length > bits_of(subnet.family)) return SubnetFault::source_length;
  if (scope_length != 0) return SubnetFault::scope_not_zero;
  const ByteView octets = in.take(subnet.address_octets().size());
  if (!in.ok() || in.left() > 0) return SubnetFault::address_length;
  std::ranges::copy(octets, subnet.address.begin());
  if (bits_set_behind(subnet)) return SubnetFault::trailing_bits;
  return std::nullopt;
}

}  // namespace

Address ClientSubnet::first() const {
  if (family == Family::ipv4) return Address::v4(std::span(address).first<4>());
  return Address::v6(address);
}

std::uint8_t ClientSubnet::scope_of(int depth) const {
  return static_cast<std::uint8_t>(family == Family::ipv4 ? std::max(depth - 96, 0) : depth);
}

std::optional<ClientSubnet> parse_client_subnet(ByteView data, SubnetFault* fault) {
  ClientSubnet subnet;
  const auto found = read(data, subnet);
  if (!found) return subnet;
  if (fault != nullptr) *fault = *found;
  return std::nullopt;
}

void write_client_subnet(const ClientSubnet& subnet, std::uint8_t scope, Writer& out) {
  out.u16(static_cast<std::uint16_t>(subnet.family));
  out.u8(subnet.source_length);
  out.u8(scope);
  out.bytes(subnet.address_octets());
}

}  // namespace hither::dns
