// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "dns/room_states.h"
#include "topology/description.h"
#include "topology/overrides.h"

namespace hither::dns {

/// An override as steering needs it: by index, and on the monotonic clock.
struct Forcing {
  std::uint16_t room = 0;
  std::uint16_t farm = 0;
  topology::Override::Kind kind = topology::Override::Kind::down;
  Instant since;
  Duration over{};
  std::string reason;

  friend bool operator==(const Forcing&, const Forcing&) = default;
};

/// The same moment on both clocks: what turns a time of the file into an instant.
struct ClockPair {
  topology::WallTime wall{};
  Instant now{};
};

/// What the overrides mean for the rooms of this description, in the order of rooms and farms.
/// Overrides of rooms and farms that it does not have mean nothing (they may come back). A `since`
/// that lies in the future counts as now. Pure.
std::vector<Forcing> resolve(const topology::Overrides& overrides,
                             const topology::Description& description, const ClockPair& clocks);

/// How long an operator's word is taken to hold, for TTLs: it has no end that anybody knows, so the
/// name's own ttl is what bounds the answer.
constexpr Duration forced_holds_for = std::chrono::hours(24);

/// Lays them over the states. down and up win over whatever was measured or held; a drained room
/// that is measured down is down. `measured` keeps what the probes say.
void apply_overrides(std::span<const Forcing> forcings, RoomStates& states);

}  // namespace hither::dns
