// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "dns/name.h"
#include "dns/types.h"

namespace hither::dns {

/// One record of a zone before the zone is built. Class IN. `line` is where it stands in its file,
/// 0 where it was made up.
struct Record {
  Name owner;
  Type type = Type::a;
  std::uint32_t ttl = 0;
  Bytes rdata;  ///< wire form, names in it uncompressed
  int line = 0;
};

/// All records of one name and type: they are answered together or not at all (RFC 2181 s5). The
/// owner is not in it, because an answer spells it as the asker did.
///
/// prepare() makes of it what a message carries, so that an answer is a copy: every owner is a
/// pointer to where the name stands, and names in rdata are compressed against that name and
/// against each other (RFC 1035 s4.1.4). Pointers lead to the places they have in a message whose
/// question is the owner itself and whose first record this is, which most answers are; for any
/// other place encode() moves them. Where CNAMEs and DNAMEs stand before it they still reach.
struct RrSet {
  /// A pointer in `wire` that does not stand in place of an owner.
  struct Pointer {
    std::uint16_t at = 0;    ///< where in `wire`
    bool into_wire = false;  ///< leads to an earlier octet of `wire`; else into the owner's name
  };

  Type type = Type::a;
  std::uint32_t ttl = 0;
  std::uint16_t count = 0;
  Bytes rdata;  ///< each record's, uncompressed, behind its length in two octets
  Bytes wire;   ///< after prepare(): owner, type, class, TTL, length and data of each record
  std::vector<Pointer> pointers;
  std::uint16_t farthest = 0;   ///< octet of `wire` that a pointer leads to
  std::uint8_t owner_size = 0;  ///< of the name it was prepared for

  void add(ByteView record_rdata);
  /// The data of record `index`. Precondition: index < count.
  ByteView data(std::size_t index) const;
  ByteView first() const { return data(0); }
  /// After the last add(). A wildcard's first label is no target, for it is not in the message.
  void prepare(ByteView owner);
};

/// In the third and fourth octet of a message, as one number (RFC 1035 s4.1.1, RFC 4035 s3.2.2).
constexpr std::uint16_t flag_response = 0x8000;
constexpr std::uint16_t flag_authoritative = 0x0400;
constexpr std::uint16_t flag_truncated = 0x0200;
constexpr std::uint16_t flag_recursion_desired = 0x0100;
constexpr std::uint16_t flag_checking_disabled = 0x0010;

/// The fixed octets of a record in a message, its owner a pointer: owner 2, type 2, class 2, TTL 4,
/// length 2.
constexpr std::size_t record_head_size = 12;
/// What a compression pointer can lead to (RFC 1035 s4.1.4).
constexpr std::size_t pointer_max = 0x3fff;

/// Where names that may be compressed stand in the rdata of a type: after `fixed` octets come
/// `names` names, then the rest. Only the types of RFC 1035 have any (RFC 3597 s4).
struct NameLayout {
  std::size_t fixed = 0;
  int names = 0;
};
NameLayout name_layout(Type type);

/// Can `rdata` be that of `type`, as far as this server looks into it: the names of name_layout(),
/// an SOA's numbers, the target of a DNAME, the length of an address? A zone file may give any type
/// as bare octets (RFC 3597 s5).
bool is_well_formed(Type type, ByteView rdata);

/// Rdata made by hand.
Bytes address_rdata(const Address& address);
Bytes name_rdata(const Name& name);

struct SoaFields {
  Name primary;
  Name mailbox;
  std::uint32_t serial = 1;
  std::uint32_t refresh = 3600;
  std::uint32_t retry = 600;
  std::uint32_t expire = 604800;
  std::uint32_t minimum = 60;  ///< how long a negative answer may be kept (RFC 2308 s4)
};
Bytes soa_rdata(const SoaFields& fields);
/// The MINIMUM field. Precondition: well-formed rdata of an SOA.
std::uint32_t soa_minimum(ByteView rdata);
/// The SERIAL field. Same precondition.
std::uint32_t soa_serial(ByteView rdata);

/// Two character strings (RFC 1035 s3.3.2).
Bytes hinfo_rdata(std::string_view cpu, std::string_view os);

}  // namespace hither::dns
