// SPDX-License-Identifier: Apache-2.0
#include "lb/minimum_rate.h"

#include <algorithm>

namespace hither::lb {

void MinimumRate::begin(const RateRule& rule) {
  rule_ = rule;
  left_ = rule.grace;
  waiting_ = false;
}

void MinimumRate::wait(bool waiting, Instant now) {
  if (rule_.bytes_per_second == 0 || waiting == waiting_) return;
  if (waiting_) count(now);
  waiting_ = waiting;
  since_ = now;
}

void MinimumRate::moved(std::size_t bytes, Instant now) {
  if (rule_.bytes_per_second == 0) return;
  if (waiting_) count(now);
  // More than a second's worth at a time need not be exact, and cannot overflow.
  const double worth = static_cast<double>(bytes) / static_cast<double>(rule_.bytes_per_second);
  const auto earned = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
      std::min(worth, std::chrono::duration<double>(rule_.grace).count())));
  left_ = std::min(rule_.grace, left_ + earned);
}

void MinimumRate::count(Instant now) {
  left_ -= now - since_;
  since_ = now;
}

}  // namespace hither::lb
