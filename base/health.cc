// SPDX-License-Identifier: Apache-2.0
#include "base/health.h"

#include <utility>

namespace hither {

int Health::needed() const {
  if (state_ == State::up) return limits_.fall;
  return ever_up_ ? limits_.rise : 1;
}

/// Between probes that say what is known.
Duration Health::steady_interval() const {
  const bool longer = state_ == State::down && limits_.down_interval > Duration::zero();
  return longer ? limits_.down_interval : limits_.interval;
}

std::optional<Health::Change> Health::on_probe(bool passed, Instant now) {
  const State seen = passed ? State::up : State::down;
  known_ = true;
  if (seen == state_) {
    against_ = 0;
    next_probe_ = now + (ever_up_ ? steady_interval() : limits_.fast_interval);
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
  const State before = std::exchange(state_, seen);
  next_probe_ = now + steady_interval();
  return Change{.from = before, .to = seen, .at = now};
}

Duration Health::holds_for() const {
  const int left = needed() - against_;
  const bool fast = against_ > 0 || !ever_up_;
  return (fast ? limits_.fast_interval : steady_interval()) + limits_.fast_interval * (left - 1);
}

}  // namespace hither
