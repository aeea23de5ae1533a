// SPDX-License-Identifier: Apache-2.0
#include "base/health.h"

#include <utility>

namespace hither {

int Health::needed() const {
  if (state_ == State::up) return limits_.fall;
  return ever_up_ ? limits_.rise : 1;
}

std::optional<Health::Change> Health::on_probe(bool passed, Instant now) {
  const State seen = passed ? State::up : State::down;
  known_ = true;
  if (seen == state_) {
    against_ = 0;
    next_probe_ = now + (ever_up_ ? limits_.interval : limits_.fast_interval);
    return std::nullopt;
  }
  ++against_;
  if (against_ < needed()) {
    next_probe_ = now + limits_.fast_interval;
    return std::nullopt;
  }
  against_ = 0;
  ever_up_ = true;  // The only first change there is: down to up.
  since_ = now;
  next_probe_ = now + limits_.interval;
  return Change{.from = std::exchange(state_, seen), .to = seen, .at = now};
}

Duration Health::holds_for() const {
  const int left = needed() - against_;
  const bool fast = against_ > 0 || !ever_up_;
  return (fast ? limits_.fast_interval : limits_.interval) + limits_.fast_interval * (left - 1);
}

}  // namespace hither
