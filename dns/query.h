// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "dns/ecs.h"
#include "dns/name.h"
#include "dns/types.h"

namespace hither::dns {

/// What an asker's OPT record said (RFC 6891 s6.1.3). Unknown options are passed over (s6.1.2).
struct Edns {
  std::uint8_t version = 0;
  std::uint16_t payload_size = udp_payload_min;
  bool dnssec_ok = false;
  std::optional<ClientSubnet> subnet;
};

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
  std::optional<Edns> edns;
};

/// Reads a message. nullopt means silence, for what cannot be a query: less than a header, and
/// messages that are responses themselves (answering those is how two servers talk to each other
/// for ever). Everything else is answered:
///  1. an opcode other than QUERY: NOTIMP, nothing else of it is read;
///  2. not exactly one question (RFC 9619), a question that cannot be read, records before the
///     additional section, records that run past the end, bytes behind the last one: FORMERR;
///  3. a second OPT record, or one whose owner is not the root (RFC 6891 s6.1.1): FORMERR;
///  4. an EDNS version other than 0: BADVERS, its options are not read (s6.1.3);
///  5. options that do not fill the OPT record exactly, a bad client subnet, or two: FORMERR.
std::optional<Query> decode(ByteView packet);

}  // namespace hither::dns
