// SPDX-License-Identifier: Apache-2.0
#include "dns/share_control.h"

#include <algorithm>

#include "dns/drain.h"

namespace hither::dns {
namespace {

/// Small steps of what moves: at 5 % a second, 1.25 % at once.
constexpr Duration spill_step = std::chrono::milliseconds(250);

std::uint64_t to_share(double part) {
  return static_cast<std::uint64_t>(std::clamp(part, 0.0, 1.0) *
                                    static_cast<double>(RoomShare::all));
}

bool is_thin(const FarmState& state, double min_healthy) {
  return static_cast<double>(state.usable) < min_healthy * static_cast<double>(state.copies);
}

}  // namespace

ShareControl::ShareControl(const topology::Description& description, const ShareControl* before) {
  for (const topology::Room& room : description.rooms) rooms_.push_back(room.name);
  for (const std::string& name : description.farms) {
    Farm farm{.name = name, .ttl = std::chrono::seconds(1), .spill = {}, .min_healthy = {}};
    for (const topology::Name& steered : description.names) {
      if (steered.farm == name) farm.ttl = std::max(farm.ttl, steered.ttl);
    }
    for (const topology::Room& room : description.rooms) {
      const topology::Farm* there = room.find_farm(name);
      farm.min_healthy.push_back(there != nullptr ? there->min_healthy : 0);
      if (there == nullptr || !there->spill || farm.spill) continue;
      farm.spill.emplace(SpillLimits{.high = there->spill->high,
                                     .low = there->spill->low,
                                     .per_second = there->spill->per_second,
                                     .settle = farm.ttl + description.dns.health.interval},
                         rooms_.size());
    }
    farms_.push_back(std::move(farm));
  }
  if (before != nullptr) take_over(*before);
}

void ShareControl::take_over(const ShareControl& before) {
  std::vector<std::optional<std::size_t>> old_rooms(rooms_.size());
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    const auto old = std::ranges::find(before.rooms_, rooms_[i]);
    if (old != before.rooms_.end()) {
      old_rooms[i] = static_cast<std::size_t>(old - before.rooms_.begin());
    }
  }
  for (Farm& farm : farms_) {
    const auto old = std::ranges::find(before.farms_, farm.name, &Farm::name);
    if (old == before.farms_.end() || !old->spill || !farm.spill) continue;
    farm.spill = old->spill->moved_to(farm.spill->limits(), old_rooms);
  }
}

bool ShareControl::add_thin(const RoomStates& states, std::size_t farm, Shares& shares) const {
  const std::vector<double>& least = farms_[farm].min_healthy;
  bool any = false;
  bool all = true;
  for (std::size_t room = 0; room < rooms_.size(); ++room) {
    const FarmState& state = states.at(room, farm);
    if (!state.runs || state.state == RoomState::down) continue;
    const bool thin = is_thin(state, least[room]);
    any |= thin;
    all &= thin;
  }
  if (!any || all) return false;
  for (std::size_t room = 0; room < rooms_.size(); ++room) {
    const FarmState& state = states.at(room, farm);
    shares.at(room, farm).thin =
        state.runs && state.state != RoomState::down && is_thin(state, least[room]);
  }
  return true;
}

bool ShareControl::add_drains(const RoomStates& states, std::size_t farm, Instant now,
                              Shares& shares) {
  bool any = false;
  for (std::size_t room = 0; room < rooms_.size(); ++room) {
    const FarmState& state = states.at(room, farm);
    if (state.state != RoomState::draining || !state.drain) continue;
    const DrainProgress progress = drain_progress(*state.drain, farms_[farm].ttl, now);
    if (progress.phase == DrainPhase::gone) continue;
    shares.at(room, farm).drained = progress.drained;
    shares.at(room, farm).ttl_most = progress.ttl_most;
    deadline_ = std::min(deadline_, progress.next);
    any = true;
  }
  return any;
}

bool ShareControl::add_spill(const RoomStates& states, std::size_t farm, Instant now,
                             Shares& shares) {
  auto& spill = farms_[farm].spill;
  if (!spill || !states.complete()) return false;
  std::vector<RoomLoad> loads(rooms_.size());
  for (std::size_t room = 0; room < rooms_.size(); ++room) {
    const FarmState& state = states.at(room, farm);
    const RoomShare& share = shares.at(room, farm);
    const bool draining = share.drained < RoomShare::all;
    const bool serves = state.state == RoomState::up || draining;
    loads[room] = {.up = state.runs && serves && !share.thin, .draining = draining};
    // Held by the guard or forced up: what it reported last is old.
    if (state.measured == RoomState::down) continue;
    loads[room].capacity = static_cast<double>(state.capacity);
    loads[room].load = static_cast<double>(state.load);
  }
  spill->step(loads, now);
  if (spill->moving()) deadline_ = std::min(deadline_, now + spill_step);
  if (!spill->active()) return false;
  for (std::size_t room = 0; room < rooms_.size(); ++room) {
    shares.at(room, farm).shed = to_share(spill->room(room).shed);
    shares.at(room, farm).open = to_share(spill->room(room).open);
  }
  return true;
}

Shares ShareControl::step(const RoomStates& states, Instant now) {
  deadline_ = never;
  Shares shares(rooms_.size(), farms_.size());
  bool any = false;
  for (std::size_t farm = 0; farm < farms_.size(); ++farm) {
    any |= add_thin(states, farm, shares);
    any |= add_drains(states, farm, now, shares);
    any |= add_spill(states, farm, now, shares);
  }
  return any ? shares : Shares();
}

}  // namespace hither::dns
