// SPDX-License-Identifier: Apache-2.0
#include "lb/minimum_rate.h"

#include <gtest/gtest.h>

#include "tests/lb/start.h"

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

constexpr RateRule rule{.bytes_per_second = 500, .grace = 10s};
TEST(MinimumRate, NothingAtAllIsLateAfterTheGrace) {
  MinimumRate rate;
  rate.begin(rule);
  rate.wait(true, start);

  EXPECT_EQ(rate.deadline(), start + 10s);
}

TEST(MinimumRate, BytesBuyTheirTimeAtTheRate) {
  MinimumRate rate;
  rate.begin(rule);
  rate.wait(true, start);

  rate.moved(1000, start + 4s);

  EXPECT_EQ(rate.deadline(), start + 12s);
}

TEST(MinimumRate, NobodySavesUpMoreThanTheGrace) {
  MinimumRate rate;
  rate.begin(rule);
  rate.wait(true, start);

  rate.moved(std::size_t{1} << 62U, start + 1s);

  EXPECT_EQ(rate.deadline(), start + 11s);
}

TEST(MinimumRate, AByteNowAndThenIsLateInTheEnd) {
  MinimumRate rate;
  rate.begin(rule);
  rate.wait(true, start);
  Instant now = start;

  while (now < rate.deadline() && now < start + 1h) rate.moved(1, now += 1s);

  EXPECT_LT(now, start + 12s);
}

TEST(MinimumRate, TimeInWhichNobodyWaitsForTheClientIsFree) {
  MinimumRate rate;
  rate.begin(rule);
  rate.wait(true, start);

  rate.wait(false, start + 3s);
  EXPECT_EQ(rate.deadline(), never);
  rate.wait(true, start + 1h);

  EXPECT_EQ(rate.deadline(), start + 1h + 7s);
}

TEST(MinimumRate, ZeroIsNoRate) {
  MinimumRate rate;
  rate.begin({.bytes_per_second = 0, .grace = 10s});
  rate.wait(true, start);
  rate.moved(5, start);

  EXPECT_EQ(rate.deadline(), never);
}

}  // namespace
}  // namespace hither::lb
