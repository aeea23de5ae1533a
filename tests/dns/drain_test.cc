// SPDX-License-Identifier: Apache-2.0
#include "dns/drain.h"

#include <gtest/gtest.h>

#include "dns/shares.h"

namespace hither::dns::drain_test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant start{std::chrono::hours(1)};
constexpr Duration ttl = seconds(20);
constexpr DrainRamp ten_minutes{.since = start, .over = minutes(10)};

DrainProgress at(Duration passed, const DrainRamp& ramp = ten_minutes) {
  return drain_progress(ramp, ttl, start + passed);
}

TEST(Drain, LowersTheTtlBeforeAnybodyLeaves) {
  EXPECT_EQ(at(seconds(0)).phase, DrainPhase::lead);
  EXPECT_EQ(at(seconds(19)).phase, DrainPhase::lead);
  EXPECT_EQ(at(seconds(19)).drained, 0U);
  EXPECT_EQ(at(seconds(0)).ttl_most, seconds(2));
  EXPECT_EQ(at(seconds(0)).next, start + ttl);
}

TEST(Drain, LeavesEvenly) {
  EXPECT_EQ(at(seconds(20)).phase, DrainPhase::ramp);
  EXPECT_EQ(at(seconds(20)).drained, 0U);
  EXPECT_EQ(at(seconds(20 + 300)).drained, RoomShare::all / 2);
  EXPECT_EQ(at(seconds(20 + 150)).drained, RoomShare::all / 4);
  EXPECT_EQ(at(seconds(20 + 150)).ttl_most, seconds(2));
}

TEST(Drain, EndsWithEverybodyGone) {
  EXPECT_EQ(drain_end(ten_minutes, ttl), start + seconds(620));
  EXPECT_LT(at(seconds(620) - std::chrono::nanoseconds(1)).drained, RoomShare::all);
  EXPECT_EQ(at(seconds(620)).drained, RoomShare::all);
  EXPECT_EQ(at(seconds(620)).next, never);
  EXPECT_EQ(at(seconds(620)).ttl_most, Duration::max()) << "nobody is told of it any more";
}

TEST(Drain, AtOnceMeansAtOnce) {
  const DrainRamp now{.since = start};
  EXPECT_EQ(at(seconds(0), now).phase, DrainPhase::gone);
  EXPECT_EQ(drain_end(now, ttl), start);
}

TEST(Drain, NeverReturnsAnybodyAndAlwaysLooksAgain) {
  std::uint64_t drained = 0;
  int steps = 0;
  for (Instant now = start; now != never; ++steps) {
    const DrainProgress progress = drain_progress(ten_minutes, ttl, now);
    EXPECT_GE(progress.drained, drained);
    EXPECT_GT(progress.next, now);
    drained = progress.drained;
    now = progress.next;
  }
  EXPECT_EQ(drained, RoomShare::all);
  EXPECT_LE(steps, 1100);
}

TEST(Drain, AShortOneStillHasAWholeSecondOfTtl) {
  const DrainRamp quick{.since = start, .over = seconds(3)};
  EXPECT_EQ(at(seconds(0), quick).ttl_most, seconds(1));
}

}  // namespace
}  // namespace hither::dns::drain_test
