// SPDX-License-Identifier: Apache-2.0
//
// Any octets as client subnet options, one query for each: what is malformed is FORMERR without a
// trace of the option; all else is echoed as it came, with a scope that a resolver's cache
// (RFC 7871 s7.3) can rely on: scopes never overlap, and all of a block get what it was told.
//
// The first octet's highest bit says which server is asked: one that takes private subnets as they
// are given, or one that leaves them to the resolver.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/assert.h"
#include "dns/client_map.h"
#include "dns/ecs.h"
#include "dns/encode.h"
#include "dns/protocol.h"
#include "dns/query.h"
#include "dns/responder.h"

namespace hither::dns {
namespace {

constexpr std::size_t options_max = 64;  // of one input
constexpr std::uint8_t option_octets_max = 32;

std::shared_ptr<const Snapshot> make_snapshot(std::shared_ptr<const Protocol> protocol) {
  topology::Description description;
  description.file = "fuzz.toml";
  description.dns.listen = {*parse_endpoint("127.0.0.1:5300")};
  description.zones = {{.name = "example.test"}};
  description.farms = {"web"};
  description.names = {{.name = "www.example.test", .farm = "web"}};
  for (int i = 0; i < 4; ++i) {
    topology::Room room{.name = "room-" + std::to_string(i), .location = {8.0 * i, 80.0 * i - 120}};
    room.address = {Address::v4(0x7f0a0001U + 0x10000U * static_cast<unsigned>(i))};
    room.farms = {topology::Farm{.name = "web"}};
    description.rooms.push_back(room);
  }
  for (const char* prefix : {"10.1.0.0/16", "10.1.2.0/24", "10.1.2.128/25", "192.0.2.0/24",
                             "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::/64"}) {
    const double degrees = static_cast<double>(description.networks.size());
    description.networks.push_back(
        {.prefix = *parse_prefix(prefix), .location = {9.0 * degrees, 50 * degrees - 140}});
  }
  std::vector<Error> mistakes;
  const Geography geography({}, description.networks);
  const std::vector<std::string> texts(1);
  auto directory = build_directory(description, texts,
                                   ClientMaps::build(geography, description, mistakes), mistakes);
  ASSERT(directory != nullptr);
  RoomStates states(description.rooms.size(), 1);
  for (std::size_t room = 0; room < description.rooms.size(); ++room) {
    states.at(room, 0).runs = true;
    states.at(room, 0).state = room == 1 ? RoomState::down : RoomState::up;
    states.at(room, 0).holds_for = std::chrono::seconds(3);
  }
  states.set_complete(true);
  return std::make_shared<const Snapshot>(
      Snapshot{std::move(directory), states, std::move(protocol)});
}

Responder& server(bool private_by_resolver) {
  static Responder as_given(make_snapshot(nullptr));
  static Responder by_resolver(make_snapshot(
      make_protocol({.private_subnets = topology::DnsProtocol::PrivateSubnets::resolver},
                    {.secrets = {SipKey{}}})));
  return private_by_resolver ? by_resolver : as_given;
}

/// What was said to one subnet.
struct Told {
  ClientSubnet subnet;
  int scope = 0;
  Bytes records;  ///< question and answer section

  bool tailored() const { return scope > 0; }
};

constexpr std::size_t opt_fixed_size = 11;  // root, type, class, TTL, length
constexpr std::size_t option_head_size = 4;

Bytes make_query(ByteView option) {
  Bytes packet(512);
  Writer out(packet);
  for (const unsigned word : {0x1234U, 0U, 1U, 0U, 0U, 1U}) {
    out.u16(static_cast<std::uint16_t>(word));
  }
  out.bytes(Name::parse("www.example.test")->wire());
  out.u16(static_cast<std::uint16_t>(Type::a));
  out.u16(static_cast<std::uint16_t>(Class::in));
  out.u8(0);
  out.u16(static_cast<std::uint16_t>(Type::opt));
  out.u16(udp_payload_max);
  out.u32(0);
  out.u16(static_cast<std::uint16_t>(option.size() + option_head_size));
  out.u16(static_cast<std::uint16_t>(Option::client_subnet));
  out.u16(static_cast<std::uint16_t>(option.size()));
  out.bytes(option);
  ASSERT(out.ok());
  packet.resize(out.size());
  return packet;
}

/// Asks with the option and checks what is true of every answer. nullopt: it was refused.
std::optional<Told> ask(Responder& responder, ByteView option) {
  static std::vector<std::byte> out(message_size_max);
  const std::size_t size =
      responder.respond(make_query(option), {.client = Address::v4(0xc0000201U)}, out);
  ASSERT(size >= header_size);
  const ByteView message = ByteView(out).first(size);
  const auto subnet = parse_client_subnet(option);
  const auto rcode = std::to_integer<unsigned>(message[3]) & 0xfU;
  if (!subnet) {
    ASSERT(rcode == static_cast<unsigned>(Rcode::formerr));
    ASSERT(message[size - 1] == std::byte{0} && message[size - 2] == std::byte{0});  // no options
    return std::nullopt;
  }
  ASSERT(rcode == 0);
  // The option ends the message, as it came but for its scope.
  const ByteView echoed = message.last(option.size());
  for (std::size_t i = 0; i < option.size(); ++i) ASSERT(i == 3 || echoed[i] == option[i]);
  const int scope = std::to_integer<int>(echoed[3]);
  ASSERT(scope <= (subnet->family == ClientSubnet::Family::ipv4 ? 32 : 128));
  ASSERT(!subnet->opted_out() || scope == 0);
  const ByteView records =
      message.first(size - option.size() - option_head_size - opt_fixed_size).subspan(header_size);
  return Told{.subnet = *subnet, .scope = scope, .records = Bytes(records.begin(), records.end())};
}

int bit_of(const ClientSubnet& subnet, int bit) {
  const auto octet = std::to_integer<unsigned>(subnet.address[static_cast<std::size_t>(bit / 8)]);
  return static_cast<int>(octet >> (7 - bit % 8) & 1U);
}

bool same_bits(const ClientSubnet& one, const ClientSubnet& other, int bits) {
  for (int bit = 0; bit < bits; ++bit) {
    if (bit_of(one, bit) != bit_of(other, bit)) return false;
  }
  return true;
}

/// The last address of the block that the scope names gets the same.
void check_end_of_block(Responder& responder, const Told& told) {
  ClientSubnet last = told.subnet;
  const int bits = last.family == ClientSubnet::Family::ipv4 ? 32 : 128;
  for (int bit = told.scope; bit < bits; ++bit) {
    last.address[static_cast<std::size_t>(bit / 8)] |=
        static_cast<std::byte>(1U << static_cast<unsigned>(7 - bit % 8));
  }
  last.source_length = static_cast<std::uint8_t>(bits);
  Bytes option(option_octets_max);
  Writer out(option);
  write_client_subnet(last, 0, out);
  const auto again = ask(responder, out.written());
  ASSERT(again && again->scope == told.scope && again->records == told.records);
}

void check_pair(const Told& one, const Told& other) {
  if (one.subnet.family != other.subnet.family) return;
  if (!same_bits(one.subnet, other.subnet, std::min(one.scope, other.scope))) return;
  ASSERT(one.scope == other.scope && one.records == other.records);
}

}  // namespace
}  // namespace hither::dns

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hither;
  Reader in(ByteView(reinterpret_cast<const std::byte*>(data), size));
  dns::Responder& responder = dns::server(size > 0 && data[0] >= 0x80);
  std::vector<dns::Told> all;
  for (std::size_t count = 0; in.left() > 0 && count < dns::options_max; ++count) {
    const std::size_t wanted = in.u8() % dns::option_octets_max;
    const auto told = dns::ask(responder, in.take(std::min(wanted, in.left())));
    if (!told || !told->tailored()) continue;
    dns::check_end_of_block(responder, *told);
    for (const dns::Told& other : all) dns::check_pair(*told, other);
    all.push_back(*told);
  }
  return 0;
}
