// SPDX-License-Identifier: Apache-2.0
#include "lb/slow_start.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/lb/start.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

constexpr Duration length = 10s;

class Ramp : public testing::Test {
 protected:
  void at(Duration time, bool usable, Duration of = length) {
    now_ = start + time;
    ramp_.step(usable, {.length = of}, now_);
  }

  Instant now_ = start;
  SlowStart ramp_;
};

TEST_F(Ramp, IsNotForTheFirstTimeUp) {
  at(0s, false);
  EXPECT_EQ(ramp_.share(), 1);
  at(1s, true);
  EXPECT_EQ(ramp_.share(), 1);
  EXPECT_FALSE(ramp_.ramping());
}

TEST_F(Ramp, IsForWhoIsNotUpInTimeAtFirst) {
  at(0s, false);
  at(9800ms, false);
  EXPECT_EQ(ramp_.share(), 1);
  at(10s, false);
  EXPECT_EQ(ramp_.share(), 0);
  at(60s, true);
  at(65s, true);
  EXPECT_DOUBLE_EQ(ramp_.share(), 0.5);
}

TEST_F(Ramp, FollowsAFirstTimeThatNoStepSaw) {
  at(0s, false);
  ramp_.came_up();
  at(200ms, false);
  EXPECT_EQ(ramp_.share(), 0);
  ramp_.came_up();
  EXPECT_EQ(ramp_.share(), 0) << "the second time is no first";
}

TEST_F(Ramp, IsAStraightLineAfterAnAbsence) {
  at(0s, true);
  at(1s, false);
  EXPECT_EQ(ramp_.share(), 0) << "before it is back at all";
  for (int second = 0; second <= 10; ++second) {
    at(20s + std::chrono::seconds(second), true);
    EXPECT_DOUBLE_EQ(ramp_.share(), second / 10.0);
    EXPECT_EQ(ramp_.ramping(), second < 10);
  }
  at(90s, true);
  EXPECT_EQ(ramp_.share(), 1);
}

TEST_F(Ramp, BeginsAnewAfterEachAbsence) {
  at(0s, true);
  at(1s, false);
  at(2s, true);
  at(8s, true);
  EXPECT_DOUBLE_EQ(ramp_.share(), 0.6);

  at(9s, false);
  EXPECT_EQ(ramp_.share(), 0);
  at(10s, true);
  at(11s, true);
  EXPECT_DOUBLE_EQ(ramp_.share(), 0.1);
}

TEST_F(Ramp, IsForWhoJoinsOthersToo) {
  ramp_.expect();
  EXPECT_EQ(ramp_.share(), 0);
  at(0s, false);
  EXPECT_EQ(ramp_.share(), 0);
  at(1s, true);
  at(6s, true);
  EXPECT_DOUBLE_EQ(ramp_.share(), 0.5);
}

TEST_F(Ramp, GoesOnUnderANewLengthFromWhereThatWouldBe) {
  at(0s, true);
  at(1s, false);
  at(2s, true);
  at(6s, true);
  EXPECT_DOUBLE_EQ(ramp_.share(), 0.4);

  at(6s, true, 40s);
  EXPECT_DOUBLE_EQ(ramp_.share(), 0.1);
  at(6s, true, 5s);
  EXPECT_DOUBLE_EQ(ramp_.share(), 0.8);
  at(6s, true, 3s);
  EXPECT_EQ(ramp_.share(), 1);
  at(7s, true, 40s);
  EXPECT_EQ(ramp_.share(), 1) << "what is over does not come back";
}

TEST_F(Ramp, WithoutALengthThereIsNone) {
  at(0s, true, 0s);
  at(1s, false, 0s);
  EXPECT_EQ(ramp_.share(), 1);
  at(2s, true, 0s);
  EXPECT_EQ(ramp_.share(), 1);
  at(3s, true);
  EXPECT_EQ(ramp_.share(), 1);
}

TEST_F(Ramp, GoesOnInAnotherProcess) {
  EXPECT_FALSE(ramp_.ramped(start)) << "there is none yet";
  at(0s, true);
  EXPECT_FALSE(ramp_.ramped(now_)) << "it has everything";
  at(1s, false);
  at(2s, true);
  at(6s, true);
  ASSERT_EQ(ramp_.ramped(now_), 4s);

  SlowStart other;
  const Instant there = start + 1h;
  other.inherit(*ramp_.ramped(now_), there);
  EXPECT_EQ(other.share(), 0) << "nobody has looked at it yet";
  other.step(true, {.length = length}, there + 1s);
  EXPECT_DOUBLE_EQ(other.share(), 0.5);
  other.step(true, {.length = length}, there + 6s);
  EXPECT_EQ(other.share(), 1);
}

TEST_F(Ramp, IsStillToComeInAnotherProcess) {
  at(0s, true);
  at(1s, false);
  at(9s, false);
  ASSERT_EQ(ramp_.ramped(now_), 0s);

  SlowStart other;
  other.inherit(0s, start);
  other.came_up();
  other.step(false, {.length = length}, start);
  EXPECT_EQ(other.share(), 0);
  other.step(true, {.length = length}, start + 5s);
  other.step(true, {.length = length}, start + 8s);
  EXPECT_DOUBLE_EQ(other.share(), 0.3);
}

TEST_F(Ramp, ChangesAWeightNineTimesAtMost) {
  at(0s, true);
  at(1s, false);
  std::set<std::uint32_t> weights;
  std::uint32_t before = 0;
  int changes = -1;
  now_ = start + 2s;
  for (int step = 0; step < 100; ++step, now_ += 200ms) {
    ramp_.step(true, {.length = length}, now_);
    const std::uint32_t weight = ramped_weight(250, ramp_.share());
    if (weight != before) ++changes;
    EXPECT_GE(weight, before);
    before = weight;
    weights.insert(weight);
  }

  EXPECT_EQ(changes, 9);
  EXPECT_EQ(*weights.begin(), 25U);
  EXPECT_EQ(*weights.rbegin(), 250U);
}

TEST(RampedWeight, IsDownToATenthAndNeverNothing) {
  const struct {
    std::uint32_t weight;
    double share;
    std::uint32_t ramped;
  } rows[] = {{100, 0, 10},     {100, 0.19, 10}, {100, 0.2, 20}, {100, 0.3, 30}, {100, 0.7, 70},
              {100, 0.999, 90}, {100, 1, 100},   {5, 0, 1},      {1, 0, 1},      {1, 0.9, 1},
              {0, 0.5, 0},      {0, 1, 0},       {15, 0.5, 7}};
  for (const auto& row : rows) {
    EXPECT_EQ(ramped_weight(row.weight, row.share), row.ramped) << row.weight << ' ' << row.share;
  }
}

TEST(RampedLimit, IsALineFromOne) {
  const struct {
    std::uint32_t limit;
    double share;
    std::uint32_t ramped;
  } rows[] = {{50, 0, 1},  {50, 0.019, 1}, {50, 0.04, 2}, {50, 0.5, 25},
              {50, 1, 50}, {1, 0.5, 1},    {0, 0, 0},     {0, 0.5, 0}};
  for (const auto& row : rows) {
    EXPECT_EQ(ramped_limit(row.limit, row.share), row.ramped) << row.limit << ' ' << row.share;
  }
}

}  // namespace
}  // namespace hither::lb::test
