// SPDX-License-Identifier: Apache-2.0
#include "dns/zone.h"

#include "base/assert.h"

namespace hither::dns {

const RrSet* Zone::Node::find(Type type) const {
  for (const RrSet& set : sets) {
    if (set.type == type) return &set;
  }
  return nullptr;
}

Zone::Match Zone::match(const Node& node, Type type) {
  const bool address = type == Type::a || type == Type::aaaa;
  if (node.steered != none && address) return {.kind = Kind::steered, .steered = node.steered};
  const RrSet* alias = node.find(Type::cname);
  if (type == Type::any && alias != nullptr) return {.kind = Kind::found, .set = alias};
  if (type == Type::any && (node.steered != none || !node.sets.empty())) {
    return {.kind = Kind::any};
  }
  if (const RrSet* set = node.find(type)) return {.kind = Kind::found, .set = set};
  if (alias != nullptr) return {.kind = Kind::alias, .set = alias};
  return {.kind = Kind::no_data};
}

/// A delegation at or above the name hides all that is there.
Zone::Match Zone::refer(std::uint32_t cut, const Key& name) const {
  const Node& node = nodes_[cut];
  const RrSet* servers = node.find(Type::ns);
  return {.kind = Kind::referral,
          .set = servers,
          .owner_start = name.wire().size() - servers->owner_size,
          .glue = node.glue};
}

/// A name that is not there, whose closest encloser is.
Zone::Match Zone::match_below(const Node& encloser, const Key& name, Type type) const {
  if (encloser.cut != none) return refer(encloser.cut, name);
  if (const RrSet* rename = encloser.find(Type::dname)) {
    return {.kind = Kind::renamed,
            .set = rename,
            .owner_start = name.wire().size() - rename->owner_size};
  }
  return encloser.wildcard == none ? Match{} : match(nodes_[encloser.wildcard], type);
}

Zone::Match Zone::find(const Key& name, Type type) const {
  const int below = name.labels() - origin_labels_;
  for (int i = 0; i <= below; ++i) {
    const auto at = index_.find(name.suffix(i));
    if (!at) continue;
    const Node& node = nodes_[*at];
    if (i > 0) return match_below(node, name, type);
    const bool ours = node.cut == none || (node.cut == *at && type == Type::ds);
    return ours ? match(node, type) : refer(node.cut, name);
  }
  ASSERT(false);  // The top of the zone is always there.
}

const RrSet* Zone::find_exact(ByteView lower_case, Type type) const {
  const auto at = index_.find(lower_case);
  return at ? nodes_[*at].find(type) : nullptr;
}

Zone::OwnedSet Zone::next(Place& place) const {
  for (; place.node < nodes_.size(); ++place.node, place.set = 0) {
    const ByteView name = index_.names().subspan(place.name_start);
    const std::size_t size = name_size(name);
    const std::vector<RrSet>& sets = nodes_[place.node].sets;
    if (place.set < sets.size()) return {.owner = name.first(size), .set = &sets[place.set++]};
    place.name_start += size;
  }
  return {};
}

const RrSet& Zone::soa() const {
  const RrSet* soa = nodes_[0].find(Type::soa);
  ASSERT(soa != nullptr);  // or it would not have been built
  return *soa;
}

}  // namespace hither::dns
