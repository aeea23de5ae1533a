// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"

namespace hither::dns {

/// By how much rooms may be filled, and how fast clients may be moved; of one farm.
struct SpillLimits {
  double high = 0.9;         ///< of capacity: more is excess
  double low = 0.7;          ///< of capacity: with less a room takes clients, its own first
  double per_second = 0.05;  ///< the most of a room's clients that are moved
  /// How long until what was decided can be seen in the loads: the longest TTL and a probe.
  Duration settle{};
};

/// What a room last reported.
struct RoomLoad {
  bool up = false;
  bool draining = false;  ///< over a time, so still up: it may shed, but takes nobody's clients
  double capacity = 0;    ///< 0: not known, nor is the load
  double load = 0;
};

/// What the room keeps, in shares of hashed client blocks (dns/shares.h).
struct RoomSpill {
  double shed = 0;  ///< of its own clients, those that go on to the next room that is open
  double open = 1;  ///< of the clients that others shed, those that it takes
};

/// Decides how much of its clients each room of one farm sheds when it is too full: a pure state
/// machine, driven by reports. One owner.
///
/// 1. A room above `high` sheds its excess, no more: the share that brings its load to `high`. One
///    below `low` takes its own clients back until it is at `low`. In between nothing is decided.
/// 2. Rooms that take what others shed are open: those at or below `low` when the first room
///    begins to shed. From then on, until nobody sheds, rooms only close, so that no client is sent
///    back and forth: one above `high` closes, and sheds clients of its own only when it is closed.
/// 3. Nobody knows where the shed clients are from and which room is next for them, so all of a
///    decision's excess must fit into each single open room below `high`. What does not fit is not
///    shed. A room too small for it is closed, if what is shed already fits into all that remain.
/// 4. Decisions are carried out at `per_second` at most, all rooms at the same time, and the next
///    one is made when the last was carried out and `settle` is over: before that the loads do not
///    show it, and the same excess would be shed twice. A load is that of one moment, so a room
///    ends its part of a decision as soon as it is not above `high` any more, or below `low`.
/// 5. A room that is down sheds nobody: its clients have gone by themselves. One that is down or
///    drains closes; if it is down at once, so that nobody is sent back when it returns.
/// 6. Where no room is open any more, and one of them closed by rule 5, what was shed is at home
///    again (dns/view.h) and counts no more as shed. So rooms that return may open, and what they
///    take is moved as slowly as at first.
/// 7. A room whose load is not known sheds no more than it does, and takes no more.
class Spill {
 public:
  Spill(const SpillLimits& limits, std::size_t rooms) : limits_(limits), rooms_(rooms) {}

  /// Time has passed, or loads are new. Precondition: as many loads as rooms; `now` never falls.
  void step(std::span<const RoomLoad> loads, Instant now);

  /// The same, for another list of rooms and other limits: `before[i]` is the old index of room i.
  /// A room that is new while others shed is closed (rule 2); what a room shed that is gone has
  /// gone with it.
  Spill moved_to(const SpillLimits& limits,
                 std::span<const std::optional<std::size_t>> before) const;

  const SpillLimits& limits() const { return limits_; }
  RoomSpill room(std::size_t index) const { return rooms_[index].is; }
  /// Does any room shed?
  bool active() const;
  /// Is a decision being carried out? Then step() should be called a few times a second.
  bool moving() const;

 private:
  struct Room {
    RoomSpill is;
    RoomSpill goal;
  };

  bool leave(std::span<const RoomLoad> loads);
  void halt(std::span<const RoomLoad> loads);
  void move(Duration passed);
  void decide(std::span<const RoomLoad> loads);
  void come_home();
  void reopen(std::span<const RoomLoad> loads);
  bool close_full(std::span<const RoomLoad> loads);
  bool close_small(std::span<const RoomLoad> loads, double excess);
  double excess_of(std::span<const RoomLoad> loads) const;
  double headroom_of(std::span<const RoomLoad> loads, std::size_t without) const;
  double shed_load(std::span<const RoomLoad> loads) const;
  void set_goals(std::span<const RoomLoad> loads, double part);

  SpillLimits limits_;
  std::vector<Room> rooms_;
  Instant stepped_{};
  Instant moved_{};
  bool started_ = false;
  bool lost_ = false;  ///< a room that was open has closed by rule 5
};

}  // namespace hither::dns
