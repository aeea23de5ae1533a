// SPDX-License-Identifier: Apache-2.0
#include "dns/spill.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/assert.h"

namespace hither::dns {
namespace {

/// A room that shed all of its clients would never see its load again.
constexpr double shed_max = 0.99;
constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

double approach(double is, double goal, double reach) {
  return is < goal ? std::min(goal, is + reach) : std::max(goal, is - reach);
}

bool above(const RoomLoad& room, double share) {
  return room.up && room.capacity > 0 && room.load > share * room.capacity;
}

bool below(const RoomLoad& room, double share) {
  return room.up && room.capacity > 0 && room.load < share * room.capacity;
}

bool equal(const RoomSpill& one, const RoomSpill& other) {
  return one.shed == other.shed && one.open == other.open;
}

}  // namespace

bool Spill::active() const {
  return std::ranges::any_of(rooms_,
                             [](const Room& r) { return r.is.shed > 0 || r.goal.shed > 0; });
}

bool Spill::moving() const {
  return std::ranges::any_of(rooms_, [](const Room& r) { return !equal(r.is, r.goal); });
}

void Spill::step(std::span<const RoomLoad> loads, Instant now) {
  ASSERT(loads.size() == rooms_.size());
  const bool left = leave(loads);
  const Duration passed = started_ ? now - stepped_ : Duration{};
  stepped_ = now;
  if (!started_ || left || moving()) moved_ = now;
  const bool first = !started_;
  started_ = true;
  if (moving()) {
    halt(loads);
    move(passed);
    return;
  }
  if (first || now - moved_ >= limits_.settle || !active()) decide(loads);
}

Spill Spill::moved_to(const SpillLimits& limits,
                      std::span<const std::optional<std::size_t>> before) const {
  Spill moved(limits, before.size());
  moved.stepped_ = stepped_;
  moved.moved_ = moved_;
  moved.started_ = started_;
  moved.lost_ = lost_;
  for (std::size_t i = 0; i < before.size(); ++i) {
    Room& room = moved.rooms_[i];
    if (before[i]) {
      room = rooms_[*before[i]];
    } else if (active()) {
      room.is.open = room.goal.open = 0;
    }
  }
  return moved;
}

/// Rule 5. True if somebody was moved by it.
bool Spill::leave(std::span<const RoomLoad> loads) {
  bool left = false;
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    Room& room = rooms_[i];
    const bool open = room.goal.open > 0;
    if (loads[i].draining) room.goal.open = 0;
    lost_ |= open && (loads[i].draining || !loads[i].up);
    if (loads[i].up) continue;
    left |= room.is.shed > 0 || room.is.open > 0;
    room.is = room.goal = {.shed = 0, .open = 0};
  }
  return left;
}

/// Rule 4: a decision ends where the loads no longer ask for it.
void Spill::halt(std::span<const RoomLoad> loads) {
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    Room& room = rooms_[i];
    const bool goes_on = room.goal.shed > room.is.shed ? above(loads[i], limits_.high)
                                                       : below(loads[i], limits_.low);
    if (!goes_on) room.goal.shed = room.is.shed;
  }
}

void Spill::move(Duration passed) {
  const double reach = limits_.per_second * std::chrono::duration<double>(passed).count();
  for (Room& room : rooms_) {
    room.is.shed = approach(room.is.shed, room.goal.shed, reach);
    room.is.open = approach(room.is.open, room.goal.open, reach);
  }
}

void Spill::decide(std::span<const RoomLoad> loads) {
  come_home();
  if (!active()) reopen(loads);
  if (close_full(loads)) return;
  double excess = excess_of(loads);
  while (excess > headroom_of(loads, none) && close_small(loads, excess)) {
    if (moving()) return;  // First let its guests go on.
  }
  const double headroom = headroom_of(loads, none);
  set_goals(loads, excess > headroom ? std::max(0.0, headroom) / excess : 1);
}

/// Rule 6.
void Spill::come_home() {
  const auto open = [](const Room& room) { return room.is.open > 0; };
  if (!lost_ || std::ranges::any_of(rooms_, open)) return;
  for (Room& room : rooms_) room.is.shed = room.goal.shed = 0;
}

/// Rule 2 while nobody is anybody's guest: it moves nobody.
void Spill::reopen(std::span<const RoomLoad> loads) {
  lost_ = false;
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    const bool open =
        loads[i].up && !loads[i].draining && loads[i].capacity > 0 && !above(loads[i], limits_.low);
    rooms_[i].is.open = rooms_[i].goal.open = open ? 1 : 0;
  }
}

/// Rule 2 later on. True if one closes now.
bool Spill::close_full(std::span<const RoomLoad> loads) {
  bool closes = false;
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    if (rooms_[i].is.open == 0 || !above(loads[i], limits_.high)) continue;
    rooms_[i].goal.open = 0;
    closes = true;
  }
  return closes;
}

/// Rule 3: closes the open room with the least space for what is wanted, if it may be closed.
bool Spill::close_small(std::span<const RoomLoad> loads, double excess) {
  std::size_t least = none;
  double least_space = 0;
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    if (rooms_[i].goal.open == 0 || !loads[i].up) continue;
    const double space = limits_.high * loads[i].capacity - loads[i].load;
    if (least != none && space >= least_space) continue;
    least = i;
    least_space = space;
  }
  if (least == none || least_space >= excess) return false;
  const double rest = headroom_of(loads, least);
  if (rest <= least_space || shed_load(loads) > rest) return false;
  rooms_[least].goal.open = 0;
  if (!active()) rooms_[least].is.open = 0;  // It has no guests.
  return true;
}

double Spill::excess_of(std::span<const RoomLoad> loads) const {
  double excess = 0;
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    if (rooms_[i].is.open > 0 || !above(loads[i], limits_.high)) continue;
    excess += loads[i].load - limits_.high * loads[i].capacity;
  }
  return excess;
}

/// Of the open room with the least; -1 if there is none.
double Spill::headroom_of(std::span<const RoomLoad> loads, std::size_t without) const {
  double least = std::numeric_limits<double>::max();
  bool any = false;
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    if (i == without || rooms_[i].goal.open == 0 || !loads[i].up) continue;
    least = std::min(least, limits_.high * loads[i].capacity - loads[i].load);
    any = true;
  }
  return any ? least : -1;
}

/// What is a guest somewhere now: the rooms that shed are closed, so their load is their own. Of a
/// room whose load is not known nobody knows how much.
double Spill::shed_load(std::span<const RoomLoad> loads) const {
  double load = 0;
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    const double shed = rooms_[i].is.shed;
    if (shed > 0 && loads[i].capacity <= 0) return std::numeric_limits<double>::infinity();
    load += loads[i].load * shed / (1 - shed);
  }
  return load;
}

/// Rule 1. `part` of the excess is shed; what comes home does not ask for space elsewhere.
void Spill::set_goals(std::span<const RoomLoad> loads, double part) {
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    Room& room = rooms_[i];
    const RoomLoad& now = loads[i];
    const double stays = 1 - room.is.shed;
    if (above(now, limits_.high) && room.is.open == 0) {
      const double wanted = 1 - stays * limits_.high * now.capacity / now.load;
      room.goal.shed = std::min(shed_max, room.is.shed + (wanted - room.is.shed) * part);
    } else if (room.is.shed > 0 && below(now, limits_.low)) {
      const double kept = now.load > 0 ? stays * limits_.low * now.capacity / now.load : 1;
      room.goal.shed = std::max(0.0, 1 - kept);
    }
  }
}

}  // namespace hither::dns
