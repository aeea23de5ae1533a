// SPDX-License-Identifier: Apache-2.0
#include "base/health.h"

#include <gtest/gtest.h>

namespace hither {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{};
constexpr HealthLimits limits = {
    .interval = 1s, .fast_interval = 100ms, .timeout = 500ms, .fall = 3, .rise = 2};

/// Feeds one result at the instant at which the machine asked for it.
std::optional<Health::Change> probe(Health& health, bool passed) {
  return health.on_probe(passed, health.next_probe());
}

Health up() {
  Health health(limits, start);
  probe(health, true);
  return health;
}

TEST(Health, IsDownAndUnknownUntilTheFirstResult) {
  const Health health(limits, start);

  EXPECT_FALSE(health.up());
  EXPECT_FALSE(health.known());
  EXPECT_EQ(health.next_probe(), start);
}

TEST(Health, OneFirstPassIsEnough) {
  Health health(limits, start);

  const auto change = probe(health, true);

  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->from, Health::State::down);
  EXPECT_EQ(change->to, Health::State::up);
  EXPECT_TRUE(health.up());
}

TEST(Health, AFirstFailureMakesItKnownAndAsksAgainSoon) {
  Health health(limits, start);

  EXPECT_FALSE(probe(health, false).has_value());

  EXPECT_TRUE(health.known());
  EXPECT_EQ(health.next_probe(), start + 100ms);
}

TEST(Health, ALatePassAfterFailuresStillIsAFirstPass) {
  Health health(limits, start);
  for (int i = 0; i < 5; ++i) probe(health, false);

  EXPECT_TRUE(probe(health, true).has_value());
}

TEST(Health, FallsAfterFallFailuresInARow) {
  Health health = up();

  EXPECT_FALSE(probe(health, false).has_value());
  EXPECT_FALSE(probe(health, false).has_value());
  const auto change = probe(health, false);

  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->to, Health::State::down);
  EXPECT_FALSE(health.up());
}

TEST(Health, APassBetweenFailuresStartsTheCountAnew) {
  Health health = up();

  probe(health, false);
  probe(health, false);
  probe(health, true);
  probe(health, false);
  probe(health, false);

  EXPECT_TRUE(health.up());
}

TEST(Health, RisesAfterRisePassesOnceItHasBeenUp) {
  Health health = up();
  for (int i = 0; i < 3; ++i) probe(health, false);

  EXPECT_FALSE(probe(health, true).has_value());
  EXPECT_TRUE(probe(health, true).has_value());
}

TEST(Health, DetectionTakesAtMostIntervalAndTheFastOnes) {
  Health health = up();
  const Instant last_pass = start;

  Instant down_at = start;
  for (int i = 0; i < 3; ++i) {
    down_at = health.next_probe();
    health.on_probe(false, down_at);
  }

  EXPECT_FALSE(health.up());
  EXPECT_EQ(down_at - last_pass, 1s + 2 * 100ms);
}

TEST(Health, AsksSlowlyWhileResultsAgree) {
  Health health = up();

  const Instant asked = health.next_probe();
  probe(health, true);

  EXPECT_EQ(health.next_probe() - asked, 1s);
}

TEST(Health, SinceIsTheLastChange) {
  Health health = up();
  probe(health, true);
  EXPECT_EQ(health.since(), start);

  for (int i = 0; i < 2; ++i) probe(health, false);
  const Instant falls = health.next_probe();
  probe(health, false);

  EXPECT_EQ(health.since(), falls);
}

TEST(Health, HoldsForWhatTheProbesStillNeed) {
  Health health = up();
  EXPECT_EQ(health.holds_for(), 1s + 2 * 100ms);

  probe(health, false);

  EXPECT_EQ(health.holds_for(), 2 * 100ms) << "the next two probes come fast";
}

TEST(Health, BeforeTheFirstPassItHoldsForOneFastProbe) {
  const Health health(limits, start);

  EXPECT_EQ(health.holds_for(), 100ms);
}

TEST(Health, NewLimitsKeepStateAndCount) {
  Health health = up();
  probe(health, false);

  HealthLimits strict = limits;
  strict.fall = 2;
  health.set_limits(strict);

  EXPECT_TRUE(health.up());
  EXPECT_TRUE(probe(health, false).has_value());
}

TEST(Health, WhatIsDownIsAskedAtItsOwnPace) {
  HealthLimits slow = limits;
  slow.down_interval = 5s;
  Health health = up();
  health.set_limits(slow);
  for (int i = 0; i < slow.fall; ++i) probe(health, false);

  EXPECT_EQ(health.next_probe() - health.since(), 5s);
  EXPECT_EQ(health.holds_for(), 5s + (slow.rise - 1) * 100ms);
}

TEST(Health, StatesHaveNames) {
  EXPECT_EQ(to_text(Health::State::up), "up");
  EXPECT_EQ(to_text(Health::State::down), "down");
}

}  // namespace
}  // namespace hither
