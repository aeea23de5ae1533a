// SPDX-License-Identifier: Apache-2.0
//
// Any text as a zone file: it is refused with file and line, or every name in it is answered with
// a message that somebody else's reader can read.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Behind the standard library, which its own bool breaks.
#include <ldns/ldns.h>

#include "base/assert.h"
#include "dns/client_map.h"
#include "dns/query.h"
#include "dns/responder.h"
#include "dns/zone_file.h"

namespace hither::dns {
namespace {

constexpr const char* zone_name = "example.test";
constexpr const char* file_name = "fuzz.zone";
constexpr std::size_t owners_max = 16;  // of a zone; each is asked for several times

topology::Description make_description() {
  topology::Description description;
  description.file = "fuzz.toml";
  description.dns.listen = {*parse_endpoint("127.0.0.1:5300")};
  description.zones = {{.name = zone_name, .file = file_name}};
  description.farms = {"web"};
  description.names = {{.name = "www.example.test", .farm = "web"}};
  topology::Room room{.name = "fra", .location = {50, 8}};
  room.address = {Address::v4(0x7f0a0001U)};
  room.farms = {topology::Farm{.name = "web"}};
  description.rooms = {room};
  return description;
}

/// The file and where it has a line the line too; what is missing from a zone has none.
void check_refusal(std::string_view message) {
  if (message.starts_with("fuzz.toml:")) {  // a steered name that the file has as well
    ASSERT(message.find(file_name) != std::string_view::npos);
    return;
  }
  ASSERT(message.starts_with(std::string(file_name) + ":"));
  message.remove_prefix(std::string_view(file_name).size() + 1);
  const std::size_t digits = std::min(message.find_first_not_of("0123456789"), message.size());
  const bool of_the_whole = message.starts_with(" zone ");
  ASSERT(of_the_whole || (digits > 0 && message.substr(digits).starts_with(": ")));
}

Bytes make_query(const Name& name, Type type) {
  Bytes packet(512);
  Writer out(packet);
  for (const unsigned word : {0x1234U, 0U, 1U, 0U, 0U, 0U}) {
    out.u16(static_cast<std::uint16_t>(word));
  }
  out.bytes(name.wire());
  out.u16(static_cast<std::uint16_t>(type));
  out.u16(static_cast<std::uint16_t>(Class::in));
  packet.resize(out.size());
  return packet;
}

/// Asks, reads the answer with ldns, and returns how many records are in its answer section.
std::size_t ask(Responder& responder, const Name& name, Type type, Transport transport) {
  static std::vector<std::byte> out(message_size_max);
  const Arrival arrival{.client = Address::v4(0x0a010203U), .transport = transport};
  const std::size_t size = responder.respond(make_query(name, type), arrival, out);
  ASSERT(size >= header_size);
  ldns_pkt* raw = nullptr;
  const auto* octets = reinterpret_cast<const std::uint8_t*>(out.data());
  const ldns_status status = ldns_wire2pkt(&raw, octets, size);
  ASSERT(status == LDNS_STATUS_OK);
  const std::unique_ptr<ldns_pkt, void (*)(ldns_pkt*)> message(raw, ldns_pkt_free);
  const auto rcode = static_cast<Rcode>(ldns_pkt_get_rcode(raw));
  ASSERT(rcode != Rcode::servfail || type == Type::a || type == Type::aaaa);
  ASSERT(rcode != Rcode::formerr && rcode != Rcode::refused);
  return ldns_pkt_ancount(raw);
}

void check_zone(const std::string& text) {
  static const topology::Description description = make_description();
  std::vector<Error> mistakes;
  const Geography geography({}, {});
  auto directory = build_directory(description, {&text, 1},
                                   ClientMaps::build(geography, description, mistakes), mistakes);
  ASSERT((directory == nullptr) == !mistakes.empty());
  for (const Error& mistake : mistakes) check_refusal(mistake.message);
  if (directory == nullptr) return;
  Responder responder(
      std::make_shared<const Snapshot>(Snapshot{std::move(directory), RoomStates(1, 1)}));
  const Name top = *Name::parse(zone_name);
  ASSERT(ask(responder, top, Type::soa, Transport::udp) == 1);
  ASSERT(ask(responder, top, Type::ns, Transport::tcp) > 0);
  ask(responder, *Name::parse("not.there.example.test"), Type::txt, Transport::udp);

  std::size_t owners = 0;
  Name before;
  for (const Record& record : read_zone_text(text, file_name, top, mistakes)) {
    if (record.owner == before) continue;
    before = record.owner;
    if (++owners > owners_max) break;
    for (const Transport transport : {Transport::udp, Transport::tcp}) {
      for (const Type type : {record.type, Type::a, Type::any, Type::ds}) {
        if (type >= Type::nxname && type < static_cast<Type>(256) && type != Type::any) continue;
        ask(responder, record.owner, type, transport);
      }
      if (const auto below = record.owner.child("x")) {
        ask(responder, *below, record.type, transport);
      }
    }
  }
  ASSERT(mistakes.empty());
}

}  // namespace
}  // namespace hither::dns

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hither::dns::check_zone(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
