// SPDX-License-Identifier: Apache-2.0
#include "lb/deadlines.h"

#include <algorithm>

namespace hither::lb {

void Deadlines::Entry::unlink() {
  if (next_ == nullptr) return;
  next_->previous_ = previous_;
  previous_->next_ = next_;
  next_ = nullptr;
  previous_ = nullptr;
}

Deadlines::Deadlines() {
  for (Entry& head : heads_) {
    head.next_ = &head;
    head.previous_ = &head;
  }
}

void Deadlines::set(Entry& entry, Instant when) {
  const bool linked = entry.next_ != nullptr;
  if (linked && when != never && tick_of(when) == tick_of(entry.when_)) {
    entry.when_ = when;
    return;
  }
  entry.unlink();
  entry.when_ = when;
  if (when == never) return;
  // What is due already goes where expired() looks next.
  const std::int64_t at = std::max(tick_of(when), looked_);
  Entry& head = heads_[static_cast<std::size_t>(at) % slots];
  entry.previous_ = head.previous_;
  entry.next_ = &head;
  head.previous_->next_ = &entry;
  head.previous_ = &entry;
}

void Deadlines::expired(Instant now, std::vector<Entry*>& out) {
  const std::int64_t last = tick_of(now);
  const std::int64_t first = std::max(looked_, last - static_cast<std::int64_t>(slots) + 1);
  for (std::int64_t at = first; at <= last; ++at) {
    Entry& head = heads_[static_cast<std::size_t>(at) % slots];
    for (Entry* entry = head.next_; entry != &head;) {
      Entry* const following = entry->next_;
      if (entry->when_ <= now) {
        entry->unlink();
        out.push_back(entry);
      }
      entry = following;
    }
  }
  looked_ = last;  // This tick is not over: its slot is looked at again.
}

Instant Deadlines::next(Instant now) const {
  const std::int64_t base = std::max(looked_, tick_of(now) - static_cast<std::int64_t>(slots) + 1);
  for (std::int64_t at = base; at < base + static_cast<std::int64_t>(slots); ++at) {
    const Entry& head = heads_[static_cast<std::size_t>(at) % slots];
    if (head.next_ != &head) return Instant((at + 1) * tick);
  }
  return never;
}

}  // namespace hither::lb
