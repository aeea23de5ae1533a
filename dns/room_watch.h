// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/health.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/room.h"
#include "base/time.h"
#include "dns/room_states.h"
#include "topology/description.h"

namespace hither::dns {

/// One thing to ask about one room. Never changed while it is watched.
struct Probe {
  topology::ProbeRule::Kind kind = topology::ProbeRule::Kind::report;
  std::uint16_t room = 0;            ///< in Description::rooms
  std::vector<std::uint16_t> farms;  ///< in Description::farms: whom the answer is about
  Endpoint target;
  std::string path;  ///< not of kind tcp
  std::string host;  ///< of the request: as the description has it, or the target (RFC 9110 s7.2)
  std::string preamble = {};  ///< before the request: a PROXY header, where the farm demands one

  friend bool operator==(const Probe&, const Probe&) = default;
};

/// What came of it.
struct ProbeResult {
  bool passed = false;               ///< of kinds http and tcp
  std::optional<RoomReport> report;  ///< of kind report
  bool ours = false;                 ///< nobody was asked, for want of a descriptor or memory here
  std::string reason;                ///< why there is neither
  Duration took{};
};

/// Reads what came back. A report: any status will do, because 503 only says that some farm has no
/// usable copy; what counts is the report. http: 2xx passes. tcp: `status` is not looked at.
/// status 0 means no reply, for the reason `error`; an empty reason is a connection.
ProbeResult read_probe(topology::ProbeRule::Kind kind, int status, std::string_view body,
                       std::string_view error);

/// Decides what to probe when, and what the results mean: a pure state machine, driven by
/// whoever has sockets and a clock. One owner.
///
/// 1. A room with hither-lb is asked once for the report on all its farms. It passes for a farm if
///    the report names that room and says that the farm has a usable copy. A farm that is probed by
///    HTTP or TCP (farm.*.probe) is asked on its own. Each farm of each room has its own Health.
/// 2. All probes are sent at once at first; the next ones are spread over the interval, one
///    after the other, and keep that distance.
/// 3. A probe is sent again when the first of its farms wants it.
/// 4. A farm that is up in a room that says it is draining is draining. Draining begins and ends
///    with the first report that says so: it is the operator's word, not a measurement.
/// 5. The first round is over when every probe has been answered, or not, once.
/// 6. What we lacked the means to ask says nothing of the room: it is not counted, and asked again
///    after the fast interval.
/// 7. Taken over from a watch of an earlier description, what is still asked in the same way keeps
///    state, counts and turn, and a probe that is on its way stays so: else a room that is silent
///    would never be down while descriptions change faster than the timeout. All else begins anew.
///    A first round that was over stays over.
class RoomWatch {
 public:
  RoomWatch(const topology::Description& description, Instant now,
            const RoomWatch* before = nullptr);

  /// The probes to send now, by number. Each is not due again before its on_result().
  std::vector<std::uint16_t> take_due(Instant now);
  /// When take_due() should be asked next; `never` while every probe is on its way.
  Instant deadline() const;
  /// Feeds one result; says what changed.
  std::vector<LogRecord> on_result(std::uint16_t probe, const ProbeResult& result, Instant now);

  std::size_t probes() const { return probes_.size(); }
  const Probe& probe(std::size_t number) const { return probes_[number].what; }
  /// Rule 7: the number in the watch before of a probe that was on its way there and still is.
  std::optional<std::uint16_t> kept(std::size_t number) const { return probes_[number].kept; }

  const RoomStates& states() const { return states_; }
  bool complete() const { return states_.complete(); }

 private:
  struct Farm {
    std::uint16_t index;  ///< in Description::farms
    std::string name;
    Health health;
  };
  struct Watched {
    Probe what;
    std::string room;
    std::vector<Farm> farms;
    Instant next;
    bool in_flight = false;
    bool answered = false;
    std::optional<std::uint16_t> kept;
  };

  void add_probes(const topology::Description& description, std::size_t room, Instant now);
  void add(Probe probe, const topology::Description& description, Instant now);
  static bool is_same(const Watched& one, const Watched& other);
  void take_over(const RoomWatch& before);
  void feed(const Watched& watched, Farm& farm, FarmState& state, const ProbeResult& result,
            Instant now);
  Instant next_of(std::size_t probe, bool first, Instant now) const;
  void note_first_round(std::vector<LogRecord>& records);

  HealthLimits limits_;
  std::vector<Watched> probes_;
  RoomStates states_;
};

}  // namespace hither::dns
