// SPDX-License-Identifier: Apache-2.0
#include "lb/picker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using topology::Balance;

constexpr Instant start{std::chrono::hours(1)};

/// A farm and a picker, whatever the algorithm.
class FarmOfThree : public testing::TestWithParam<Balance> {
 protected:
  FarmOfThree() : farm_(make_farm(3, GetParam())), picker_(*farm_, 0, 1) {}

  /// A request like no other.
  Lease pick(std::span<const std::uint32_t> tried = {}) {
    return picker_.pick({.hash = rng_.next()}, start, tried);
  }

  Rng rng_{5};
  std::unique_ptr<Farm> farm_;
  Picker picker_;
};

TEST_P(FarmOfThree, NeverGivesWhatIsDown) {
  farm_->set_usable(1, false);

  for (int i = 0; i < 1000; ++i) EXPECT_NE(pick().index(), 1U);
}

TEST_P(FarmOfThree, NeverGivesWhatHasNoWeight) {
  std::vector<Lease> held;
  farm_->set_weight(1, 0);

  for (int i = 0; i < 1000; ++i) {
    held.push_back(pick());
    EXPECT_NE(held.back().index(), 1U);
    if (i % 3 == 0) held.clear();
  }
  EXPECT_EQ(farm_->report().usable, 2U);
}

TEST_P(FarmOfThree, GivesTheOnlyOneThatIsUp) {
  farm_->set_usable(0, false);
  farm_->set_usable(1, false);

  for (int i = 0; i < 100; ++i) EXPECT_EQ(pick().index(), 2U);
}

TEST_P(FarmOfThree, GivesNothingWhenAllAreDown) {
  for (std::size_t i = 0; i < 3; ++i) farm_->set_usable(i, false);

  EXPECT_FALSE(pick());
  EXPECT_EQ(farm_->why_none(), "no copy of farm web is up in room fra (3 known: 3 down)");
}

TEST_P(FarmOfThree, SaysWhenNoWeightIsLeft) {
  farm_->set_usable(0, false);
  farm_->set_weight(1, 0);
  farm_->set_weight(2, 0);

  EXPECT_FALSE(pick());
  EXPECT_EQ(farm_->why_none(),
            "no copy of farm web is up in room fra (3 known: 1 down, 2 with weight 0)");
}

TEST_P(FarmOfThree, GivesOneAgainThatCameBack) {
  farm_->set_usable(1, false);
  pick();
  farm_->set_usable(1, true);

  std::vector<Lease> held;
  std::set<std::uint32_t> given;
  for (int i = 0; i < 1000; ++i) {
    held.push_back(pick());
    given.insert(held.back().index());
  }

  EXPECT_EQ(given, (std::set<std::uint32_t>{0, 1, 2}));
}

TEST_P(FarmOfThree, LeavesOutWhatWasTried) {
  const std::vector<std::uint32_t> tried = {0, 2};

  for (int i = 0; i < 100; ++i) EXPECT_EQ(pick(tried).index(), 1U);
  EXPECT_FALSE(pick(std::vector<std::uint32_t>{0, 1, 2}));
}

TEST_P(FarmOfThree, UsesAllAlikeOverTime) {
  std::vector<Lease> held;
  for (int i = 0; i < 300; ++i) held.push_back(pick());

  const double allowed = GetParam() == Balance::maglev || GetParam() == Balance::source ? 26 : 5;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(farm_->server(i).in_flight().level(), 100, allowed) << i;
  }
  held.clear();
  EXPECT_EQ(farm_->report().load, 0);
}

TEST_P(FarmOfThree, GivesBackToWhomTheCookieNames) {
  topology::Farm settings;
  settings.name = "web";
  settings.balance = GetParam();
  settings.sticky = "at";
  const auto farm = make_farm(5, settings);
  Picker picker(*farm, 0, 1);
  const std::uint64_t token = farm->server(3).token();
  ASSERT_NE(token, 0U);
  const auto back = [&] {
    return picker.pick({.hash = rng_.next(), .sticky = token}, start).index();
  };

  // Whatever becomes of the others.
  for (int i = 0; i < 300; ++i) {
    const std::size_t other = rng_.below(5);
    if (other != 3) farm->set_usable(other, rng_.below(2) == 0);
    ASSERT_EQ(back(), 3U);
  }
  farm->set_usable(0, true);
  farm->set_weight(3, 0);
  for (int i = 0; i < 300; ++i) ASSERT_NE(back(), 3U);
  farm->set_weight(3, 100);
  farm->set_usable(3, false);
  for (int i = 0; i < 300; ++i) ASSERT_NE(back(), 3U);
  farm->set_usable(3, true);
  EXPECT_EQ(back(), 3U);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, FarmOfThree,
                         testing::Values(Balance::round_robin, Balance::least_request,
                                         Balance::peak_ewma, Balance::hot_cold, Balance::maglev,
                                         Balance::source, Balance::first),
                         [](const auto& row) {
                           std::string name(to_text(row.param));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(Picker, TakesWeightsFromTheDescription) {
  topology::Farm settings;
  settings.name = "web";
  settings.balance = Balance::round_robin;
  settings.weights = {{"web-1", {.weight = 300}}, {"web-3", {.weight = 0}}};
  const auto farm = make_farm(3, settings);
  Picker picker(*farm, 0, 1);
  std::vector<int> counts(3);

  for (int i = 0; i < 400; ++i) ++counts[picker.pick().index()];

  EXPECT_EQ(counts, (std::vector<int>{300, 100, 0}));
}

TEST(Picker, AWeightThatGrowsStepByStepIsSeenAtOnce) {
  const auto farm = make_farm(2, Balance::round_robin);
  Picker picker(*farm, 0, 1);
  for (const std::uint32_t weight : {10U, 50U, 100U}) {
    farm->set_weight(1, weight);
    int counts[2] = {};

    for (std::uint32_t i = 0; i < 100 + weight; ++i) ++counts[picker.pick().index()];

    // What each was still owed from the round before may come in this one.
    EXPECT_NEAR(counts[1], weight, 1) << weight;
  }
}

}  // namespace
}  // namespace hither::lb::test
