// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "dns/answer.h"
#include "dns/cookie.h"
#include "dns/query.h"
#include "dns/rate_limit.h"
#include "dns/record.h"
#include "topology/dns_protocol.h"

namespace hither::dns {

/// How the server speaks, apart from what its zones say: made at load from the keys of [dns] and
/// what the driver knows, part of every snapshot, never changed.
struct Protocol {
  RrSet version;                     ///< the TXT record of version.bind; empty: not told
  RrSet identity;                    ///< that of id.server; empty: not told
  std::string nsid;                  ///< empty: not told
  bool private_by_resolver = false;  ///< dns.private_subnets (dns/private_blocks.h)
  Cookies cookies{{SipKey{}}};
  Duration tcp_idle = std::chrono::seconds(10);
  RateLimits rate_limit;
  std::shared_ptr<RateTable> rates;  ///< what they are counted in; not nullptr if there is a limit
  std::size_t udp_payload = udp_payload_default;  ///< dns.udp_payload
  int query_log_one_in = 0;  ///< one query in so many is logged, by each data thread; 0: none
};

/// What the rules do not say.
struct ProtocolInput {
  std::string node;                  ///< what the server calls itself; cut to node_octets_max
  std::vector<SipKey> secrets;       ///< at least one
  std::shared_ptr<RateTable> rates;  ///< may be nullptr where there is no limit
  int query_log_one_in = 0;
};

std::shared_ptr<const Protocol> make_protocol(const topology::DnsProtocol& rules,
                                              const ProtocolInput& input);

/// The largest answer over UDP, and what is offered to askers; `protocol` may be nullptr.
inline std::size_t udp_payload_of(const Protocol* protocol) {
  return protocol != nullptr ? protocol->udp_payload : udp_payload_default;
}

/// The answer to a question of class CH: TXT (or ANY) version.bind and version.server, id.server
/// and hostname.bind (RFC 4892), in the asker's class. All else, and what is not told, is REFUSED
/// (Prohibited).
Answer answer_about_server(const Query& query, const Protocol& protocol);

}  // namespace hither::dns
