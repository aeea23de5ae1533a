// SPDX-License-Identifier: Apache-2.0
#include "lb/copy_plan.h"

#include <map>
#include <set>
#include <utility>

namespace hither::lb {
namespace {

using Key = std::pair<std::string, std::string>;

Key key_of(const CopyIdentity& identity) { return {identity.name, identity.address}; }

/// The place of a present copy at each address.
std::map<std::string, std::size_t> places_by_address(std::span<const KnownCopy> known) {
  std::map<std::string, std::size_t> places;
  for (std::size_t place = 0; place < known.size(); ++place) {
    if (known[place].present) places.emplace(known[place].identity.address, place);
  }
  return places;
}

}  // namespace

CopyPlan plan_copies(std::span<const KnownCopy> known, std::span<const CopyIdentity> wanted) {
  std::multimap<Key, std::size_t> known_places;
  for (std::size_t place = 0; place < known.size(); ++place) {
    known_places.emplace(key_of(known[place].identity), place);
  }
  const std::map<std::string, std::size_t> by_address = places_by_address(known);

  CopyPlan plan;
  std::set<std::size_t> staying;
  std::size_t next = known.size();
  for (const CopyIdentity& copy : wanted) {
    std::optional<std::size_t> place;
    const auto [begin, end] = known_places.equal_range(key_of(copy));
    for (auto one = begin; one != end; ++one) {
      if (known[one->second].identity == copy) place = one->second;
    }
    if (!place) place = next++;
    if (*place >= known.size() || !known[*place].present) {
      const auto heir_of = by_address.find(copy.address);
      plan.joins.push_back(
          {.place = *place,
           .identity = copy,
           .heir_of = heir_of == by_address.end() ? std::nullopt : std::optional(heir_of->second)});
    }
    staying.insert(*place);
    plan.order.push_back(*place);
  }
  for (std::size_t place = 0; place < known.size(); ++place) {
    if (known[place].present && !staying.contains(place)) plan.leaves.push_back(place);
  }
  return plan;
}

}  // namespace hither::lb
