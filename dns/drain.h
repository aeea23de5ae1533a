// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/time.h"
#include "dns/room_states.h"

namespace hither::dns {

/// How far a drain has come: pure functions of the order (since when, over how long), the longest
/// TTL that answers may have, and now.
///
///   since          since + ttl                    since + ttl + over
///   |--- lead ------|--------- ramp ---------------|---- gone -----
///   TTL lowered     the same; blocks leave evenly   nobody is sent there
///
/// While the lead lasts, answers with the full TTL run out; so during the ramp every client follows
/// within the lowered TTL. Without `over` there is no lead and no ramp.
enum class DrainPhase { lead, ramp, gone };

struct DrainProgress {
  DrainPhase phase = DrainPhase::gone;
  std::uint64_t drained = 0;            ///< of RoomShare::all: the blocks that have left
  Duration ttl_most = Duration::max();  ///< of answers that name the room
  Instant next = never;                 ///< when to look again
};

/// Precondition: ttl > 0.
DrainProgress drain_progress(const DrainRamp& ramp, Duration ttl, Instant now);

/// When the last block leaves.
Instant drain_end(const DrainRamp& ramp, Duration ttl);

}  // namespace hither::dns
