// SPDX-License-Identifier: Apache-2.0
#include "lb/slow_start.h"

#include <algorithm>
#include <cmath>

namespace hither::lb {
namespace {

constexpr double tenths = 10;

/// Down to a whole number, but for what is only rounding.
double whole(double number) { return std::floor(number + 1e-9); }

}  // namespace

void SlowStart::expect() {
  phase_ = Phase::out;
  share_ = 0;
}

void SlowStart::came_up() {
  if (phase_ == Phase::unseen || phase_ == Phase::fresh) phase_ = Phase::full;
}

void SlowStart::step(bool usable, const Rule& rule, Instant now) {
  if (phase_ == Phase::unseen) {
    phase_ = Phase::fresh;
    began_ = now;
  }
  switch (phase_) {
    case Phase::unseen:
      break;
    case Phase::fresh:
      if (usable) {
        phase_ = Phase::full;
      } else if (now - began_ >= rule.ready_timeout) {
        phase_ = Phase::out;
      }
      break;
    case Phase::full:
      if (!usable) phase_ = Phase::out;
      break;
    case Phase::out:
      if (usable) {
        phase_ = Phase::ramping;
        began_ = now;
      }
      break;
    case Phase::ramping:
      if (!usable) phase_ = Phase::out;
      break;
  }
  if (phase_ == Phase::ramping && now - began_ >= rule.length) phase_ = Phase::full;
  const bool part = phase_ == Phase::out || phase_ == Phase::ramping;
  if (!part || rule.length <= Duration::zero()) {
    share_ = 1;
  } else {
    const Duration since = phase_ == Phase::out ? Duration::zero() : now - began_;
    share_ = static_cast<double>(since.count()) / static_cast<double>(rule.length.count());
  }
}

std::optional<Duration> SlowStart::ramped(Instant now) const {
  if (phase_ == Phase::out) return Duration::zero();
  if (phase_ != Phase::ramping) return std::nullopt;
  return std::max(now - began_, Duration::zero());
}

void SlowStart::inherit(Duration ramped, Instant now) {
  phase_ = Phase::ramping;
  share_ = 0;  // Until the next step() says how much.
  began_ = now - ramped;
}

std::uint32_t ramped_weight(std::uint32_t weight, double share) {
  if (weight == 0) return 0;
  const double part = std::clamp(whole(share * tenths), 1.0, tenths) / tenths;
  return std::max(static_cast<std::uint32_t>(whole(weight * part)), 1U);
}

std::uint32_t ramped_limit(std::uint32_t limit, double share) {
  if (limit == 0) return 0;
  return std::max(static_cast<std::uint32_t>(whole(limit * std::clamp(share, 0.0, 1.0))), 1U);
}

}  // namespace hither::lb
