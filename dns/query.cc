// SPDX-License-Identifier: Apache-2.0
#include "dns/query.h"

#include "dns/record.h"

namespace hither::dns {
namespace {

/// Passes over the owner of a record: labels, then the root or a pointer. True if it was the root.
/// What it points to is nobody's business here.
bool skip_owner(Reader& in) {
  bool root = true;
  while (in.ok()) {
    const std::uint8_t length = in.u8();
    if (length == 0) return root;
    root = false;
    if (length >= 0xc0) {
      in.skip(1);
      return false;
    }
    // The reserved label types 0x40 and 0x80 lead past the end of what could be meant.
    in.skip(length > label_octets_max ? message_size_max : length);
  }
  return false;
}

/// All additional records; reading goes on behind a problem in the OPT record, because a second
/// one, or a broken message, is the graver mistake. nullopt is that: FORMERR, and what stands in
/// the message is not known.
std::optional<Rcode> read_additional(Reader& in, int count, Query& query) {
  Rcode problem = Rcode::noerror;
  for (int i = 0; i < count; ++i) {
    const bool root = skip_owner(in);
    const auto type = static_cast<Type>(in.u16());
    if (!in.ok()) return std::nullopt;
    if (type == Type::opt) {
      if (!root || query.edns) return std::nullopt;
      problem = read_opt(in, query.edns.emplace());
    } else {
      in.skip(6);  // class and TTL
      in.skip(in.u16());
    }
    if (!in.ok()) return std::nullopt;
  }
  return problem;
}

/// A message without a question is one for a cookie (RFC 7873 s5.4), or a mistake.
Rcode read_cookie(Reader& in, int additional, Query& query) {
  const Rcode problem = read_additional(in, additional, query).value_or(Rcode::formerr);
  if (in.left() > 0) return Rcode::formerr;
  if (problem != Rcode::noerror) return problem;
  return query.edns && query.edns->cookie ? Rcode::noerror : Rcode::formerr;
}

/// The names in an SOA may be compressed; its numbers are at its end.
bool read_known_serial(Reader& in, Query& query) {
  constexpr std::size_t names_min = 2;
  constexpr std::size_t numbers = 20;
  skip_owner(in);
  const auto type = static_cast<Type>(in.u16());
  in.skip(6);  // class and TTL
  const ByteView data = in.take(in.u16());
  if (!in.ok() || type != Type::soa || data.size() < names_min + numbers) return false;
  query.known_serial = soa_serial(data);
  return true;
}

Rcode read_sections(Reader& in, Query& query) {
  const int questions = in.u16();
  const int answers = in.u16();
  const int authorities = in.u16();
  const int additional = in.u16();
  if (questions == 0 && answers == 0 && authorities == 0) return read_cookie(in, additional, query);
  if (questions != 1) return Rcode::formerr;
  const bool named = query.name.assign(in);
  query.type = static_cast<Type>(in.u16());
  query.class_of = static_cast<Class>(in.u16());
  if (!named || !in.ok()) return Rcode::formerr;
  query.has_question = true;
  // IXFR carries the asker's SOA in its authority section, and only it may (RFC 1995 s3).
  if (answers != 0 || authorities != (query.type == Type::ixfr ? 1 : 0)) return Rcode::formerr;
  if (authorities == 1 && !read_known_serial(in, query)) return Rcode::formerr;
  const Rcode problem = read_additional(in, additional, query).value_or(Rcode::formerr);
  return in.left() > 0 ? Rcode::formerr : problem;
}

/// Reads nothing but the OPT record, of any message: all have their sections in one form. What
/// another opcode has in the place of a question is a name, a type and a class too: NOTIFY
/// (RFC 1996 s3.7), UPDATE (RFC 2136 s2.3). As read_additional().
std::optional<Rcode> read_only_opt(Reader& in, Query& query) {
  const int questions = in.u16();
  const int answers = in.u16();
  const int authorities = in.u16();
  const int additional = in.u16();
  for (int i = 0; i < questions && in.ok(); ++i) {
    skip_owner(in);
    in.skip(4);
  }
  for (int i = 0; i < answers + authorities && in.ok(); ++i) {
    skip_owner(in);
    in.skip(8);  // type, class and TTL
    in.skip(in.u16());
  }
  const auto problem = read_additional(in, additional, query);
  if (!problem) query.edns.reset();
  return problem;
}

Rcode read_other_opcode(Reader& in, Query& query) {
  return read_only_opt(in, query) == Rcode::badvers ? Rcode::badvers : Rcode::notimp;
}

/// Who sent an OPT record gets one, also where what stands before it was the mistake (RFC 6891 s7).
/// It stays without a trace of what the options said.
void read_opt_of_malformed(ByteView packet, Query& query) {
  constexpr std::size_t counts_at = 4;
  Reader in(packet.subspan(counts_at));
  if (!query.edns) read_only_opt(in, query);
  if (query.edns) forget_options(*query.edns);
}

}  // namespace

bool decode(ByteView packet, Query& query) {
  if (packet.size() < header_size) return false;
  Reader in(packet);
  query.id = in.u16();
  const std::uint16_t flags = in.u16();
  if ((flags & flag_response) != 0) return false;
  query.opcode = static_cast<std::uint8_t>(flags >> 11U & 0xfU);
  query.recursion_desired = (flags & flag_recursion_desired) != 0;
  query.checking_disabled = (flags & flag_checking_disabled) != 0;
  query.has_question = false;
  query.known_serial.reset();
  query.edns.reset();
  query.problem = query.opcode == 0 ? read_sections(in, query) : read_other_opcode(in, query);
  if (query.problem == Rcode::formerr) read_opt_of_malformed(packet, query);
  return true;
}

}  // namespace hither::dns
