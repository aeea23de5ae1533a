// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"
#include "dns/room_states.h"
#include "topology/description.h"

namespace hither::dns {

/// Doubts the prober when most rooms of a farm fail at once (the correlated-failure guard): a pure
/// state machine over what the probes measured, one for each farm, one owner. Rooms seldom die
/// together; a broken uplink, a firewall rule or a full disk beside the prober looks exactly like
/// it, and believing it would move every client for nothing. What is doubted is our own sight: a
/// room whose balancer answers and says that it has no usable copy is believed, however many do.
///
/// 1. A room fails when it was up (or draining) and is measured down, but not by its own word. What
///    was never up has not failed.
/// 2. The guard begins to hold when, within `window` of each other, at least `rooms` of them and
///    more than `percent` of those that were up have failed. What is held is the state that each
///    had before.
/// 3. While it holds, rooms that fail are held too; those that pass again are up by themselves.
///    Good news is always believed.
/// 4. It ends when those held are no longer most by rule 2, or after `hold`. Those that are still
///    down then are down, and are not held again before they have been up.
/// 5. Rooms that an operator has spoken on count for nothing here, and are not held; nor are those
///    that report themselves that they are down, until they have been up again.
class Guard {
 public:
  /// What is known of a room now.
  struct Seen {
    bool counts = false;  ///< runs the farm, and nobody has overridden it
    RoomState measured = RoomState::down;
    bool reported = false;  ///< down by its own balancer's report, not for want of an answer
  };
  enum class Change { none, begins, ends_rooms_back, ends_time_over };

  Guard(const topology::GuardRule& rule, std::size_t rooms) : rule_(rule), rooms_(rooms) {}

  /// Feeds what was measured, in the order of the rooms and as many as there are.
  Change step(std::span<const Seen> seen, Instant now);
  /// The state that answers should go by, where it is not the measured one.
  std::optional<RoomState> held(std::size_t room) const;

  bool holding() const { return holding_since_.has_value(); }
  std::size_t rooms_held() const;
  /// When step() must be asked even if nothing happens; `never` while it does not hold.
  Instant deadline() const;

  /// The same guard for another list of rooms: `before[i]` is the old index of room i.
  Guard moved_to(const topology::GuardRule& rule,
                 std::span<const std::optional<std::size_t>> before) const;

 private:
  struct Room {
    RoomState last_good = RoomState::down;  ///< down: it has never been up
    std::optional<Instant> failed_at;       ///< down since then, and not believed yet
    bool held = false;
  };

  void note(std::span<const Seen> seen, Instant now);
  bool most(std::size_t failed, std::span<const Seen> seen) const;
  void end();

  topology::GuardRule rule_;
  std::vector<Room> rooms_;
  std::optional<Instant> holding_since_;
};

}  // namespace hither::dns
