// SPDX-License-Identifier: Apache-2.0
//
// Any bytes at all against the whole DNS pipeline: silence, or an answer that is one.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// Behind the standard library, which its own bool breaks.
#include <ldns/ldns.h>

#include "base/assert.h"
#include "dns/client_map.h"
#include "dns/encode.h"
#include "dns/protocol.h"
#include "dns/query.h"
#include "dns/responder.h"

namespace hither::dns {
namespace {

constexpr const char* zone_text = R"($TTL 300
@        IN SOA ns1 hostmaster 1 3600 600 604800 60
@        IN NS ns1
ns1      IN A 192.0.2.53
alias    IN CNAME ns1
loop     IN CNAME loop
*.wild   IN MX 10 mail.wild
moved    IN DNAME deep.new
*.new    IN CNAME alias
twice    IN DNAME twice.twice
child    IN NS ns.child
ns.child IN A 192.0.2.54
sibling  IN NS ns.child
sibling  IN NS a.servers.elsewhere.invalid.
sibling  IN NS b.servers.elsewhere.invalid.
)";

topology::Description make_description() {
  topology::Description description;
  description.file = "fuzz.toml";
  description.dns.listen = {*parse_endpoint("127.0.0.1:5300")};
  description.zones = {{.name = "example.test", .file = "fuzz.zone"}};
  description.farms = {"web"};
  description.names = {{.name = "www.example.test", .farm = "web"},
                       {.name = "shop.example.test", .farm = "web", .policy = "weighted"}};
  for (int i = 0; i < 3; ++i) {
    topology::Room room{.name = "room-" + std::to_string(i),
                        .location = {10.0 * i, 100.0 * i - 100}};
    room.address = {Address::v4(0x7f0a0001U + 0x10000U * static_cast<unsigned>(i)),
                    *parse_address("2001:db8::" + std::to_string(i))};
    room.farms = {topology::Farm{.name = "web"}};
    description.rooms.push_back(room);
  }
  for (const char* prefix : {"10.1.0.0/16", "10.1.2.0/24", "2001:db8:1::/48"}) {
    const double degrees = static_cast<double>(description.networks.size());
    description.networks.push_back(
        {.prefix = *parse_prefix(prefix), .location = {9.0 * degrees, 80 * degrees - 90}});
  }
  return description;
}

Responder make_responder() {
  const topology::Description description = make_description();
  const Geography geography({}, description.networks);
  std::vector<Error> mistakes;
  const std::vector<std::string> texts = {zone_text};
  auto directory = build_directory(description, texts,
                                   ClientMaps::build(geography, description, mistakes), mistakes);
  ASSERT(directory != nullptr);
  RoomStates states(description.rooms.size(), 1);
  for (std::size_t room = 0; room < description.rooms.size(); ++room) {
    states.at(room, 0).runs = true;
    states.at(room, 0).state = room == 0 ? RoomState::down : RoomState::up;
    states.at(room, 0).holds_for = std::chrono::seconds(3);
  }
  states.set_complete(true);
  auto protocol =
      make_protocol({.tell_version = true,
                     .tell_id = true,
                     .tell_nsid = true,
                     .private_subnets = topology::DnsProtocol::PrivateSubnets::resolver},
                    {.node = std::string(topology::DnsProtocol::node_octets_max, 'n'),
                     .secrets = {SipKey{std::byte{1}}}});
  return Responder(std::make_shared<const Snapshot>(
      Snapshot{std::move(directory), states, std::move(protocol)}));
}

/// Reads the message with somebody else's reader: every name and pointer, every count and length.
/// Returns its RCODE, with the upper bits of the OPT record.
unsigned check_readable(ByteView message) {
  ldns_pkt* raw = nullptr;
  const auto* octets = reinterpret_cast<const std::uint8_t*>(message.data());
  const ldns_status status = ldns_wire2pkt(&raw, octets, message.size());
  ASSERT(status == LDNS_STATUS_OK);
  unsigned rcode = ldns_pkt_get_rcode(raw);
  if (ldns_pkt_edns(raw)) rcode += ldns_pkt_edns_extended_rcode(raw) * 16U;
  ldns_pkt_free(raw);
  return rcode;
}

/// What a packet is, told from its header alone and apart from the code that reads it.
struct Head {
  explicit Head(ByteView packet) : query(packet.size() >= header_size) {
    if (!query) return;
    Reader in(packet.subspan(2));
    const unsigned flags = in.u16();
    query = (flags & 0x8000U) == 0;
    opcode = flags >> 11U & 0xfU;
    questions = in.u16();
    records_before = in.u16();
    records_before += in.u16();
  }

  bool query;  ///< false: nobody may answer it
  unsigned opcode = 0;
  unsigned questions = 0;
  unsigned records_before = 0;  ///< in the sections before the additional one
};

void check_rcode(const Head& head, unsigned rcode) {
  const auto is = [&](Rcode one) { return rcode == static_cast<unsigned>(one); };
  if (head.opcode != 0) {
    ASSERT(is(Rcode::notimp) || is(Rcode::badvers));
  } else if (head.questions > 1 || (head.questions == 0 && head.records_before > 0)) {
    ASSERT(is(Rcode::formerr));
  }
}

void check(ByteView packet, Transport transport) {
  static Responder responder = make_responder();
  static std::vector<std::byte> out(message_size_max);
  const std::size_t size =
      responder.respond(packet, {.client = Address::v4(0x0a010203U), .transport = transport}, out);
  const Head head(packet);
  ASSERT(head.query == (size > 0));
  if (!head.query) return;
  ASSERT(size >= header_size);
  ASSERT(transport == Transport::tcp || size <= udp_payload_default);
  Query query;
  ASSERT(decode(packet, query));
  ASSERT(size <= answer_size_max(query, transport, udp_payload_default));
  ASSERT(out[0] == packet[0] && out[1] == packet[1]);
  ASSERT((out[2] & std::byte{0x80}) != std::byte{0});
  check_rcode(head, check_readable(ByteView(out).first(size)));
}

}  // namespace
}  // namespace hither::dns

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const hither::ByteView packet(reinterpret_cast<const std::byte*>(data), size);
  hither::dns::check(packet, hither::dns::Transport::udp);
  hither::dns::check(packet, hither::dns::Transport::tcp);
  return 0;
}
