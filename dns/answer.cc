// SPDX-License-Identifier: Apache-2.0
#include "dns/answer.h"

#include <algorithm>

#include "dns/private_blocks.h"
#include "dns/protocol.h"
#include "dns/view.h"

namespace hither::dns {
namespace {

/// What is said instead of everything (RFC 8482 s4.2). Made before main(), never changed.
const RrSet& minimal_any() {
  static const RrSet set = [] {
    RrSet hinfo{.type = Type::hinfo, .ttl = 3600};
    hinfo.add(hinfo_rdata("RFC8482", ""));
    hinfo.prepare(Name().wire());  // There is no name in it.
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

/// One walk from the name that was asked along its CNAMEs.
class Walker {
 public:
  Walker(const Query& query, const Snapshot& snapshot, const Address& asker, Answer& answer)
      : query_(query),
        snapshot_(snapshot),
        asker_(asker),
        answer_(answer),
        owner_({.in = Owner::In::question, .size = static_cast<std::uint8_t>(query.name.size())}),
        octets_(query.name.wire()),
        key_(octets_) {}

  void walk();

 private:
  bool step(const Zone& zone);
  bool alias(const RrSet& set);
  bool rename(const Zone::Match& match);
  bool holds(const RrSet& set) const;
  void add_steered(const Zone& zone, std::uint32_t index);
  void add_negative(const Zone& zone, Rcode rcode);
  void add_referral(const Zone::Match& match);
  void add(const RrSet& set) {
    answer_.answer.push_back({.owner = owner_, .set = &set, .ttl = set.ttl});
  }
  void go_on();

  const Query& query_;
  const Snapshot& snapshot_;
  const Address& asker_;
  Answer& answer_;
  // The name that the walk has come to: where it stands in the message, in whose case it is there,
  // and as tables know it.
  Owner owner_;
  ByteView octets_;
  Key key_;
  int followed_ = 0;
};

/// The name without its first `octets`.
Owner from(Owner owner, std::size_t octets) {
  owner.start = static_cast<std::uint8_t>(owner.start + octets);
  owner.size = static_cast<std::uint8_t>(owner.size - octets);
  return owner;
}

void Walker::add_negative(const Zone& zone, Rcode rcode) {
  answer_.rcode = rcode;
  const RrSet& soa = zone.negative_soa();
  answer_.authority.push_back(
      {.owner = from(owner_, owner_.size - soa.owner_size), .set = &soa, .ttl = soa.ttl});
}

/// The NS set of a delegation and the addresses that we know of the servers it names.
void Walker::add_referral(const Zone::Match& match) {
  answer_.authority.push_back(
      {.owner = from(owner_, match.owner_start), .set = match.set, .ttl = match.set->ttl});
  answer_.authoritative = !answer_.answer.empty();  // It is, of the CNAMEs before.
  for (const Glue& glue : match.glue) {
    const auto size = static_cast<std::uint8_t>(match.set->data(glue.record).size());
    const Owner server = {.in = Owner::In::authority, .size = size, .record = glue.record};
    answer_.additional.push_back({.owner = server, .set = glue.set, .ttl = glue.set->ttl});
  }
}

void Walker::add_steered(const Zone& zone, std::uint32_t index) {
  if (!answer_.answer.empty()) return;  // Rule 4.
  if (!snapshot_.rooms.complete()) {
    answer_.authoritative = false;
    answer_.rcode = Rcode::servfail;
    answer_.edns.ede = Ede::not_ready;
    return;
  }
  const ClientSubnet* subnet = query_.edns && query_.edns->subnet ? &*query_.edns->subnet : nullptr;
  const SteeredName& name = snapshot_.directory->names[index];
  const Protocol* protocol = snapshot_.protocol.get();
  const SubnetUse use(subnet, protocol != nullptr && protocol->private_by_resolver);
  const View view = make_view(snapshot_, name, query_.type, client_of(use.subnet, asker_));
  if (!view.has_room()) {
    add_negative(zone, Rcode::noerror);
    return;
  }
  const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(view.ttl).count();
  for (const std::uint16_t room : view.rooms()) {
    const RrSet& set = snapshot_.directory->rooms[room].addresses[family_of(query_.type)];
    answer_.answer.push_back({.owner = owner_,
                              .set = &set,
                              .ttl = static_cast<std::uint32_t>(ttl),
                              .continues = !answer_.rooms.empty()});
    answer_.rooms.push_back(room);
  }
  if (snapshot_.rooms.stale(name.farm)) answer_.edns.ede = Ede::stale;
  if (subnet == nullptr || subnet->opted_out() || !view.tailored) return;
  // 0 would say "for everybody", also where one family has a single answer.
  answer_.edns.scope = std::max<std::uint8_t>(subnet->scope_of(use.depth(view.depth)), 1);
}

bool Walker::holds(const RrSet& set) const {
  return std::ranges::find(answer_.answer.all(), &set, &Item::set) != answer_.answer.all().end();
}

/// Who comes to a CNAME again is where it was before, and would go round for ever.
bool Walker::alias(const RrSet& set) {
  if (holds(set)) return false;
  add(set);
  return true;
}

/// The DNAME above the name, and the CNAME it makes for it (RFC 6672 s3.1), in the name's own case.
/// Who comes to the same name by the same DNAME again goes round; one that makes ever longer names
/// does not come to the same.
bool Walker::rename(const Zone::Match& match) {
  const RrSet& rename = *match.set;
  const auto target = Name::join(octets_.first(match.owner_start), rename.first());
  const auto known = answer_.synthesized.all();
  if (target && holds(rename) && std::ranges::find(known, *target) != known.end()) return false;
  answer_.answer.push_back(
      {.owner = from(owner_, match.owner_start), .set = &rename, .ttl = rename.ttl});
  if (!target) {
    answer_.rcode = Rcode::yxdomain;
    return false;
  }
  const auto index = static_cast<std::uint8_t>(answer_.synthesized.size());
  answer_.synthesized.push_back(*target);
  answer_.answer.push_back(
      {.owner = owner_, .set = nullptr, .ttl = rename.ttl, .synthesized = index});
  return query_.type != Type::cname && query_.type != Type::any;
}

/// Adds what is known of one name; true if it leads on to another.
bool Walker::step(const Zone& zone) {
  const Zone::Match match = zone.find(key_, query_.type);
  switch (match.kind) {
    case Zone::Kind::found:
      add(*match.set);
      return false;
    case Zone::Kind::any:
      add(minimal_any());
      return false;
    case Zone::Kind::alias:
      return alias(*match.set);
    case Zone::Kind::renamed:
      return rename(match);
    case Zone::Kind::steered:
      add_steered(zone, match.steered);
      return false;
    case Zone::Kind::no_data:
      add_negative(zone, Rcode::noerror);
      return false;
    case Zone::Kind::no_name:
      add_negative(zone, Rcode::nxdomain);
      return false;
    case Zone::Kind::referral:
      add_referral(match);
      return false;
  }
  return false;
}

/// To where the CNAME that was added last leads.
void Walker::go_on() {
  const auto index = static_cast<std::uint8_t>(answer_.answer.size() - 1);
  const Item& last = answer_.answer[index];
  const ByteView target =
      last.set != nullptr ? last.set->first() : answer_.synthesized[last.synthesized].wire();
  owner_ = {
      .in = Owner::In::answer, .size = static_cast<std::uint8_t>(target.size()), .item = index};
  octets_ = target;
  key_.assign(target);
}

void Walker::walk() {
  const Zone* zone = snapshot_.directory->find_zone(key_, query_.type);
  if (zone == nullptr) {
    answer_.rcode = Rcode::refused;
    answer_.edns.ede = Ede::not_authoritative;
    return;
  }
  answer_.authoritative = true;
  while (step(*zone) && ++followed_ <= cname_chain_max) {
    go_on();
    if (snapshot_.directory->find_zone(key_, query_.type) != zone) return;
  }
}

}  // namespace

Answer make_answer(const Query& query, const Snapshot& snapshot, const Address& asker) {
  Answer answer;
  answer.rcode = check_kind(query);
  if (answer.rcode == Rcode::noerror) {
    Walker(query, snapshot, asker, answer).walk();
  } else if (answer.rcode == Rcode::notimp && query.opcode == 0) {
    answer.edns.ede = Ede::not_supported;
  } else if (answer.rcode == Rcode::refused) {
    // Of another class there is no zone at all; a transfer is refused by rule (RFC 8914 s4.19).
    answer.edns.ede = query.class_of != Class::in ? Ede::not_authoritative : Ede::prohibited;
  }
  return answer;
}

}  // namespace hither::dns
