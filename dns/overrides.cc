// SPDX-License-Identifier: Apache-2.0
#include "dns/overrides.h"

#include <algorithm>

namespace hither::dns {
namespace {

using OverrideKind = topology::Override::Kind;

RoomState forced_state(OverrideKind kind) {
  if (kind == OverrideKind::up) return RoomState::up;
  return kind == OverrideKind::drain ? RoomState::draining : RoomState::down;
}

void apply_overrides(const Forcing& forcing, FarmState& state) {
  if (!state.runs) return;
  state.forced = forced_state(forcing.kind);
  if (forcing.kind == OverrideKind::drain) {
    state.drain = DrainRamp{.since = forcing.since, .over = forcing.over};
    if (state.state == RoomState::down) return;
  } else {
    state.holds_for = forced_holds_for;
  }
  state.state = *state.forced;
  state.since = forcing.since;
}

}  // namespace

std::vector<Forcing> resolve(const topology::Overrides& overrides,
                             const topology::Description& description, const ClockPair& clocks) {
  std::vector<Forcing> forcings;
  for (std::size_t r = 0; r < description.rooms.size(); ++r) {
    const topology::Room& room = description.rooms[r];
    for (std::size_t f = 0; f < description.farms.size(); ++f) {
      const topology::Override* one = overrides.find(room.name, description.farms[f]);
      if (one == nullptr || room.find_farm(description.farms[f]) == nullptr) continue;
      const auto age = std::max(clocks.wall - one->since, std::chrono::seconds(0));
      forcings.push_back({.room = static_cast<std::uint16_t>(r),
                          .farm = static_cast<std::uint16_t>(f),
                          .kind = one->kind,
                          .since = clocks.now - age,
                          .over = one->over,
                          .reason = one->reason});
    }
  }
  return forcings;
}

void apply_overrides(std::span<const Forcing> forcings, RoomStates& states) {
  for (const Forcing& forcing : forcings)
    apply_overrides(forcing, states.at(forcing.room, forcing.farm));
}

}  // namespace hither::dns
