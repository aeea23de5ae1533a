// SPDX-License-Identifier: Apache-2.0
#include "dns/protocol.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace hither::dns {
namespace {

constexpr std::size_t text_octets_max = 255;  // RFC 1035 s3.3
constexpr std::size_t class_at = 5;           // the lower octet, behind owner and type

/// One TXT record of class CH, of one character string.
RrSet text_set(std::string_view text) {
  text = text.substr(0, text_octets_max);
  Bytes rdata = {static_cast<std::byte>(text.size())};
  append(rdata, as_bytes(text));
  RrSet set{.type = Type::txt};
  set.add(rdata);
  set.prepare(Name().wire());  // There is no name in it.
  set.wire[class_at] = static_cast<std::byte>(Class::ch);
  return set;
}

bool is_one_of(const Name& name, const std::array<std::string_view, 2>& wire_forms) {
  return std::ranges::any_of(
      wire_forms, [&](std::string_view wire) { return equal_names(name.wire(), as_bytes(wire)); });
}

constexpr std::array<std::string_view, 2> version_names = {
    std::string_view("\7version\4bind\0", 14), std::string_view("\7version\6server\0", 16)};
constexpr std::array<std::string_view, 2> identity_names = {
    std::string_view("\2id\6server\0", 11), std::string_view("\10hostname\4bind\0", 15)};

const RrSet* find_set(const Query& query, const Protocol& protocol) {
  if (query.type != Type::txt && query.type != Type::any) return nullptr;
  const RrSet* set = is_one_of(query.name, version_names)    ? &protocol.version
                     : is_one_of(query.name, identity_names) ? &protocol.identity
                                                             : nullptr;
  return set != nullptr && set->count > 0 ? set : nullptr;
}

}  // namespace

std::shared_ptr<const Protocol> make_protocol(const topology::DnsProtocol& rules,
                                              const ProtocolInput& input) {
  auto protocol = std::make_shared<Protocol>();
  if (rules.tell_version) protocol->version = text_set("hither-dns " HITHER_VERSION);
  const std::string node = input.node.substr(0, topology::DnsProtocol::node_octets_max);
  if (rules.tell_id) protocol->identity = text_set(node);
  if (rules.tell_nsid) protocol->nsid = node;
  protocol->private_by_resolver =
      rules.private_subnets == topology::DnsProtocol::PrivateSubnets::resolver;
  protocol->tcp_idle = rules.tcp.idle;
  protocol->cookies = Cookies(input.secrets);
  const topology::RateLimitRule& limit = rules.rate_limit;
  protocol->rate_limit = {
      .per_second = limit.per_second, .slip = limit.slip, .exempt = limit.exempt};
  protocol->rates = input.rates;
  protocol->udp_payload = static_cast<std::size_t>(rules.udp_payload);
  protocol->query_log_one_in = input.query_log_one_in;
  return protocol;
}

Answer answer_about_server(const Query& query, const Protocol& protocol) {
  Answer answer;
  const RrSet* set = find_set(query, protocol);
  if (set == nullptr) {
    answer.rcode = Rcode::refused;
    answer.edns.ede = Ede::prohibited;
    return answer;
  }
  answer.authoritative = true;
  const Owner owner{.in = Owner::In::question,
                    .start = 0,
                    .size = static_cast<std::uint8_t>(query.name.size()),
                    .item = 0,
                    .record = 0};
  answer.answer.push_back(
      {.owner = owner, .set = set, .ttl = 0, .continues = false, .synthesized = 0});
  return answer;
}

}  // namespace hither::dns
