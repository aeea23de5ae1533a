// SPDX-License-Identifier: Apache-2.0
#include "dns/view.h"

#include <algorithm>
#include <bitset>
#include <optional>

#include "base/hash.h"

namespace hither::dns {
namespace {

// So that one block does not leave for two reasons at once.
constexpr std::uint64_t drain_salt = 1;
constexpr std::uint64_t shed_salt = 2;
constexpr std::uint64_t open_salt = 3;

std::uint64_t hash_block(const Address& block) {
  const auto& octets = block.octets();
  return hash_bytes({reinterpret_cast<const char*>(octets.data()), octets.size()});
}

Duration whole_seconds(Duration ttl) {
  return std::max<Duration>(std::chrono::floor<std::chrono::seconds>(ttl), std::chrono::seconds(1));
}

/// One walk through the order, with all that rules 3 to 7 need. What is plain never comes here.
class Walk {
 public:
  Walk(const Snapshot& snapshot, const SteeredName& name, std::size_t family, std::uint64_t key)
      : snapshot_(snapshot), name_(name), family_(family), key_(key) {}

  void run(std::span<const std::uint16_t> order, View& view, std::vector<Reason>* reasons);

 private:
  Verdict judge(std::uint16_t room) const;
  Verdict usable(std::uint16_t room, const FarmState& state) const;
  bool below(std::uint16_t room, std::uint64_t salt, std::uint64_t share) const {
    if (share == 0 || share == RoomShare::all) return share != 0;
    const std::uint64_t seed = snapshot_.directory->rooms[room].seed;
    return hash_pair(key_, seed + salt) >> 32U < share;
  }
  void take(std::uint16_t room, Verdict& verdict, View& view);
  void fall_back(std::span<const std::uint16_t> order, View& view) const;
  void finish(View& view, std::vector<Reason>* reasons) const;

  const Snapshot& snapshot_;
  const SteeredName& name_;
  std::size_t family_;
  std::uint64_t key_;
  std::optional<std::uint16_t> shed_by_;  // the first that was too full
  Duration holds_for_ = Duration::max();
  std::uint16_t shortest_ = 0;
};

/// Whether a candidate can serve the client at all, apart from being full.
Verdict Walk::usable(std::uint16_t room, const FarmState& state) const {
  if (state.state == RoomState::down) return Verdict::down;
  const RoomShare share = snapshot_.shares.at(room, name_.farm);
  if (state.state == RoomState::draining && below(room, drain_salt, share.drained)) {
    return Verdict::draining;
  }
  return share.thin ? Verdict::thin : Verdict::behind;
}

/// `behind` stands for "can be chosen".
Verdict Walk::judge(std::uint16_t room) const {
  const FarmState& state = snapshot_.rooms.at(room, name_.farm);
  if (!name_.candidates[family_][room]) {
    return state.runs ? Verdict::no_address : Verdict::not_run;
  }
  const Verdict verdict = usable(room, state);
  if (verdict != Verdict::behind || snapshot_.shares.plain()) return verdict;
  const RoomShare share = snapshot_.shares.at(room, name_.farm);
  if (below(room, shed_salt, share.shed)) return Verdict::full;
  if (shed_by_ && !below(room, open_salt, share.open)) return Verdict::closed;
  return Verdict::behind;
}

/// One room of the order before as many are chosen as wanted: it matters, whatever its state.
void Walk::take(std::uint16_t room, Verdict& verdict, View& view) {
  if (verdict == Verdict::not_run || verdict == Verdict::no_address) return;
  const Duration holds_for = snapshot_.rooms.at(room, name_.farm).holds_for;
  if (holds_for < holds_for_) {
    holds_for_ = holds_for;
    shortest_ = room;
  }
  if (verdict == Verdict::full && !shed_by_) shed_by_ = room;
  if (verdict != Verdict::behind) return;
  verdict = Verdict::chosen;
  view.room_list[view.count++] = room;
}

/// Rules 4 and 5 for a client without a usable room.
void Walk::fall_back(std::span<const std::uint16_t> order, View& view) const {
  if (shed_by_) {
    view.room_list[view.count++] = *shed_by_;
    return;
  }
  constexpr std::array<std::optional<Verdict>, 3> ranks = {Verdict::thin, Verdict::draining, {}};
  for (const auto& rank : ranks) {
    for (const std::uint16_t room : order) {
      if (view.count == name_.answers) break;
      if (!name_.candidates[family_][room]) continue;
      const Verdict verdict = usable(room, snapshot_.rooms.at(room, name_.farm));
      if (!rank || verdict == *rank) view.room_list[view.count++] = room;
    }
    if (view.count > 0) break;
  }
  view.fail_open = true;
}

void Walk::finish(View& view, std::vector<Reason>* reasons) const {
  Duration least = std::min(name_.ttl, holds_for_);
  Duration lowered = Duration::max();
  for (const std::uint16_t room : view.rooms()) {
    lowered = std::min(lowered, snapshot_.shares.at(room, name_.farm).ttl_most);
  }
  view.ttl = whole_seconds(std::min(least, lowered));
  if (reasons == nullptr) return;
  for (Reason& reason : *reasons) {
    if (std::ranges::count(view.rooms(), reason.room) > 0) {
      reason.stays = reason.verdict == Verdict::full;
      reason.verdict = Verdict::chosen;
    }
    reason.ends_soon = reason.verdict == Verdict::chosen && lowered < least &&
                       snapshot_.shares.at(reason.room, name_.farm).ttl_most == lowered;
    reason.sets_ttl = reason.room == shortest_ && holds_for_ < name_.ttl && lowered >= least;
  }
}

void Walk::run(std::span<const std::uint16_t> order, View& view, std::vector<Reason>* reasons) {
  bool candidates = false;
  for (const std::uint16_t room : order) {
    Verdict verdict = judge(room);
    if (view.count < name_.answers) take(room, verdict, view);
    candidates |= verdict != Verdict::not_run && verdict != Verdict::no_address;
    if (reasons != nullptr) {
      reasons->push_back({.room = room, .verdict = verdict});
    } else if (view.count == name_.answers) {
      break;
    }
  }
  if (!candidates) return;
  if (view.count == 0) fall_back(order, view);
  finish(view, reasons);
}

/// The rooms that the order left out.
void add_fenced(std::size_t rooms, std::vector<Reason>& reasons) {
  std::bitset<rooms_max> named;
  for (const Reason& reason : reasons) named.set(reason.room);
  for (std::size_t room = 0; room < rooms; ++room) {
    if (named[room]) continue;
    reasons.push_back({.room = static_cast<std::uint16_t>(room), .verdict = Verdict::fenced});
  }
}

/// What nearly every query is: one room wanted, states alone count, the first room is up.
bool first_is_up(const Snapshot& snapshot, const SteeredName& name, std::size_t family,
                 std::uint16_t first, View& view) {
  const FarmState& state = snapshot.rooms.at(first, name.farm);
  if (state.state != RoomState::up || !name.candidates[family][first]) return false;
  view.room_list[0] = first;
  view.count = 1;
  view.ttl = whole_seconds(std::min(name.ttl, state.holds_for));
  return true;
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
    case Verdict::thin:
      return "too few copies";
    case Verdict::full:
      return "full";
    case Verdict::closed:
      return "takes no more from others";
    case Verdict::fenced:
      return "not for this client";
    case Verdict::not_run:
      return "does not run the farm";
    case Verdict::no_address:
      return "no address of this family";
  }
  return "";
}

View make_view(const Snapshot& snapshot, const SteeredName& name, Type type, const Client& client,
               std::vector<Reason>* reasons) {
  const ClientMap& map = snapshot.directory->maps[name.map];
  const std::size_t family = family_of(type);
  View view;
  ClientMap::Match match;
  if (map.rankings() > 1) {
    match = map.find(client.address);
    view.depth = match.scope_length;
    view.tailored = true;
  }
  const bool grouped = map.grouped(match.ranking);
  const bool plain = snapshot.shares.plain() && !grouped;
  if (grouped || name.in_blocks) {
    view.tailored = true;
    view.depth = std::max(view.depth, client_block_length(client.ipv4));
  }
  if (plain && name.answers == 1 && reasons == nullptr) {
    const auto order = map.rooms(match.ranking);
    if (!order.empty() && first_is_up(snapshot, name, family, order[0], view)) return view;
  }
  const std::uint64_t key =
      plain ? 0 : hash_pair(hash_block(client.address.masked(view.depth)), name.seed);
  ClientMap::Buffer buffer;
  const auto order = grouped ? map.rooms(match.ranking, key, buffer) : map.rooms(match.ranking);
  Walk(snapshot, name, family, key).run(order, view, reasons);
  if (reasons != nullptr) add_fenced(snapshot.directory->rooms.size(), *reasons);
  if (!view.has_room()) view.tailored = false;
  return view;
}

}  // namespace hither::dns
