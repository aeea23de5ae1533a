// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/time.h"
#include "dns/overrides.h"
#include "dns/room_guard.h"
#include "dns/room_states.h"
#include "dns/room_watch.h"
#include "topology/description.h"
#include "topology/overrides.h"

namespace hither::dns {

/// What answers go by: what the probes measure (RoomWatch), doubted where most of it fails at once
/// (RoomGuard), and overruled by operators (overrides), in this order. Pure; one owner, who feeds
/// it results, the time and overrides, and takes the states from it whenever it says so.
class RoomBoard {
 public:
  /// With `before`, rooms and farms that stay keep their state, holds, counts and overrides.
  /// What answers go by is whole after set_overrides(), which says what is new since then.
  RoomBoard(const topology::Description& description, Instant now,
            const RoomBoard* before = nullptr);

  /// As of RoomWatch, but deadline() is the next probe or the end of a hold.
  std::vector<std::uint16_t> take_due(Instant now) { return watch_.take_due(now); }
  Instant deadline() const;
  std::size_t probes() const { return watch_.probes(); }
  const Probe& probe(std::size_t number) const { return watch_.probe(number); }
  std::optional<std::uint16_t> kept(std::size_t number) const { return watch_.kept(number); }

  std::vector<LogRecord> on_result(std::uint16_t probe, const ProbeResult& result, Instant now);
  std::vector<LogRecord> on_time(Instant now);
  /// Replaces all overrides; says what changed, one line each.
  std::vector<LogRecord> set_overrides(std::vector<Forcing> forcings, Instant now);

  const RoomStates& states() const { return states_; }
  bool complete() const { return watch_.complete(); }
  const std::vector<Forcing>& forcings() const { return forcings_; }
  /// By farm, in the order of the description.
  const std::vector<RoomGuard>& guards() const { return guards_; }
  /// How often a guard has begun to hold.
  std::uint64_t holds() const { return holds_; }

 private:
  void settle(std::vector<LogRecord>& records, Instant now);
  LogRecord describe(std::size_t farm, Guard::Change change) const;
  std::vector<LogRecord> describe(const std::vector<Forcing>& old) const;

  std::vector<std::string> rooms_;
  std::vector<std::string> farms_;
  GuardRule rule_;
  Duration interval_;
  RoomWatch watch_;
  std::vector<RoomGuard> guards_;
  std::vector<Forcing> forcings_;
  RoomStates states_;
  std::uint64_t holds_ = 0;
};

}  // namespace hither::dns
