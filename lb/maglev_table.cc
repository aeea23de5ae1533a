// SPDX-License-Identifier: Apache-2.0
#include "lb/maglev_table.h"

#include <algorithm>

#include "base/hash.h"

namespace hither::lb {
namespace {

constexpr std::uint16_t nobody = 0xffff;

/// Where one member stands in its own order of all slots.
struct Walk {
  std::size_t slot = 0;
  std::size_t skip = 1;
  std::uint64_t owed = 0;  ///< weight that no slot was had for yet

  void advance() {
    slot += skip;
    if (slot >= MaglevTable::slots) slot -= MaglevTable::slots;
  }
};

Walk walk_of(std::uint64_t identity) {
  constexpr std::uint64_t offset_seed = 1;
  constexpr std::uint64_t skip_seed = 2;
  return {
      .slot = static_cast<std::size_t>(hash_pair(identity, offset_seed) % MaglevTable::slots),
      .skip =
          static_cast<std::size_t>(hash_pair(identity, skip_seed) % (MaglevTable::slots - 1)) + 1};
}

}  // namespace

MaglevTable::MaglevTable(std::span<const Member> members) {
  if (members.empty()) return;
  // Of two that want a slot in one round the first gets it. Which is first must not depend on who
  // came when: another process may know them in another order.
  std::vector<Member> ordered(members.begin(), members.end());
  std::ranges::stable_sort(ordered, {}, &Member::identity);
  slots_.assign(slots, nobody);
  std::vector<Walk> walks;
  walks.reserve(members.size());
  std::uint64_t weights = 0;
  for (const Member& member : ordered) {
    walks.push_back(walk_of(member.identity));
    weights += member.weight;
  }
  // Round after round each takes its next free slots, one for every `price` of its weight: one, if
  // all weigh the same. Priced by the mean, as many slots a round as there are members, whatever
  // their weights are.
  const std::uint64_t price = (weights + members.size() - 1) / members.size();
  std::size_t left = slots;
  while (left > 0) {
    for (std::size_t i = 0; i < ordered.size() && left > 0; ++i) {
      Walk& walk = walks[i];
      walk.owed += ordered[i].weight;
      for (; walk.owed >= price && left > 0; walk.owed -= price, --left) {
        while (slots_[walk.slot] != nobody) walk.advance();
        slots_[walk.slot] = ordered[i].value;
      }
    }
  }
}

}  // namespace hither::lb
