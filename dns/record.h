// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

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

/// All records of one name and type, ready to be written: they are answered together or not at all
/// (RFC 2181 s5). The owner is not in it, because an answer spells it as the asker did.
struct RrSet {
  Type type = Type::a;
  std::uint32_t ttl = 0;
  std::uint16_t count = 0;
  Bytes rdata;  ///< each record's, behind its length in two octets

  void add(ByteView record_rdata);
  /// The data of the first record. Precondition: count > 0.
  ByteView first() const;
};

/// Where names that may be compressed stand in the rdata of a type: after `fixed` octets come
/// `names` names, then the rest. Only the types of RFC 1035 have any (RFC 3597 s4).
struct NameLayout {
  std::size_t fixed = 0;
  int names = 0;
};
NameLayout name_layout(Type type);

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

/// Two character strings (RFC 1035 s3.3.2).
Bytes hinfo_rdata(std::string_view cpu, std::string_view os);

}  // namespace hither::dns
