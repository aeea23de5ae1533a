// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/guard.h"
#include "base/time.h"
#include "dns/room_states.h"

namespace hither::dns {

/// The correlated-failure guard (base/guard.h) over the rooms of one farm. What it adds is which
/// way a room was well: what is held is the state that each had before, up or draining. Its own
/// word is a report of its balancer that no copy is usable. Pure, one owner.
class RoomGuard {
 public:
  /// What is known of a room now.
  struct Seen {
    bool counts = false;  ///< runs the farm, and nobody has overridden it
    RoomState measured = RoomState::down;
    bool reported = false;  ///< down by its own balancer's report, not for want of an answer
  };

  RoomGuard(const GuardRule& rule, std::size_t rooms)
      : guard_(rule, rooms), seen_(rooms), last_good_(rooms, RoomState::down) {}

  /// Feeds what was measured, in the order of the rooms and as many as there are.
  Guard::Change step(std::span<const Seen> seen, Instant now);
  /// The state that answers should go by, where it is not the measured one.
  std::optional<RoomState> held(std::size_t room) const;

  bool holding() const { return guard_.holding(); }
  std::size_t rooms_held() const { return guard_.members_held(); }
  Instant deadline() const { return guard_.deadline(); }

  /// The same guard for another list of rooms: `before[i]` is the old index of room i.
  RoomGuard moved_to(const GuardRule& rule,
                     std::span<const std::optional<std::size_t>> before) const;

 private:
  Guard guard_;
  std::vector<Guard::Seen> seen_;     ///< scratch
  std::vector<RoomState> last_good_;  ///< by room; down: it has never been up
};

}  // namespace hither::dns
