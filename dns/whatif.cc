// SPDX-License-Identifier: Apache-2.0
#include "dns/whatif.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>

#include "base/assert.h"
#include "base/hash.h"
#include "base/text.h"

namespace hither::dns {
namespace {

constexpr std::uint32_t no_group = std::numeric_limits<std::uint32_t>::max();
constexpr double km_most = 20'100;      // half around the globe
constexpr std::uint64_t samples = 512;  // of blocks, where shares have no formula

double size_of(Bits128 first, Bits128 last) {
  const Bits128 count = last - first + 1;
  return std::ldexp(static_cast<double>(high_half(count)), 64) +
         static_cast<double>(low_half(count));
}

std::optional<PopulationRow> row_of(std::string_view line) {
  const std::size_t comma = line.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto prefix = parse_prefix(trim(line.substr(0, comma)));
  const std::string_view number = trim(line.substr(comma + 1));
  double weight = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), weight);
  const bool whole = error == std::errc() && end == number.data() + number.size();
  if (!prefix || !whole || !std::isfinite(weight) || weight < 0) return std::nullopt;
  return PopulationRow{.prefix = *prefix, .weight = weight};
}

}  // namespace

std::vector<PopulationRow> parse_population(std::string_view text, const std::string& file,
                                            std::vector<Error>& mistakes) {
  std::vector<PopulationRow> rows;
  int number = 0;
  for (const std::string_view whole : split(text, '\n')) {
    ++number;
    const std::string_view line = trim(whole);
    if (line.empty() || line.starts_with('#')) continue;
    if (const auto row = row_of(line)) {
      rows.push_back(*row);
    } else if (number > 1 || line.find('/') != std::string_view::npos) {
      mistakes.push_back({fmt::format(
          "{}:{}:1: '{}' is no row of a population; write a network and a number, such as "
          "192.0.2.0/24,1500",
          file, number, line)});
    }
  }
  if (rows.empty() && mistakes.empty()) {
    mistakes.push_back(
        {fmt::format("{}: there is no row; write lines such as 192.0.2.0/24,1500", file)});
  }
  return rows;
}

RoomStates supposed_states(const topology::Description& description,
                           const topology::RoomSet& down) {
  RoomStates states(description.rooms.size(), description.farms.size());
  for (std::size_t r = 0; r < description.rooms.size(); ++r) {
    for (std::size_t f = 0; f < description.farms.size(); ++f) {
      const topology::Farm* farm = description.rooms[r].find_farm(description.farms[f]);
      if (farm == nullptr) continue;
      FarmState& state = states.at(r, f);
      state.runs = true;
      state.copies =
          farm->servers.empty() ? farm->copies : static_cast<std::int64_t>(farm->servers.size());
      const bool up = !down[r] && state.copies > 0;
      state.state = state.measured = up ? RoomState::up : RoomState::down;
      if (!up) state.reason = down[r] ? "supposed to be down" : "no copies";
      state.usable = up ? state.copies : 0;
      state.capacity = state.usable * farm->capacity;
      state.holds_for = std::chrono::hours(1);
    }
  }
  states.set_complete(true);
  return states;
}

/// What else than the place decides how much an address counts.
struct WhatIf::Layer {
  Family family;
  Counting counting;
  std::vector<PrefixStep> steps;  // of the population; the value is a row, or none
  std::vector<double> density;    // clients per address, by row
  std::size_t next = 0;           // the first step that is still to come
  struct Run {
    Bits128 first;
    std::uint32_t ranking;
  };
  std::vector<Run> runs;     // of the map
  std::size_t next_run = 0;  // the latest that has begun

  static constexpr std::uint32_t none = 0xffffffff;

  Layer(Family which, Counting how, std::span<const PopulationRow> population, const PrefixMap& map)
      : family(which), counting(how) {
    map.walk_runs(which, [&](Bits128 first, std::uint32_t ranking) {
      if (runs.empty() || runs.back().ranking != ranking) runs.push_back({first, ranking});
    });
    if (how != Counting::population) return;
    std::vector<PrefixBlock> blocks;
    for (std::uint32_t i = 0; i < population.size(); ++i) {
      const Prefix& prefix = population[i].prefix;
      if (prefix.is_v4() == (family == Family::v4)) blocks.push_back({prefix, i});
    }
    steps = flatten(blocks, none);
    std::vector<double> sizes(population.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].value == none) continue;
      sizes[steps[i].value] += size_of(to_bits(steps[i].first), last_of(i));
    }
    for (std::size_t i = 0; i < population.size(); ++i) {
      density.push_back(sizes[i] > 0 ? population[i].weight / sizes[i] : 0);
    }
  }

  Bits128 last_of(std::size_t step) const {
    return step + 1 < steps.size() ? to_bits(steps[step + 1].first) - 1 : ~Bits128{0};
  }
  Bits128 last_of_run(std::size_t run) const {
    return run + 1 < runs.size() ? runs[run + 1].first - 1 : ~Bits128{0};
  }
};

WhatIf::WhatIf(const Geography& geography, const Directory& directory, const SteeredName& name,
               Counting counting, std::span<const PopulationRow> population)
    : geography_(geography),
      directory_(directory),
      name_(name),
      map_(directory.maps[name.map]),
      group_of_place_(std::size_t{geography.places()} + 1, no_group) {
  const topology::Description& description = directory.description;
  const RoomStates states = supposed_states(description, {});
  for (std::size_t room = 0; room < description.rooms.size(); ++room) {
    const topology::Room& described = description.rooms[room];
    rooms_.push_back(described.has_location ? std::optional(on_globe(described.location))
                                            : std::nullopt);
    capacities_.push_back(static_cast<double>(states.at(room, name.farm).capacity));
  }
  if (counting != Counting::ipv6_blocks) walk(geography, Family::v4, counting, population);
  if (counting != Counting::ipv4_addresses) walk(geography, Family::v6, counting, population);
  for (const Group& group : groups_) {
    const bool known = group.place != Geography::nowhere;
    points_.push_back(known ? on_globe(geography.location(group.place)) : GlobePoint{});
  }
  sums_ = empty_sums();
  parts_.resize(map_.rankings());
  groups_of_room_.resize(rooms_.size());
  const topology::RoomSet up = up_without({});
  for (std::uint32_t i = 0; i < groups_.size(); ++i) {
    auto& parts = parts_[groups_[i].ranking];
    if (parts.empty()) parts = parts_of(groups_[i].ranking, up);
    send(groups_[i], parts, 1, sums_);
    for (const Part& part : parts) {
      auto& of_room = groups_of_room_[part.room];
      if (of_room.empty() || of_room.back() != i) of_room.push_back(i);
    }
  }
  for (std::size_t room = 0; room < rooms_.size(); ++room) failures_.push_back(failure_of(room));
}

void WhatIf::walk(const Geography& geography, Family family, Counting counting,
                  std::span<const PopulationRow> population) {
  Layer layer(family, counting, population, map_.blocks());
  Bits128 first = 0;
  std::uint32_t place = Geography::nowhere;
  bool begun = false;
  geography.walk(family, [&](Bits128 next, std::uint32_t place_there) {
    if (begun && place == place_there) return;
    if (begun) add(first, next - 1, place, layer);
    first = next;
    place = place_there;
    begun = true;
  });
  add(first, family == Family::v4 ? v4_last : ~Bits128{0}, place, layer);
}

/// Cuts what lies in one place at the steps of the population. The place that IPv4 has among IPv6
/// is left out.
void WhatIf::add(Bits128 first, Bits128 last, std::uint32_t place, Layer& layer) {
  if (layer.family == Family::v6 && first <= v4_last && last >= v4_first) {
    if (first < v4_first) add(first, v4_first - 1, place, layer);
    if (last > v4_last) add(v4_last + 1, last, place, layer);
    return;
  }
  if (layer.counting != Counting::population) {
    const double density = layer.counting == Counting::ipv4_addresses ? 1 : std::ldexp(1.0, -80);
    if (place != Geography::nowhere) add_runs(first, last, place, density, layer);
    return;
  }
  while (layer.next < layer.steps.size() && layer.last_of(layer.next) < first) ++layer.next;
  for (std::size_t i = layer.next; i < layer.steps.size(); ++i) {
    const Bits128 begin = std::max(first, to_bits(layer.steps[i].first));
    if (begin > last) return;
    const std::uint32_t row = layer.steps[i].value;
    if (row == Layer::none || layer.density[row] <= 0) continue;
    add_runs(begin, std::min(last, layer.last_of(i)), place, layer.density[row], layer);
  }
}

/// Cuts what counts alike where the ranking changes. Calls ascend, as the runs do.
void WhatIf::add_runs(Bits128 first, Bits128 last, std::uint32_t place, double density,
                      Layer& layer) {
  while (layer.last_of_run(layer.next_run) < first) ++layer.next_run;
  for (Bits128 at = first;; ++layer.next_run) {
    const Bits128 end = std::min(last, layer.last_of_run(layer.next_run));
    add_weight(place, layer.runs[layer.next_run].ranking, size_of(at, end) * density);
    if (end == last) return;
    at = end + 1;
  }
}

void WhatIf::add_weight(std::uint32_t place, std::uint32_t ranking, double weight) {
  clients_ += weight;
  if (place == Geography::nowhere) unknown_ += weight;
  const std::size_t slot = place == Geography::nowhere ? geography_.places() : place;
  const auto fresh = static_cast<std::uint32_t>(groups_.size());
  std::uint32_t* group = &group_of_place_[slot];
  if (*group != no_group && groups_[*group].ranking != ranking) {
    group = &group_of_.try_emplace(std::uint64_t{place} << 32U | ranking, no_group).first->second;
  }
  if (*group == no_group) {
    *group = fresh;
    groups_.push_back({.place = place, .ranking = ranking, .weight = 0});
  }
  groups_[*group].weight += weight;
}

bool WhatIf::alive(std::span<const std::uint16_t> items, const topology::RoomSet& up) const {
  for (std::size_t i = 0; i < items.size();) {
    if (items[i] < group_flag) {
      if (up[items[i++]]) return true;
      continue;
    }
    const std::size_t members = items[i] - std::size_t{group_flag};
    i += 2;
    for (std::size_t m = 0; m < members; ++m) {
      if (alive(items.subspan(i + 3, items[i + 2]), up)) return true;
      i += 3U + items[i + 2];
    }
  }
  return false;
}

/// Who of the clients of an order gets which room first: a choice by weight falls on the members
/// that lead to a room that is up, in proportion of their weights. False if none does.
bool WhatIf::split(std::span<const std::uint16_t> items, const topology::RoomSet& up, double share,
                   std::vector<Part>& parts) const {
  for (std::size_t i = 0; i < items.size();) {
    if (items[i] < group_flag) {
      const std::uint16_t room = items[i++];
      if (!up[room]) continue;
      parts.push_back({.room = room, .share = share});
      return true;
    }
    struct Member {
      double weight;
      std::span<const std::uint16_t> items;
    };
    std::vector<Member> members;
    double sum = 0;
    const std::size_t count = items[i] - std::size_t{group_flag};
    i += 2;
    for (std::size_t m = 0; m < count; ++m) {
      const auto inside = items.subspan(i + 3, items[i + 2]);
      if (alive(inside, up)) members.push_back({static_cast<double>(items[i + 1]), inside});
      sum += alive(inside, up) ? items[i + 1] : 0;
      i += 3U + inside.size();
    }
    if (members.empty()) continue;
    if (sum == 0) return split(members.front().items, up, share, parts);
    for (const Member& member : members) {
      if (member.weight > 0) split(member.items, up, share * member.weight / sum, parts);
    }
    return true;
  }
  return false;
}

std::vector<WhatIf::Part> WhatIf::parts_of(std::uint32_t ranking,
                                           const topology::RoomSet& up) const {
  std::vector<Part> parts;
  if (name_.answers == 1) {
    // Where nothing is up, the first is named all the same.
    if (!split(map_.items(ranking), up, 1, parts)) {
      split(map_.items(ranking), topology::RoomSet().set(), 1, parts);
    }
    return parts;
  }
  ClientMap::Buffer buffer;
  const std::uint64_t keys = map_.grouped(ranking) ? samples : 1;
  for (std::uint64_t key = 0; key < keys; ++key) {
    const auto order = keys == 1 ? map_.rooms(ranking) : map_.rooms(ranking, mix64(key), buffer);
    const bool any = std::ranges::any_of(order, [&](std::uint16_t room) { return up[room]; });
    std::vector<std::uint16_t> chosen;
    for (const std::uint16_t room : order) {
      if (chosen.size() < name_.answers && (up[room] || !any)) chosen.push_back(room);
    }
    for (const std::uint16_t room : chosen) {
      parts.push_back({room, 1.0 / static_cast<double>(keys * chosen.size())});
    }
  }
  return parts;
}

std::optional<double> WhatIf::km(const Group& group, std::uint16_t room) const {
  if (group.place == Geography::nowhere || !rooms_[room]) return std::nullopt;
  return globe_distance_km(points_[static_cast<std::size_t>(&group - groups_.data())],
                           *rooms_[room]);
}

topology::RoomSet WhatIf::up_without(const topology::RoomSet& down) const {
  const RoomStates states = supposed_states(directory_.description, down);
  topology::RoomSet up;
  for (std::size_t room = 0; room < rooms_.size(); ++room) {
    up[room] = states.at(room, name_.farm).state == RoomState::up;
  }
  return up;
}

/// Adds the clients of a group to the rooms they go to; with sign -1 takes them away again.
void WhatIf::send(const Group& group, std::span<const Part> parts, double sign, Sums& sums) const {
  for (const Part& part : parts) {
    const double weight = sign * group.weight * part.share;
    sums.by_room[part.room] += weight;
    const auto distance = km(group, part.room);
    if (!distance) continue;
    sums.known += weight;
    sums.km += weight * *distance;
    sums.by_km[static_cast<std::size_t>(std::min(*distance, km_most))] += weight;
  }
}

WhatIf::Sums& WhatIf::Sums::operator+=(const Sums& other) {
  const auto add = [](std::vector<double>& to, const std::vector<double>& more) {
    std::ranges::transform(to, more, to.begin(), std::plus());
  };
  add(by_room, other.by_room);
  add(by_km, other.by_km);
  known += other.known;
  km += other.km;
  return *this;
}

WhatIf::Sums WhatIf::empty_sums() const {
  Sums sums;
  sums.by_room.resize(rooms_.size());
  sums.by_km.resize(static_cast<std::size_t>(km_most) + 1);
  return sums;
}

/// Who is not sent to a room that is down goes where he went before: an order is followed to its
/// first rooms that are up, and a choice by weight falls on members that lead to one.
WhatIf::Failure WhatIf::failure_of(std::size_t room) const {
  const topology::RoomSet up = up_without(topology::RoomSet().set(room));
  Failure failure{.change = empty_sums(), .heirs = {}};
  failure.heirs.resize(rooms_.size());
  const PartsByRanking then = move(groups_of_room_[room], std::nullopt, up, 1, failure.change);
  for (const std::uint32_t i : groups_of_room_[room]) {
    for (const Part& part : then.at(groups_[i].ranking)) {
      auto& heirs = failure.heirs[part.room];
      if (heirs.empty() || heirs.back() != i) heirs.push_back(i);
    }
  }
  return failure;
}

/// What the failures of several rooms change is the sum of what each of them changes, but for the
/// clients that one of these rooms would send to another. Takes those back from where each failure
/// alone sent them, and sends them where they go with all of these rooms down.
void WhatIf::correct(Sums& sums, const topology::RoomSet& down, const topology::RoomSet& up) const {
  std::vector<std::size_t> rooms;
  for (std::size_t room = 0; room < rooms_.size(); ++room) {
    if (down[room]) rooms.push_back(room);
  }
  std::vector<std::uint32_t> wrong;
  for (const std::size_t room : rooms) {
    for (const std::size_t other : rooms) {
      const auto& heirs = failures_[room].heirs[other];
      if (room != other) wrong.insert(wrong.end(), heirs.begin(), heirs.end());
    }
  }
  std::ranges::sort(wrong);
  wrong.erase(std::unique(wrong.begin(), wrong.end()), wrong.end());

  for (const std::size_t room : rooms) {
    const topology::RoomSet left = up_without(topology::RoomSet().set(room));
    move(wrong, room, left, -1, sums);
  }
  move(wrong, std::nullopt, up, 1, sums);
}

/// Moves those of the groups that have clients in the room, or all, from where they are with all
/// rooms up to where they go with these; with sign -1 back again.
WhatIf::PartsByRanking WhatIf::move(std::span<const std::uint32_t> groups,
                                    std::optional<std::size_t> room, const topology::RoomSet& up,
                                    double sign, Sums& sums) const {
  PartsByRanking parts;
  for (const std::uint32_t i : groups) {
    const auto& now = parts_[groups_[i].ranking];
    if (room && std::ranges::find(now, *room, &Part::room) == now.end()) continue;
    auto& then = parts[groups_[i].ranking];
    if (then.empty()) then = parts_of(groups_[i].ranking, up);
    send(groups_[i], now, -sign, sums);
    send(groups_[i], then, sign, sums);
  }
  return parts;
}

Outcome WhatIf::suppose(const topology::RoomSet& down) const {
  const topology::RoomSet up = up_without(down);
  Sums sums = sums_;
  for (std::size_t room = 0; room < rooms_.size(); ++room) {
    if (down[room]) sums += failures_[room].change;
  }
  correct(sums, down, up);
  for (std::size_t room = 0; room < rooms_.size(); ++room) {
    // What was rounded off where clients have left is nobody.
    if (down[room] && sums.by_room[room] < 1e-9 * clients_) sums.by_room[room] = 0;
  }
  return outcome_of(sums, up);
}

Outcome WhatIf::outcome_of(const Sums& sums, const topology::RoomSet& up) const {
  Outcome outcome;
  for (std::size_t room = 0; room < rooms_.size(); ++room) {
    outcome.rooms.push_back({.share = sums.by_room[room] / clients_,
                             .capacity = up[room] ? capacities_[room] : 0,
                             .up = up[room]});
    if (!up[room]) outcome.lost += outcome.rooms.back().share;
  }
  // What was rounded off where clients have moved is nobody.
  if (sums.known > 1e-9 * clients_) {
    outcome.mean_km = sums.km / sums.known;
    double within = 0;
    for (std::size_t i = 0; i < sums.by_km.size() && within < 0.95 * sums.known; ++i) {
      within += sums.by_km[i];
      outcome.p95_km = static_cast<double>(i);
    }
  }
  for (std::size_t room = 0; room < rooms_.size(); ++room) {
    const SupposedRoom& there = outcome.rooms[room];
    if (!there.up || there.share <= 0) continue;
    const double full_at = there.capacity / there.share;
    if (outcome.full_first && full_at >= outcome.full_at) continue;
    outcome.full_at = full_at;
    outcome.full_first = static_cast<std::uint16_t>(room);
  }
  return outcome;
}

}  // namespace hither::dns
