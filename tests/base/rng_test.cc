// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace hither {
namespace {

constexpr int draws = 200'000;

TEST(Rng, DrawsAreXoshiro256StarStarSeededBySplitMix64) {
  Rng rng(0);

  EXPECT_EQ(rng.next(), 11091344671253066420ULL);
  EXPECT_EQ(rng.next(), 13793997310169335082ULL);
  EXPECT_EQ(rng.next(), 1900383378846508768ULL);
}

TEST(Rng, TheSameSeedGivesTheSameDraws) {
  Rng one(42);
  Rng other(42);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(one.next(), other.next());
}

TEST(Rng, AnotherSeedGivesOtherDraws) { EXPECT_NE(Rng(1).next(), Rng(2).next()); }

TEST(Rng, BelowHitsEveryValueEvenlyAndNoOther) {
  Rng rng(7);
  int counts[10] = {};
  for (int i = 0; i < draws; ++i) {
    const std::uint64_t value = rng.below(10);
    ASSERT_LT(value, 10U);
    ++counts[value];
  }

  for (const int count : counts) EXPECT_NEAR(count, draws / 10, draws / 200);
}

TEST(Rng, BelowOneIsZero) {
  Rng rng(7);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(rng.below(1), 0U);
}

TEST(Rng, BelowTheLargestBoundStaysBelow) {
  Rng rng(7);
  constexpr std::uint64_t bound = (std::uint64_t{1} << 63U) + 1;
  for (int i = 0; i < 1000; ++i) ASSERT_LT(rng.below(bound), bound);
}

TEST(Rng, UnitIsInItsHalfOpenIntervalWithMeanOneHalf) {
  Rng rng(3);
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    const double value = rng.unit();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }

  EXPECT_NEAR(sum / draws, 0.5, 0.005);
}

TEST(Rng, ExponentialHasItsMeanAndItsTail) {
  Rng rng(4);
  double sum = 0;
  int beyond = 0;
  for (int i = 0; i < draws; ++i) {
    const double value = rng.exponential(20);
    ASSERT_GE(value, 0.0);
    sum += value;
    if (value > 20) ++beyond;
  }

  EXPECT_NEAR(sum / draws, 20, 0.3);
  EXPECT_NEAR(static_cast<double>(beyond) / draws, std::exp(-1.0), 0.01);
}

TEST(Rng, NormalHasMeanZeroAndVarianceOne) {
  Rng rng(5);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < draws; ++i) {
    const double value = rng.normal();
    sum += value;
    squares += value * value;
  }

  EXPECT_NEAR(sum / draws, 0.0, 0.02);
  EXPECT_NEAR(squares / draws, 1.0, 0.02);
}

TEST(Rng, LognormalHasTheMeanItIsGivenAndTheMedianThatFollows) {
  Rng rng(6);
  std::vector<double> values(draws);
  double sum = 0;
  for (double& value : values) {
    value = rng.lognormal(20, 1.0);
    sum += value;
  }
  std::ranges::sort(values);

  EXPECT_NEAR(sum / draws, 20, 0.6);
  EXPECT_NEAR(values[draws / 2], 20 * std::exp(-0.5), 0.3);
}

}  // namespace
}  // namespace hither
