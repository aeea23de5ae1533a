// SPDX-License-Identifier: Apache-2.0
#include "base/guard.h"

#include <algorithm>

#include "base/assert.h"

namespace hither {

void Guard::note(std::span<const Seen> seen, Instant now) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    if (!seen[i].counts || (seen[i].down && seen[i].own_word)) {
      member = {};  // Rule 5.
    } else if (!seen[i].down) {
      member = {.was_up = true, .failed_at = std::nullopt, .held = false};
    } else if (member.was_up && !member.failed_at) {
      member.failed_at = now;
      member.held = holding();
    }
  }
}

/// Rule 2, of `failed` members beside those that are up.
bool Guard::most(std::size_t failed, std::span<const Seen> seen) const {
  const auto up = static_cast<std::size_t>(
      std::ranges::count_if(seen, [](const Seen& one) { return one.counts && !one.down; }));
  return failed >= static_cast<std::size_t>(rule_.members) &&
         failed * 100 > static_cast<std::size_t>(rule_.percent) * (failed + up);
}

/// Rule 4: what is down now is believed, until it has been up again.
void Guard::end() {
  holding_since_.reset();
  for (Member& member : members_) {
    if (member.failed_at) member = {};
  }
}

Guard::Change Guard::step(std::span<const Seen> seen, Instant now) {
  ASSERT(seen.size() == members_.size());
  note(seen, now);
  if (holding_since_) {
    if (now >= *holding_since_ + rule_.hold) {
      end();
      return Change::ends_time_over;
    }
    if (most(members_held(), seen)) return Change::none;
    end();
    return Change::ends_members_back;
  }
  std::size_t failed = 0;
  for (Member& member : members_) {
    if (!member.failed_at) continue;
    if (now - *member.failed_at > rule_.window) {
      member = {};
    } else {
      ++failed;
    }
  }
  if (rule_.hold == Duration{} || !most(failed, seen)) return Change::none;
  holding_since_ = now;
  for (Member& member : members_) member.held = member.failed_at.has_value();
  return Change::begins;
}

std::size_t Guard::members_held() const {
  return static_cast<std::size_t>(std::ranges::count_if(members_, &Member::held));
}

Instant Guard::deadline() const { return holding_since_ ? *holding_since_ + rule_.hold : never; }

Guard Guard::moved_to(const GuardRule& rule,
                      std::span<const std::optional<std::size_t>> before) const {
  Guard moved(rule, before.size());
  moved.holding_since_ = holding_since_;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i]) moved.members_[i] = members_[*before[i]];
  }
  return moved;
}

}  // namespace hither
