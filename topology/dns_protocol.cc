// SPDX-License-Identifier: Apache-2.0
#include "topology/dns_protocol.h"

#include <algorithm>

#include "topology/section.h"

namespace hither::topology {

DnsProtocol read_dns_protocol(const Section& dns) {
  DnsProtocol protocol;
  protocol.node = dns.text("node");
  const std::vector<std::string> told = dns.texts("tell");
  const auto tells = [&](std::string_view word) {
    return std::ranges::find(told, word) != told.end();
  };
  protocol.tell_version = tells("version");
  protocol.tell_id = tells("id");
  protocol.tell_nsid = tells("nsid");
  protocol.cookie_secrets = dns.text("cookie_secrets");
  if (dns.text("private_subnets") == "resolver") {
    protocol.private_subnets = DnsProtocol::PrivateSubnets::resolver;
  }
  protocol.udp_payload = dns.integer("udp_payload");
  const Section limit = dns.inside("rate_limit");
  protocol.rate_limit = {.per_second = limit.integer("per_second"),
                         .slip = limit.integer("slip"),
                         .exempt = limit.prefixes("exempt")};
  const Section tcp = dns.inside("tcp");
  protocol.tcp = {.connections = tcp.integer("connections"),
                  .per_client = tcp.integer("per_client"),
                  .idle = tcp.duration("idle")};
  return protocol;
}

}  // namespace hither::topology
