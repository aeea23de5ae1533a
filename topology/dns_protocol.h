// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/time.h"

namespace hither::topology {

class Section;

/// [dns.rate_limit]
struct RateLimitRule {
  int per_second = 0;  ///< 0: no limit
  int slip = 2;
  std::vector<Prefix> exempt;
};

/// [dns.tcp]
struct TcpRule {
  int connections = 4000;
  int per_client = 200;
  Duration idle = std::chrono::seconds(10);
};

/// How the DNS server speaks, apart from what it answers: the keys of [dns] that are about the
/// protocol. docs/topology_format.md says each.
struct DnsProtocol {
  enum class PrivateSubnets { use, resolver };
  /// Of a node's name: it goes beside the longest question with every other option into the
  /// smallest answer.
  static constexpr std::size_t node_octets_max = 128;

  std::string node;  ///< empty: the host's name
  bool tell_version = false;
  bool tell_id = false;
  bool tell_nsid = false;
  std::string cookie_secrets;  ///< resolved path; empty: made at random
  PrivateSubnets private_subnets = PrivateSubnets::use;
  int udp_payload = 1232;  ///< octets
  RateLimitRule rate_limit;
  TcpRule tcp;
};

/// From the section [dns]. Paths in it are not resolved yet.
DnsProtocol read_dns_protocol(const Section& dns);

}  // namespace hither::topology
