// SPDX-License-Identifier: Apache-2.0
#include "tests/dns/support.h"

#include <gtest/gtest.h>
#include <ldns/ldns.h>

#include <array>
#include <cstdlib>

#include "dns/client_map.h"

namespace hither::dns::testing {
namespace {

void append_u16(Bytes& out, unsigned value) {
  out.push_back(static_cast<std::byte>(value >> 8U & 0xffU));
  out.push_back(static_cast<std::byte>(value & 0xffU));
}

/// What ldns printed, without tabs and the newline.
std::string tidy(char* text) {
  std::string result(text);
  std::free(text);
  for (char& c : result) {
    if (c == '\t') c = ' ';
  }
  while (!result.empty() && result.back() == '\n') result.pop_back();
  return result;
}

std::vector<std::string> in_words(const ldns_rr_list* records) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(records); ++i) {
    texts.push_back(tidy(ldns_rr2str(ldns_rr_list_rr(records, i))));
  }
  return texts;
}

std::map<std::uint16_t, Bytes> read_options(const ldns_rdf* data) {
  std::map<std::uint16_t, Bytes> options;
  if (data == nullptr) return options;
  Reader in(ByteView(reinterpret_cast<const std::byte*>(ldns_rdf_data(data)), ldns_rdf_size(data)));
  while (in.left() > 0) {
    const std::uint16_t code = in.u16();
    const ByteView value = in.take(in.u16());
    if (!in.ok()) {
      ADD_FAILURE() << "the options do not fill the OPT record";
      break;
    }
    options[code] = Bytes(value.begin(), value.end());
  }
  return options;
}

topology::Room make_room(const std::string& name, int index, topology::Location location) {
  topology::Room room{.name = name, .title = name, .location = location, .has_location = true};
  room.address = {*parse_address("127." + std::to_string(10 + index) + ".0.1"),
                  *parse_address("2001:db8:" + std::to_string(10 + index) + "::1")};
  room.farms = {topology::Farm{.name = "web", .port = 8080}};
  return room;
}

topology::Network make_network(const std::string& prefix, topology::Location location) {
  return {.prefix = *parse_prefix(prefix), .location = location, .title = prefix};
}

}  // namespace

Ask ask(std::string name, Type type) {
  Ask result;
  result.name = std::move(name);
  result.type = type;
  return result;
}

std::optional<Query> decoded(ByteView packet) {
  Query query;
  if (!decode(packet, query)) return std::nullopt;
  return query;
}

Bytes subnet_data(std::uint16_t family, std::uint8_t source, std::uint8_t scope,
                  const std::vector<unsigned>& octets) {
  Bytes data;
  append_u16(data, family);
  data.push_back(std::byte{source});
  data.push_back(std::byte{scope});
  for (const unsigned octet : octets) data.push_back(static_cast<std::byte>(octet));
  return data;
}

Ask& Ask::option(std::uint16_t code, const Bytes& data) {
  edns = true;
  append_u16(options, code);
  append_u16(options, static_cast<unsigned>(data.size()));
  append(options, data);
  return *this;
}

Ask& Ask::subnet(std::string_view text) {
  const Prefix prefix = *parse_prefix(text);
  const auto source = static_cast<unsigned>(prefix.family_length());
  const auto wire = prefix.address.wire();
  std::vector<unsigned> octets(wire.begin(), wire.begin() + (source + 7) / 8);
  return option(8,
                subnet_data(prefix.is_v4() ? 1 : 2, static_cast<std::uint8_t>(source), 0, octets));
}

Bytes Ask::packet() const {
  Bytes packet;
  append_u16(packet, id);
  append_u16(packet, flags);
  append_u16(packet, questions);
  append_u16(packet, 0);
  append_u16(packet, 0);
  append_u16(packet, edns ? 1 : 0);
  append(packet, Name::parse(name)->wire());
  append_u16(packet, static_cast<unsigned>(type));
  append_u16(packet, static_cast<unsigned>(class_of));
  if (!edns) return packet;
  packet.push_back(std::byte{0});
  append_u16(packet, static_cast<unsigned>(Type::opt));
  append_u16(packet, payload_size);
  append_u16(packet, version);  // extended rcode 0, version
  append_u16(packet, 0);
  append_u16(packet, static_cast<unsigned>(options.size()));
  append(packet, options);
  return packet;
}

std::optional<int> Reply::scope() const {
  const auto found = options.find(8);
  if (found == options.end() || found->second.size() < 4) return std::nullopt;
  return std::to_integer<int>(found->second[3]);
}

std::optional<int> Reply::extended_error() const {
  const auto found = options.find(15);
  if (found == options.end()) return std::nullopt;
  Reader in(found->second);
  return in.u16();
}

std::string Reply::only_data() const {
  if (silent) return "silence";
  if (answer.size() != 1) {
    return "rcode " + std::to_string(rcode) + ", " + std::to_string(answer.size()) + " records";
  }
  return answer[0].substr(answer[0].rfind(' ') + 1);
}

Reply parse_reply(ByteView packet) {
  Reply reply;
  if (packet.empty()) {
    reply.silent = true;
    return reply;
  }
  ldns_pkt* parsed = nullptr;
  const auto* data = reinterpret_cast<const std::uint8_t*>(packet.data());
  const ldns_status status = ldns_wire2pkt(&parsed, data, packet.size());
  if (status != LDNS_STATUS_OK) {
    ADD_FAILURE() << "ldns cannot read the answer: " << ldns_get_errorstr_by_id(status);
    return reply;
  }
  EXPECT_TRUE(ldns_pkt_qr(parsed));
  reply.id = ldns_pkt_id(parsed);
  reply.edns = ldns_pkt_edns(parsed);
  reply.rcode = static_cast<int>(ldns_pkt_get_rcode(parsed)) +
                (reply.edns ? ldns_pkt_edns_extended_rcode(parsed) * 16 : 0);
  reply.authoritative = ldns_pkt_aa(parsed);
  reply.truncated = ldns_pkt_tc(parsed);
  reply.recursion_desired = ldns_pkt_rd(parsed);
  const auto question = in_words(ldns_pkt_question(parsed));
  reply.question = question.empty() ? "" : question[0];
  reply.answer = in_words(ldns_pkt_answer(parsed));
  reply.authority = in_words(ldns_pkt_authority(parsed));
  reply.additional = in_words(ldns_pkt_additional(parsed));
  reply.options = read_options(ldns_pkt_edns_data(parsed));
  if (reply.edns) reply.payload_size = ldns_pkt_edns_udp_size(parsed);
  reply.size = packet.size();
  ldns_pkt_free(parsed);
  return reply;
}

topology::Description make_description() {
  const topology::Location frankfurt{50.11, 8.68};
  const topology::Location ashburn{39.04, -77.49};
  const topology::Location tokyo{35.76, 140.39};
  topology::Description description;
  description.file = "world.toml";
  description.name = "test";
  description.dns.listen = {*parse_endpoint("127.0.0.1:5300")};
  description.dns.health = {.interval = std::chrono::milliseconds(500),
                            .fast_interval = std::chrono::milliseconds(100),
                            .timeout = std::chrono::milliseconds(400),
                            .fall = 2,
                            .rise = 2};
  description.zones = {{.name = "example.test", .file = ""}};
  description.names = {{.name = "www.example.test", .farm = "web"},
                       {.name = "shop.example.test", .farm = "web", .policy = "weighted"},
                       {.name = "spare.example.test", .farm = "web", .policy = "ordered"}};
  description.farms = {"web"};
  description.rooms = {make_room("fra", 0, frankfurt), make_room("iad", 1, ashburn),
                       make_room("nrt", 2, tokyo)};
  description.networks = {
      make_network("10.1.0.0/16", frankfurt),     make_network("10.2.0.0/16", ashburn),
      make_network("10.2.3.0/24", tokyo),         make_network("10.3.0.0/16", tokyo),
      make_network("127.1.0.0/16", frankfurt),    make_network("127.3.0.0/16", tokyo),
      make_network("2001:db8:1::/48", frankfurt), make_network("2001:db8:2::/48", ashburn),
      make_network("2001:db8:3::/48", tokyo)};
  return description;
}

World::World(topology::Description description, std::string zone_text)
    : description_(std::move(description)) {
  if (!zone_text.empty()) description_.zones[0].file = "example.test.zone";
  geography_ = std::make_unique<const Geography>(std::vector<GeoTable>{}, description_.networks);
  std::vector<Error> mistakes;
  const std::vector<std::string> texts = [&] {
    std::vector<std::string> all(description_.zones.size());
    if (!all.empty()) all[0] = zone_text;
    return all;
  }();
  directory_ = build_directory(description_, texts,
                               ClientMaps::build(*geography_, description_, mistakes), mistakes);
  for (const Error& mistake : mistakes) ADD_FAILURE() << mistake.message;
}

RoomStates World::states() const {
  RoomStates states(description_.rooms.size(), description_.farms.size());
  for (std::size_t r = 0; r < description_.rooms.size(); ++r) {
    const topology::Room& room = description_.rooms[r];
    for (std::size_t f = 0; f < description_.farms.size(); ++f) {
      FarmState& state = states.at(r, f);
      state.runs = room.find_farm(description_.farms[f]) != nullptr;
      state.state = down.contains(room.name)       ? RoomState::down
                    : draining.contains(room.name) ? RoomState::draining
                                                   : RoomState::up;
      state.holds_for = holds_for;
    }
  }
  for (std::size_t f = 0; f < description_.farms.size(); ++f) {
    states.set_stale(f, stale.contains(description_.farms[f]));
  }
  states.set_complete(complete);
  return states;
}

std::shared_ptr<const Snapshot> World::snapshot() const {
  return std::make_shared<const Snapshot>(
      Snapshot{.directory = directory_, .rooms = states(), .protocol = protocol, .shares = shares});
}

Reply World::respond(const Ask& query, std::string_view from, Transport transport) const {
  Responder responder(snapshot());
  std::vector<std::byte> out(message_size_max);
  const Bytes packet = query.packet();
  const std::size_t size =
      responder.respond(packet, {.client = *parse_address(from), .transport = transport}, out);
  return parse_reply(ByteView(out).first(size));
}

std::string example_zone() {
  return R"($TTL 300
@         IN SOA ns1 hostmaster 7 3600 600 604800 60
@         IN NS  ns1
@         IN NS  ns2.elsewhere.invalid.
@         IN MX  10 mail
@         IN TXT "hello" "world"
ns1       IN A   192.0.2.53
mail      IN A   192.0.2.25
mail      IN AAAA 2001:db8::25
alias     IN CNAME mail
loop1     IN CNAME loop2
loop2     IN CNAME loop1
out       IN CNAME www.elsewhere.invalid.
gone      IN CNAME nothing-here
towww     IN CNAME www
*.wild    IN A   192.0.2.99
*.wild    IN MX  5 mail
deep.a.wild IN A 192.0.2.98
a.b.c     IN A   192.0.2.1
child     IN NS  ns.child
child     IN NS  ns.other.child
ns.child  IN A   192.0.2.100
ns.other.child IN AAAA 2001:db8::100
child2    IN NS  ns.child
child2    IN NS  ns.elsewhere.invalid.
moved     IN DNAME new
a.new     IN A   192.0.2.77
c.new     IN CNAME mail
*.wildalias IN CNAME mail
*.wildmx  IN MX  5 mx.wildmx
*.wildmx  IN MX  6 mx.mail
srv       IN SRV 1 2 443 mail
caa       IN CAA 0 issue "ca.example.net"
ptr       IN PTR mail
naptr     IN NAPTR 100 10 "u" "sip+E2U" "!^.*$!sip:i@example.test!" .
tlsa      IN TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
sshfp     IN SSHFP 4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
svcb      IN SVCB 1 mail alpn=h2
https     IN HTTPS 1 . alpn=h2
weird     IN TYPE65280 \# 3 010203
)";
}

}  // namespace hither::dns::testing
