// SPDX-License-Identifier: Apache-2.0
#include "dns/view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

#include "base/assert.h"
#include "base/hash.h"

namespace hither::dns {
namespace {

using Order = std::array<std::uint16_t, rooms_max>;

struct Scored {
  double score;
  std::uint16_t room;
};

/// Uniform in (0, 1), from 53 bits of the hash.
double to_unit(std::uint64_t hash) { return (static_cast<double>(hash >> 11U) + 0.5) * 0x1.0p-53; }

std::uint64_t hash_block(const Address& block) {
  const auto& octets = block.octets();
  return hash_bytes({reinterpret_cast<const char*>(octets.data()), octets.size()});
}

/// Rule 2 for policy weighted. Weight 0 comes last: such a room is named only when no other is up.
std::span<const std::uint16_t> weighted_order(const Directory& directory, const SteeredName& name,
                                              const Address& block, Order& order) {
  std::array<Scored, rooms_max> scored;
  const std::size_t count = directory.rooms.size();
  const std::uint64_t key = hash_pair(hash_block(block), name.seed);
  for (std::size_t i = 0; i < count; ++i) {
    const AnsweringRoom& room = directory.rooms[i];
    const double unit = to_unit(hash_pair(key, room.seed));
    scored[i] = {.score = -room.weight / std::log(unit), .room = static_cast<std::uint16_t>(i)};
  }
  std::sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(count),
            [](const Scored& one, const Scored& other) {
              return one.score != other.score ? one.score > other.score : one.room < other.room;
            });
  for (std::size_t i = 0; i < count; ++i) order[i] = scored[i].room;
  return std::span(order).first(count);
}

/// Rules 2 and 4: all rooms in the policy's order, and the scope.
std::span<const std::uint16_t> order_rooms(const Directory& directory, const SteeredName& name,
                                           const Client& client, Order& order, View& view) {
  switch (name.policy) {
    case topology::Policy::nearest: {
      const ClientMap::Match match = directory.map->find(client.address);
      view.tailored = directory.map->rankings() > 1;
      view.depth = match.scope_length;
      return directory.map->rooms(match.ranking);
    }
    case topology::Policy::weighted: {
      view.tailored = true;
      view.depth = client.ipv4 ? weighted_block_ipv4 : weighted_block_ipv6;
      return weighted_order(directory, name, client.address.masked(view.depth), order);
    }
    case topology::Policy::ordered:
      break;
  }
  return directory.room_order;
}

/// The walk of rule 3 through the order, and what it leaves for rule 5.
struct Walk {
  std::optional<std::uint16_t> up;
  std::optional<std::uint16_t> draining;
  std::optional<std::uint16_t> first;
  Duration holds_for = Duration::max();
  std::uint16_t shortest = 0;
};

/// One candidate before anything is chosen: it matters, whatever its state.
Verdict weigh(Walk& walk, std::uint16_t room, const FarmState& state) {
  if (state.holds_for < walk.holds_for) {
    walk.holds_for = state.holds_for;
    walk.shortest = room;
  }
  if (!walk.first) walk.first = room;
  if (state.state == RoomState::up) {
    walk.up = room;
    return Verdict::chosen;
  }
  if (state.state == RoomState::down) return Verdict::down;
  if (!walk.draining) walk.draining = room;
  return Verdict::draining;
}

Duration ttl_of(const SteeredName& name, const Walk& walk) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(std::min(name.ttl, walk.holds_for));
  return std::max<Duration>(seconds, std::chrono::seconds(1));
}

void finish_reasons(std::vector<Reason>& reasons, const View& view, const Walk& walk,
                    const SteeredName& name) {
  for (Reason& reason : reasons) {
    if (reason.room == view.room) reason.verdict = Verdict::chosen;
    reason.sets_ttl = reason.room == walk.shortest && walk.holds_for < name.ttl;
  }
}

}  // namespace

Client client_of(const ClientSubnet* subnet, const Address& asker) {
  if (subnet == nullptr || subnet->opted_out()) {
    return {.address = asker, .ipv4 = asker.is_v4()};
  }
  return {.address = subnet->first(), .ipv4 = subnet->family == ClientSubnet::Family::ipv4};
}

std::string_view to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::chosen:
      return "chosen";
    case Verdict::behind:
      return "behind";
    case Verdict::down:
      return "down";
    case Verdict::draining:
      return "draining";
    case Verdict::not_run:
      return "does not run the farm";
    case Verdict::no_address:
      return "no address of this family";
  }
  return "";
}

View make_view(const Snapshot& snapshot, const SteeredName& name, Type type, const Client& client,
               std::vector<Reason>* reasons) {
  const Directory& directory = *snapshot.directory;
  const auto& candidates = name.candidates[family_of(type)];
  View view;
  Order buffer;
  Walk walk;
  for (const std::uint16_t room : order_rooms(directory, name, client, buffer, view)) {
    const FarmState& state = snapshot.rooms.at(room, name.farm);
    Verdict verdict = Verdict::behind;
    if (!candidates[room]) {
      verdict = state.runs ? Verdict::no_address : Verdict::not_run;
    } else if (!walk.up) {
      verdict = weigh(walk, room, state);
    } else if (state.state != RoomState::up) {
      verdict = state.state == RoomState::down ? Verdict::down : Verdict::draining;
    }
    if (reasons != nullptr) {
      reasons->push_back({.room = room, .verdict = verdict});
    } else if (walk.up) {
      break;
    }
  }
  if (!walk.first) return {};
  view.has_room = true;
  view.fail_open = !walk.up;
  view.room = walk.up ? *walk.up : walk.draining ? *walk.draining : *walk.first;
  view.ttl = ttl_of(name, walk);
  if (reasons != nullptr) finish_reasons(*reasons, view, walk, name);
  return view;
}

}  // namespace hither::dns
