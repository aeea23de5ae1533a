// SPDX-License-Identifier: Apache-2.0
#include "lb/feedback.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "lb/outlier.h"

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

constexpr Duration penalty = 5s;
constexpr Duration penalty_max = 5min;
/// Nanoseconds in a tick, as a power of two; 32 bits of them last 52 days.
constexpr unsigned tick_bits = 20;

std::uint32_t tick_of(Instant now) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(now.time_since_epoch().count()) >>
                                    tick_bits);
}

/// From the tick in `word` to `tick`; never negative.
Duration between(std::uint64_t word, std::uint32_t tick) {
  const auto ticks = static_cast<std::int32_t>(tick - static_cast<std::uint32_t>(word));
  return Duration(std::max<std::int64_t>(ticks, 0) << tick_bits);
}

float average_of(std::uint64_t word) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(word >> 32U));
}

std::uint64_t word_of(float average, std::uint32_t tick) {
  return std::uint64_t{std::bit_cast<std::uint32_t>(average)} << 32U | tick;
}

/// e^(-elapsed / constant).
float decay(Duration elapsed, Duration constant) {
  return std::exp(-static_cast<float>(elapsed.count()) / static_cast<float>(constant.count()));
}

}  // namespace

Duration cost_of(int status, Duration took, Duration retry_after) {
  if (verdict_of(status) == Verdict::good) return took;
  return std::max({took, penalty, std::min(retry_after, penalty_max)});
}

Duration cost_of_failure(Duration took) { return std::max(took, penalty); }

std::uint64_t MovingAverage::next(std::uint64_t seen, Duration sample, std::uint32_t tick) const {
  const auto nanoseconds = static_cast<float>(std::max<std::int64_t>(sample.count(), 1));
  const float average = average_of(seen);
  if (seen == 0 || (peak_ && nanoseconds >= average)) return word_of(nanoseconds, tick);
  const Duration elapsed = between(seen, tick);
  if (elapsed == Duration::zero()) return seen;
  const float kept = decay(elapsed, time_constant_);
  return word_of(std::max(nanoseconds * (1 - kept) + average * kept, 1.0F), tick);
}

void MovingAverage::observe(Duration sample, Instant now) {
  const std::uint32_t tick = tick_of(now);
  std::uint64_t seen = word_.load(std::memory_order_relaxed);
  while (true) {
    const std::uint64_t wanted = next(seen, sample, tick);
    if (wanted == seen) return;
    if (word_.compare_exchange_weak(seen, wanted, std::memory_order_relaxed)) return;
  }
}

Duration MovingAverage::level(Instant now) const {
  const std::uint64_t seen = word_.load(std::memory_order_relaxed);
  if (seen == 0) return Duration::zero();
  const Duration elapsed = between(seen, tick_of(now));
  if (elapsed == Duration::zero()) return Duration(static_cast<std::int64_t>(average_of(seen)));
  return Duration(static_cast<std::int64_t>(average_of(seen) * decay(elapsed, forget_after)));
}

void Feedback::inherit(const Levels& levels, Instant now) {
  if (levels.peak > Duration::zero()) peak_.observe(levels.peak, now);
  if (levels.mean > Duration::zero()) mean_.observe(levels.mean, now);
  if (levels.pace > Duration::zero()) pace_.observe(levels.pace, now);
}

void Feedback::copy(const Feedback& other) {
  peak_.copy(other.peak_);
  mean_.copy(other.mean_);
  pace_.copy(other.pace_);
}

void Feedback::observe(const Outcome& outcome, Instant now) {
  peak_.observe(outcome.cost, now);
  mean_.observe(outcome.cost, now);
  // A failure is as expensive in a crowd as alone.
  const bool failed = outcome.cost > outcome.took;
  pace_.observe(failed ? outcome.cost : outcome.took / outcome.crowd, now);
}

}  // namespace hither::lb
