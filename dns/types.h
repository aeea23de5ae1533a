// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hither::dns {

/// The numbers of the DNS that this server knows by name, and the limits it keeps. Every other type
/// is carried as its number (RFC 3597).

enum class Type : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  hinfo = 13,
  mx = 15,
  txt = 16,
  aaaa = 28,
  srv = 33,
  dname = 39,
  opt = 41,
  ds = 43,
  svcb = 64,
  https = 65,
  nxname = 128,
  tkey = 249,
  ixfr = 251,
  axfr = 252,
  any = 255,
  caa = 257,
};

enum class Class : std::uint16_t { in = 1, ch = 3, any = 255 };

/// RFC 1035 s4.1.1, RFC 6891 s9. Values above 15 need the OPT record.
enum class Rcode : std::uint16_t {
  noerror = 0,
  formerr = 1,
  servfail = 2,
  nxdomain = 3,
  notimp = 4,
  refused = 5,
  yxdomain = 6,
  notauth = 9,
  badvers = 16,
  badcookie = 23,
};

/// Extended errors (RFC 8914 s5.2). They are said only to those who sent an OPT record.
enum class Ede : std::uint16_t {
  stale = 3,
  not_ready = 14,
  prohibited = 18,
  not_authoritative = 20,
  not_supported = 21,
};

/// The options of the OPT record that we read or write.
enum class Option : std::uint16_t {
  nsid = 3,
  client_subnet = 8,
  cookie = 10,
  keepalive = 11,
  extended_error = 15,
};

enum class Transport { udp, tcp };

constexpr std::size_t header_size = 12;       ///< RFC 1035 s4.1.1
constexpr std::size_t name_octets_max = 255;  ///< RFC 1035 s2.3.4
constexpr std::size_t label_octets_max = 63;  ///< RFC 1035 s2.3.4
constexpr std::size_t udp_payload_min = 512;  ///< RFC 1035 s2.3.4, RFC 6891 s6.2.5
/// The largest answer sent over UDP, whatever the asker offers: fits any IPv6 path unfragmented.
constexpr std::size_t udp_payload_default = 1232;
/// The most that dns.udp_payload can make of it.
constexpr std::size_t udp_payload_max = 4096;
constexpr std::size_t message_size_max = 65535;  ///< what TCP's two length octets can say
/// RFC 1034 s3.6.2 leaves it open; longer chains inside one zone are answered in part.
constexpr int cname_chain_max = 8;
/// Room indexes and candidate sets are sized by it. More rooms than this are refused at start.
constexpr std::size_t rooms_max = 1024;

/// "A", "TXT"; others as "TYPE65280" (RFC 3597 s5).
std::string to_text(Type type);
/// "NOERROR", "BADVERS" ...
std::string_view to_text(Rcode rcode);
constexpr std::string_view to_text(Transport transport) {
  return transport == Transport::udp ? "udp" : "tcp";
}

}  // namespace hither::dns
