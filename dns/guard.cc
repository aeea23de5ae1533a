// SPDX-License-Identifier: Apache-2.0
#include "dns/guard.h"

#include <algorithm>

#include "base/assert.h"

namespace hither::dns {

void Guard::note(std::span<const Seen> seen, Instant now) {
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    Room& room = rooms_[i];
    const bool down = seen[i].measured == RoomState::down;
    if (!seen[i].counts || (down && seen[i].reported)) {
      room = {};  // Rule 5.
    } else if (!down) {
      room = {.last_good = seen[i].measured, .failed_at = std::nullopt, .held = false};
    } else if (room.last_good != RoomState::down && !room.failed_at) {
      room.failed_at = now;
      room.held = holding();
    }
  }
}

/// Rule 2, of `failed` rooms beside those that are up.
bool Guard::most(std::size_t failed, std::span<const Seen> seen) const {
  const auto up = static_cast<std::size_t>(std::ranges::count_if(
      seen, [](const Seen& one) { return one.counts && one.measured != RoomState::down; }));
  return failed >= static_cast<std::size_t>(rule_.members) &&
         failed * 100 > static_cast<std::size_t>(rule_.percent) * (failed + up);
}

/// Rule 4: what is down now is believed, until it has been up again.
void Guard::end() {
  holding_since_.reset();
  for (Room& room : rooms_) {
    if (room.failed_at) room = {};
  }
}

Guard::Change Guard::step(std::span<const Seen> seen, Instant now) {
  ASSERT(seen.size() == rooms_.size());
  note(seen, now);
  if (holding_since_) {
    if (now >= *holding_since_ + rule_.hold) {
      end();
      return Change::ends_time_over;
    }
    if (most(rooms_held(), seen)) return Change::none;
    end();
    return Change::ends_rooms_back;
  }
  std::size_t failed = 0;
  for (Room& room : rooms_) {
    if (!room.failed_at) continue;
    if (now - *room.failed_at > rule_.window) {
      room = {};
    } else {
      ++failed;
    }
  }
  if (rule_.hold == Duration{} || !most(failed, seen)) return Change::none;
  holding_since_ = now;
  for (Room& room : rooms_) room.held = room.failed_at.has_value();
  return Change::begins;
}

std::optional<RoomState> Guard::held(std::size_t room) const {
  if (!rooms_[room].held) return std::nullopt;
  return rooms_[room].last_good;
}

std::size_t Guard::rooms_held() const {
  return static_cast<std::size_t>(std::ranges::count_if(rooms_, &Room::held));
}

Instant Guard::deadline() const { return holding_since_ ? *holding_since_ + rule_.hold : never; }

Guard Guard::moved_to(const topology::GuardRule& rule,
                      std::span<const std::optional<std::size_t>> before) const {
  Guard moved(rule, before.size());
  moved.holding_since_ = holding_since_;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i]) moved.rooms_[i] = rooms_[*before[i]];
  }
  return moved;
}

}  // namespace hither::dns
