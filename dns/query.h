// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "dns/edns.h"
#include "dns/name.h"
#include "dns/types.h"

namespace hither::dns {

/// A query as a value: first step of packet -> query -> view -> answer -> packet. Also what is
/// known of a bad one, so that it can be answered with its `problem`.
struct Query {
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;
  bool recursion_desired = false;  ///< echoed, never served
  bool checking_disabled = false;  ///< echoed (RFC 4035 s3.2.2 asks resolvers; others copy it)
  /// Not noerror: answer with this and look no further.
  Rcode problem = Rcode::noerror;
  bool has_question = false;  ///< the three below were read, and are echoed
  Name name;                  ///< in the asker's case
  Type type = Type::a;
  Class class_of = Class::in;
  std::optional<std::uint32_t> known_serial;  ///< of an IXFR: that of the SOA it came with
  std::optional<Edns> edns;
};

/// Reads a message into `query`, which is made where the caller has it because it is large: what
/// was in it does not matter. false means silence, for what cannot be a query: less than a header,
/// and messages that are responses themselves (answering those is how two servers talk to each
/// other for ever). Everything else is answered:
///  1. an opcode other than QUERY: NOTIMP. Of its sections, which all opcodes share in form, only
///     the OPT record is read, because who sent one gets one (RFC 6891 s6.1.1); without any, with
///     two, or where they run past the end, a bare header is all that is answered. A later EDNS
///     version is BADVERS here, too (s6.1.3); bad options are forgotten, and it stays NOTIMP;
///  2. not exactly one question (RFC 9619; without any, a cookie is asked for, RFC 7873 s5.4), a
///     question that cannot be read, records before the additional section, records that run past
///     the end, bytes behind the last one: FORMERR;
///     Likewise IXFR without the SOA that it must bring there (RFC 1995 s3);
///  3. a second OPT record, or one whose owner is not the root (RFC 6891 s6.1.1): FORMERR;
///  4. what read_opt() (dns/edns.h) says of the OPT record: BADVERS or FORMERR.
/// After a FORMERR, wherever it comes from, no option of the query is left. Its OPT record is,
/// where the sections before can be passed over (RFC 6891 s7).
[[nodiscard]] bool decode(ByteView packet, Query& query);

}  // namespace hither::dns
