// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/health.h"
#include "base/log.h"
#include "base/room.h"
#include "base/time.h"
#include "dns/room_states.h"
#include "topology/description.h"

namespace hither::dns {

/// What came of asking one balancer for GET /health.
struct ProbeResult {
  std::optional<RoomReport> report;
  std::string reason;  ///< why there is no report
};

/// Reads a balancer's reply. Any status will do, because 503 only says that some farm has no usable
/// copy; what counts is the report. status 0 means no reply, for the reason `error`.
ProbeResult read_probe(int status, std::string_view body, std::string_view error);

/// Decides which room to probe when, and what the results mean: a pure state machine, driven by
/// whoever has sockets and a clock. One owner.
///
/// 1. A probe passes for a farm if its room's balancer answered with a report that names that room
///    and says that the farm has a usable copy. Each farm of each room has its own Health; one
///    probe feeds all farms of its room.
/// 2. All rooms are probed at once at first; the next probes are spread over the interval, one
///    room after the other, and keep that distance.
/// 3. A room is probed again when the first of its farms wants to be.
/// 4. A farm that is up in a room that says it is draining is draining. Draining begins and ends
///    with the first report that says so: it is the operator's word, not a measurement.
/// 5. The first round is over when every room that runs a farm has been heard of, or not, once.
class RoomWatch {
 public:
  RoomWatch(const topology::Description& description, Instant now);

  /// The rooms to probe now. Each is not due again before its on_result().
  std::vector<std::uint16_t> take_due(Instant now);
  /// When take_due() should be asked next; `never` while every probe is on its way.
  Instant deadline() const;
  /// Feeds one result; says what changed.
  std::vector<LogRecord> on_result(std::uint16_t room, const ProbeResult& result, Instant now);

  const RoomStates& states() const { return states_; }
  bool complete() const { return states_.complete(); }

 private:
  struct Farm {
    std::uint16_t index;  ///< in Description::farms
    std::string name;
    Health health;
  };
  struct Room {
    std::string name;
    std::vector<Farm> farms;
    Instant next_probe;
    bool in_flight = false;
    bool probed = false;
  };

  void feed(const Room& room, Farm& farm, FarmState& state, const ProbeResult& result, Instant now);
  Instant next_probe_of(std::size_t room, bool first, Instant now) const;
  void note_first_round(std::vector<LogRecord>& records);

  HealthLimits limits_;
  std::vector<Room> rooms_;
  RoomStates states_;
};

}  // namespace hither::dns
