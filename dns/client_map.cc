// SPDX-License-Identifier: Apache-2.0
#include "dns/client_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "base/assert.h"
#include "base/hash.h"
#include "dns/sites.h"

namespace hither::dns {
namespace {

/// Uniform in (0, 1), from 53 bits of the hash.
double to_unit(std::uint64_t hash) { return (static_cast<double>(hash >> 11U) + 0.5) * 0x1.0p-53; }

struct Scored {
  double score;
  std::uint16_t place;  ///< of the member's head in the group; a tie ends in it
};

bool has_group(std::span<const std::uint16_t> order) {
  return std::ranges::any_of(order, [](std::uint16_t item) { return item >= group_flag; });
}

}  // namespace

/// Gives equal orders one number, and then puts a map of them together.
class ClientMapBuilder {
 public:
  ClientMapBuilder(Ranker& ranker, const Sites& sites, std::size_t ranked)
      : ranker_(ranker), sites_(sites), ranked_(ranked) {
    number(Site{});  // the catch-all
  }

  std::size_t count() const { return entries_.size(); }

  std::uint32_t number(const Site& site) {
    const Order order = ranker_.order(site, ranked_);
    const std::string_view bytes(reinterpret_cast<const char*>(order.data()),
                                 order.size() * sizeof(std::uint16_t));
    const std::uint64_t hash = hash_bytes(bytes);
    const auto [begin, end] = numbers_.equal_range(hash);
    for (auto found = begin; found != end; ++found) {
      const ClientMap::Entry& entry = entries_[found->second];
      if (std::equal(order.begin(), order.end(), orders_.begin() + entry.first,
                     orders_.begin() + entry.first + entry.count)) {
        return found->second;
      }
    }
    const auto number = static_cast<std::uint32_t>(count());
    entries_.push_back({.first = static_cast<std::uint32_t>(orders_.size()),
                        .count = static_cast<std::uint16_t>(order.size()),
                        .grouped = has_group(order)});
    orders_.insert(orders_.end(), order.begin(), order.end());
    numbers_.emplace(hash, number);
    return number;
  }

  /// nullopt if there are more rankings than that. Call once.
  std::optional<ClientMap> build(const Geography& geography, std::size_t rankings_max,
                                 const Halves& halves) {
    std::vector<std::uint32_t> ranking_of(geography.places());
    for (std::uint32_t i = 0; i < geography.places() && count() <= rankings_max; ++i) {
      ranking_of[i] = number(sites_.site(i, Sites::no_network));
    }
    if (count() > rankings_max) return std::nullopt;
    PrefixMapBuilder blocks;
    const auto walk = [&](Family family, const auto& step) {
      Known known{.halves = halves, .rankings_max = rankings_max};
      sites_.walk(family, [&](Bits128 first, std::uint32_t place, std::uint32_t network) {
        step(first, network != Sites::no_network  ? number_in(place, network, known)
                    : place == Geography::nowhere ? 0U
                                                  : ranking_of[place]);
      });
    };
    const auto add4 = [&] {
      walk(Family::v4, [&](Bits128 first, std::uint32_t ranking) {
        blocks.step4(static_cast<std::uint32_t>(first), ranking);
      });
      blocks.pack4();
    };
    const auto add6 = [&] {
      walk(Family::v6, [&](Bits128 first, std::uint32_t ranking) { blocks.step6(first, ranking); });
      blocks.pack6();
    };
    halves.run_both(add4, add6);
    if (count() > rankings_max) return std::nullopt;
    return take(blocks.finish());
  }

  /// For an order that is the same for all.
  ClientMap build_single() {
    PrefixMapBuilder blocks;
    blocks.step(Address(), 0);
    return take(blocks.finish());
  }

 private:
  /// What one half knows of the orders inside networks.
  struct Known {
    const Halves& halves;
    std::size_t rankings_max;
    std::unordered_map<std::uint64_t, std::uint32_t> numbers = {};  // by place and network
  };

  /// Networks make orders on the way, in both halves at once. `known` are those of this half. Which
  /// order gets which number may depend on the threads; nobody but this map knows them. Too many
  /// are found out in the end; until then every number must be one of a map.
  std::uint32_t number_in(std::uint32_t place, std::uint32_t network, Known& known) {
    const std::uint64_t key = std::uint64_t{place} << 32U | network;
    const auto [found, fresh] = known.numbers.try_emplace(key, 0U);
    if (fresh) {
      known.halves.run_alone([&, entry = found] {
        if (count() > known.rankings_max) return;
        entry->second = std::min(number(sites_.site(place, network)), PrefixMap::value_max);
      });
    }
    return found->second;
  }

  ClientMap take(PrefixMap blocks) {
    ClientMap map(std::move(blocks));
    map.entries_ = std::move(entries_);
    map.orders_ = std::move(orders_);
    return map;
  }

  Ranker& ranker_;
  const Sites& sites_;
  std::size_t ranked_;
  std::vector<ClientMap::Entry> entries_;
  std::vector<std::uint16_t> orders_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> numbers_;  // by hash of the order
};

Result<ClientMap> ClientMap::build(const Geography& geography,
                                   const topology::Description& description,
                                   std::string_view policy, std::size_t rankings_max,
                                   const Halves& halves) {
  ASSERT(!description.rooms.empty() && description.rooms.size() <= topology::rooms_max);
  ASSERT(rankings_max > 0 && rankings_max <= rankings_most);
  const auto tree = resolve_policy(description, policy);
  ASSERT(tree);
  Ranker ranker(*tree, description);
  const Sites sites(geography, ranker.networks());
  std::optional<ClientMap> map;
  for (std::size_t ranked = ranked_max; !map; ranked /= 2) {
    ClientMapBuilder builder(ranker, sites, ranked);
    map = ranker.same_for_all() ? builder.build_single()
                                : builder.build(geography, rankings_max, halves);
    // With none ranked by distance, what is left comes from the rules.
    if (!map && ranked == 0) {
      return fail(
          fmt::format("policy '{}' comes to more than {} different orders of rooms; use "
                      "fewer fences and preferences",
                      policy, rankings_max));
    }
  }
  for (const topology::Room& room : description.rooms) {
    map->room_seeds_.push_back(hash_bytes(room.name));
  }
  for (const topology::PolicyNode& node : tree->nodes) {
    map->node_seeds_.push_back(hash_bytes(node.name, 1));
  }
  return std::move(*map);
}

ClientMap ClientMap::build(const Geography& geography, std::span<const topology::Room> rooms,
                           std::size_t rankings_max) {
  topology::Description description;
  description.rooms.assign(rooms.begin(), rooms.end());
  auto map = build(geography, description, "nearest", rankings_max);
  ASSERT(map);  // No rule, so with none ranked there is one order.
  return std::move(*map);
}

/// One order in the making: rooms that come twice count where they come first.
struct ClientMap::Choice {
  std::uint64_t key;
  Buffer& buffer;
  std::size_t count = 0;
  std::bitset<rooms_max> seen;
};

void ClientMap::choose(std::span<const std::uint16_t> items, Choice& choice) const {
  for (std::size_t i = 0; i < items.size();) {
    if (items[i] < group_flag) {
      const std::uint16_t room = items[i++];
      if (choice.seen[room]) continue;
      choice.seen.set(room);
      choice.buffer.rooms[choice.count++] = room;
      continue;
    }
    const std::size_t members = items[i] - std::size_t{group_flag};
    const std::uint64_t key = hash_pair(choice.key, node_seeds_[items[i + 1]]);
    std::array<Scored, rooms_max> scored;
    std::size_t at = i + 2;
    for (std::size_t m = 0; m < members; ++m) {
      const std::uint16_t member = items[at];
      const std::uint64_t seed =
          member < group_flag ? room_seeds_[member] : node_seeds_[member - std::size_t{group_flag}];
      scored[m] = {.score = -items[at + 1] / std::log(to_unit(hash_pair(key, seed))),
                   .place = static_cast<std::uint16_t>(at)};
      at += 3U + items[at + 2];
    }
    std::sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(members),
              [](const Scored& one, const Scored& other) {
                return one.score != other.score ? one.score > other.score : one.place < other.place;
              });
    for (std::size_t m = 0; m < members; ++m) {
      choose(items.subspan(scored[m].place + 3U, items[scored[m].place + 2U]), choice);
    }
    i = at;
  }
}

std::span<const std::uint16_t> ClientMap::rooms(std::uint32_t ranking, std::uint64_t key,
                                                Buffer& buffer) const {
  Choice choice{.key = key, .buffer = buffer, .count = 0, .seen = {}};
  choose(items(ranking), choice);
  return std::span(buffer.rooms).first(choice.count);
}

ClientMaps ClientMaps::build(const Geography& geography, const topology::Description& description,
                             std::vector<Error>& mistakes, const Halves& halves) {
  ClientMaps all;
  if (description.rooms.size() > topology::rooms_max) {
    mistakes.push_back(
        {fmt::format("{}: {} rooms are more than {}; split the world", description.file,
                     description.rooms.size(), topology::rooms_max)});
    return all;
  }
  std::vector<topology::PolicyTree> trees;
  for (const topology::Name& name : description.names) {
    auto tree = resolve_policy(description, name.policy);
    if (!tree) {
      mistakes.push_back(
          {fmt::format("{}: name {} has the policy '{}', which cannot be made; run "
                       "hither check",
                       description.file, name.name, name.policy)});
      return all;
    }
    const auto known = std::ranges::find(trees, *tree);
    const auto number = static_cast<std::uint16_t>(known - trees.begin());
    all.map_of_name.push_back(number);
    if (known != trees.end()) continue;
    trees.push_back(std::move(*tree));
    auto map =
        ClientMap::build(geography, description, name.policy, ClientMap::rankings_most, halves);
    if (!map) {
      mistakes.push_back({fmt::format("{}: {}", description.file, map.error().message)});
      return all;
    }
    all.maps.push_back(std::move(*map));
  }
  return all;
}

}  // namespace hither::dns
