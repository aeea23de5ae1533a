// SPDX-License-Identifier: Apache-2.0
#include "topology/restart.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/health.h"

namespace hither::topology {
namespace {

using namespace std::chrono_literals;

RestartLimits without_jitter() {
  RestartLimits limits;
  limits.jitter = 0;
  return limits;
}

TEST(Restart, DoublesFromASecondToHalfAMinute) {
  Restart restart(without_jitter());
  Rng rng(1);

  for (const Duration expected : {1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s}) {
    EXPECT_EQ(restart.on_exit(0s, rng), expected);
  }
}

TEST(Restart, StaysAtTheMostHoweverOftenItEnds) {
  Restart restart(without_jitter());
  Rng rng(1);

  for (int i = 0; i < 10000; ++i) EXPECT_LE(restart.on_exit(0s, rng), 30s);
}

TEST(Restart, AMinuteOfBeingReadyForgivesAll) {
  Restart restart(without_jitter());
  Rng rng(1);
  for (int i = 0; i < 5; ++i) restart.on_exit(0s, rng);

  EXPECT_EQ(restart.on_exit(59s, rng), 30s);
  EXPECT_EQ(restart.on_exit(60s, rng), 1s);
  EXPECT_EQ(restart.strikes(), 1);
}

TEST(Restart, JitterAddsUpToAQuarterAndTakesNothing) {
  Rng rng(7);
  Duration least = 1h;
  Duration most = 0s;
  for (int i = 0; i < 1000; ++i) {
    const Duration delay = Restart(RestartLimits()).on_exit(0s, rng);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }

  EXPECT_GE(least, 1s);
  EXPECT_LT(most, 1250ms);
  EXPECT_GT(most - least, 200ms);  // they really are spread
}

TEST(Restart, TheSameSeedGivesTheSameDelays) {
  Rng one(3);
  Rng other(3);

  EXPECT_EQ(Restart(RestartLimits()).on_exit(0s, one), Restart(RestartLimits()).on_exit(0s, other));
}

TEST(Restart, FirstDelayIsLongerThanTheDnsNeedsToSeeADeadBalancer) {
  const HealthLimits example{500ms, 100ms, 400ms, 2, 2};  // topology/examples/three_rooms.toml

  EXPECT_GT(RestartLimits().first, example.interval + (example.fall - 1) * example.fast_interval);
}

}  // namespace
}  // namespace hither::topology
