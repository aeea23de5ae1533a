// SPDX-License-Identifier: Apache-2.0
#include "dns/zone.h"

#include <algorithm>

#include "base/assert.h"

namespace hither::dns {

const RrSet* Zone::Node::find(Type type) const {
  const auto found = std::ranges::find(sets, type, &RrSet::type);
  return found == sets.end() ? nullptr : &*found;
}

Zone::Match Zone::match(const Node& node, Type type) {
  const bool address = type == Type::a || type == Type::aaaa;
  if (node.steered != none && address) return {.kind = Kind::steered, .steered = node.steered};
  if (type == Type::any && (node.steered != none || !node.sets.empty())) {
    return {.kind = Kind::any};
  }
  if (const RrSet* set = node.find(type)) return {.kind = Kind::found, .set = set};
  if (const RrSet* alias = node.find(Type::cname)) return {.kind = Kind::alias, .set = alias};
  return {.kind = Kind::no_data};
}

Zone::Match Zone::find(ByteView lower_case, Type type) const {
  const Labels labels(lower_case);
  const int below = labels.count - static_cast<int>(origin_labels_);
  ASSERT(below >= 0);
  std::uint32_t at = 0;
  for (int i = below - 1; i >= 0; --i) {
    const std::size_t start = labels.starts[static_cast<std::size_t>(i)];
    const auto next = index_.find(lower_case.subspan(start));
    if (!next) {
      const std::uint32_t wildcard = nodes_[at].wildcard;
      return wildcard == none ? Match{} : match(nodes_[wildcard], type);
    }
    at = *next;
    if (nodes_[at].cut && !(i == 0 && type == Type::ds)) {
      return {.kind = Kind::referral, .set = nodes_[at].find(Type::ns), .owner_start = start};
    }
  }
  return match(nodes_[at], type);
}

const RrSet* Zone::find_exact(ByteView lower_case, Type type) const {
  const auto at = index_.find(lower_case);
  return at ? nodes_[*at].find(type) : nullptr;
}

}  // namespace hither::dns
