// SPDX-License-Identifier: Apache-2.0
#include "dns/room_guard.h"

#include "base/assert.h"

namespace hither::dns {

Guard::Change RoomGuard::step(std::span<const Seen> seen, Instant now) {
  ASSERT(seen.size() == seen_.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const bool down = seen[i].measured == RoomState::down;
    seen_[i] = {.counts = seen[i].counts, .down = down, .own_word = seen[i].reported};
    if (!down) last_good_[i] = seen[i].measured;
  }
  return guard_.step(seen_, now);
}

std::optional<RoomState> RoomGuard::held(std::size_t room) const {
  if (!guard_.held(room)) return std::nullopt;
  return last_good_[room];
}

RoomGuard RoomGuard::moved_to(const GuardRule& rule,
                              std::span<const std::optional<std::size_t>> before) const {
  RoomGuard moved(rule, before.size());
  moved.guard_ = guard_.moved_to(rule, before);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i]) moved.last_good_[i] = last_good_[*before[i]];
  }
  return moved;
}

}  // namespace hither::dns
