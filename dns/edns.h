// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "dns/ecs.h"
#include "dns/types.h"

namespace hither::dns {

/// The OPT record (RFC 6891): how a query's is read and an answer's is written. Plain values; pure;
/// no allocation. The cost is that of the octets.

/// The cookie option as it came (RFC 7873 s4): eight octets of the client's, and behind them none,
/// or the eight to 32 that a server gave it. Whether those are good is for dns/cookie.h.
struct Cookie {
  static constexpr std::size_t client_octets = 8;
  static constexpr std::size_t server_octets_min = 8;
  static constexpr std::size_t server_octets_max = 32;

  std::array<std::byte, client_octets + server_octets_max> octets;  ///< only `size` of them are set
  std::uint8_t size = 0;

  ByteView all() const { return {octets.data(), size}; }
  bool has_server_part() const { return size > client_octets; }
};

/// The cookie that is answered with (RFC 9018 s4): the client's eight octets, and the sixteen that
/// the server made for them.
using FullCookie = std::array<std::byte, 24>;

/// What an asker's OPT record said.
struct Edns {
  std::uint8_t version = 0;
  std::uint16_t payload_size = udp_payload_min;
  bool dnssec_ok = false;
  bool wants_nsid = false;       ///< RFC 5001
  bool wants_keepalive = false;  ///< RFC 7828; over UDP it means nothing
  std::optional<ClientSubnet> subnet;
  std::optional<Cookie> cookie;
  /// Why the query is malformed, if it was a client subnet: for the counters alone. Stays when the
  /// options are forgotten.
  std::optional<SubnetFault> bad_subnet;
};

/// What the answer's OPT record says besides what it repeats of the query's. What `nsid` views must
/// live until the answer is written.
struct EdnsAnswer {
  std::uint16_t payload = udp_payload_default;  ///< what we can take over UDP
  std::uint8_t scope = 0;  ///< for the client subnet option, where the query has one
  std::optional<Ede> ede;  ///< RFC 8914
  ByteView nsid;           ///< empty: the option is left out
  std::optional<FullCookie> cookie;
  std::optional<std::uint16_t> keepalive;  ///< in tenths of a second (RFC 7828 s3.1)
};

/// Reads the rest of an OPT record behind its type: class, TTL and data in their EDNS meaning
/// (RFC 6891 s6.1.3). Unknown options are passed over (s6.1.2), as are those that only a server may
/// fill. What is wrong with it:
///  1. it runs past the end of the message: FORMERR, and the reader is no longer ok;
///  2. a version other than 0: BADVERS; its options are not looked at (s6.1.3);
///  3. options that do not fill the record exactly: FORMERR;
///  4. a bad client subnet, or two (dns/ecs.h); a cookie of 0 to 7, 9 to 15 or more than 40 octets,
///     or two (RFC 7873 s5.2.2); NSID with data (RFC 5001 s2.1 forbids it): FORMERR.
/// After a FORMERR no option is left in `edns`: what is malformed is not echoed.
Rcode read_opt(Reader& in, Edns& edns);

/// Takes back what the options said: a malformed query is answered without a trace of them.
void forget_options(Edns& edns);

/// How many octets write_opt() will write, so that they can be set aside before the answer is.
std::size_t opt_size(const Edns& edns, const EdnsAnswer& answer);

/// The record with what is never left out: the client subnet, because who is answered without it
/// takes the answer for everybody's (RFC 7871 s7.2.1), and the cookie, because without it the
/// answer counts as forged (RFC 7873 s5.3).
constexpr std::size_t opt_size_least_max = 11 + (4 + 4 + 16) + (4 + 24);

/// Leaves out what the record has no room for in `room` octets, in this order, and only as far as
/// it must: NSID, the extended error, keepalive. Precondition: room >= opt_size_least_max.
void fit_options(const Edns& edns, std::size_t room, EdnsAnswer& answer);

/// Writes the record for an asker that sent one. DO is copied (RFC 3225 s3), the version is 0, and
/// the upper eight bits of `rcode` go into it.
void write_opt(const Edns& edns, const EdnsAnswer& answer, Rcode rcode, Writer& out);

}  // namespace hither::dns
