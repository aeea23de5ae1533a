// SPDX-License-Identifier: Apache-2.0
#include "dns/answer.h"

#include <algorithm>

#include "dns/view.h"

namespace hither::dns {
namespace {

/// What is said instead of everything (RFC 8482 s4.2). Made before main(), never changed.
const RrSet& minimal_any() {
  static const RrSet set = [] {
    RrSet hinfo{.type = Type::hinfo, .ttl = 3600, .rdata = {}};
    hinfo.add(hinfo_rdata("RFC8482", ""));
    return hinfo;
  }();
  return set;
}

/// Rule 1: what is not answered from a zone at all.
Rcode check_kind(const Query& query) {
  if (query.problem != Rcode::noerror) return query.problem;
  if (query.class_of != Class::in) return Rcode::refused;
  const auto number = static_cast<unsigned>(query.type);
  if (query.type == Type::opt || query.type == Type::nxname || number == 0) return Rcode::formerr;
  if (query.type == Type::axfr || query.type == Type::ixfr) return Rcode::refused;
  if (number > 128 && query.type < Type::any) return Rcode::notimp;
  return Rcode::noerror;
}

Answer failure(Rcode rcode, std::optional<Ede> ede = std::nullopt) {
  Answer answer;
  answer.rcode = rcode;
  answer.edns.ede = ede;
  return answer;
}

/// One walk from the name that was asked along its CNAMEs.
class Walker {
 public:
  Walker(const Query& query, const Snapshot& snapshot, const Address& asker)
      : query_(query), snapshot_(snapshot), asker_(asker) {}

  Answer walk();

 private:
  bool step(const Zone& zone, ByteView owner, const Name& key);
  void add_steered(ByteView owner, std::uint32_t index, const Zone& zone);
  void add_negative(const Zone& zone, ByteView owner, Rcode rcode);
  void add_referral(const Zone& zone, ByteView cut, const RrSet& servers);
  void add(ByteView owner, const RrSet& set) {
    answer_.answer.push_back({.owner = owner, .set = &set, .ttl = set.ttl});
  }

  const Query& query_;
  const Snapshot& snapshot_;
  const Address& asker_;
  Answer answer_;
};

void Walker::add_negative(const Zone& zone, ByteView owner, Rcode rcode) {
  answer_.rcode = rcode;
  const RrSet& soa = zone.negative_soa();
  answer_.authority.push_back(
      {.owner = owner.last(zone.origin().size()), .set = &soa, .ttl = soa.ttl});
}

/// The NS set of a delegation and the addresses that we know of the servers it names.
void Walker::add_referral(const Zone& zone, ByteView cut, const RrSet& servers) {
  answer_.authority.push_back({.owner = cut, .set = &servers, .ttl = servers.ttl});
  answer_.authoritative = !answer_.answer.empty();  // It is, of the CNAMEs before.
  Reader in(servers.rdata);
  while (in.left() > 0) {
    const ByteView server = in.take(in.u16());
    const Name key = Name::from_wire(server).lower();
    for (const Type type : {Type::a, Type::aaaa}) {
      const RrSet* glue = zone.find_exact(key.wire(), type);
      if (glue == nullptr || answer_.additional.full()) continue;
      answer_.additional.push_back({.owner = server, .set = glue, .ttl = glue->ttl});
    }
  }
}

void Walker::add_steered(ByteView owner, std::uint32_t index, const Zone& zone) {
  if (!answer_.answer.empty()) return;  // Rule 4.
  if (!snapshot_.rooms.complete()) {
    answer_ = failure(Rcode::servfail, Ede::not_ready);
    return;
  }
  const ClientSubnet* subnet = query_.edns && query_.edns->subnet ? &*query_.edns->subnet : nullptr;
  const View view = make_view(snapshot_, snapshot_.directory->names[index], query_.type,
                              client_of(subnet, asker_));
  if (!view.has_room) {
    add_negative(zone, owner, Rcode::noerror);
    return;
  }
  const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(view.ttl).count();
  const RrSet& set = snapshot_.directory->rooms[view.room].addresses[family_of(query_.type)];
  answer_.answer.push_back({.owner = owner, .set = &set, .ttl = static_cast<std::uint32_t>(ttl)});
  answer_.room = view.room;
  if (subnet == nullptr || subnet->opted_out() || !view.tailored) return;
  // 0 would say "for everybody", also where one family has a single answer.
  answer_.edns.scope = std::max<std::uint8_t>(subnet->scope_of(view.depth), 1);
}

/// Adds what is known of one name; true if it leads on to another in the same zone.
bool Walker::step(const Zone& zone, ByteView owner, const Name& key) {
  const Zone::Match match = zone.find(key.wire(), query_.type);
  switch (match.kind) {
    case Zone::Kind::found:
      add(owner, *match.set);
      return false;
    case Zone::Kind::any:
      add(owner, minimal_any());
      return false;
    case Zone::Kind::alias:
      add(owner, *match.set);
      return answer_.answer.all().size() <= cname_chain_max;
    case Zone::Kind::steered:
      add_steered(owner, match.steered, zone);
      return false;
    case Zone::Kind::no_data:
      add_negative(zone, owner, Rcode::noerror);
      return false;
    case Zone::Kind::no_name:
      add_negative(zone, owner, Rcode::nxdomain);
      return false;
    case Zone::Kind::referral:
      add_referral(zone, owner.subspan(match.owner_start), *match.set);
      return false;
  }
  return false;
}

Answer Walker::walk() {
  ByteView owner = query_.name.wire();
  Name key = query_.name.lower();
  const Zone* zone = snapshot_.directory->find_zone(key.wire(), query_.type);
  if (zone == nullptr) return failure(Rcode::refused, Ede::not_authoritative);
  answer_.authoritative = true;
  while (step(*zone, owner, key)) {
    owner = answer_.answer.all().back().set->first();
    key = Name::from_wire(owner).lower();
    if (snapshot_.directory->find_zone(key.wire(), query_.type) != zone) break;
  }
  return answer_;
}

}  // namespace

Answer make_answer(const Query& query, const Snapshot& snapshot, const Address& asker) {
  const Rcode problem = check_kind(query);
  if (problem == Rcode::notimp && query.opcode == 0) return failure(problem, Ede::not_supported);
  if (problem != Rcode::noerror) return failure(problem);
  return Walker(query, snapshot, asker).walk();
}

}  // namespace hither::dns
