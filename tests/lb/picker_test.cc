// SPDX-License-Identifier: Apache-2.0
#include "lb/picker.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

class FarmOfThree : public testing::TestWithParam<topology::Balance> {
 protected:
  FarmOfThree() : farm_(make_farm(3, GetParam())), picker_(*farm_, 0, 1) {}

  std::unique_ptr<Farm> farm_;
  Picker picker_;
};

TEST_P(FarmOfThree, NeverGivesWhatIsDown) {
  farm_->set_usable(1, false);

  for (int i = 0; i < 1000; ++i) EXPECT_NE(picker_.pick().index(), 1U);
}

TEST_P(FarmOfThree, GivesTheOnlyOneThatIsUp) {
  farm_->set_usable(0, false);
  farm_->set_usable(1, false);

  for (int i = 0; i < 100; ++i) EXPECT_EQ(picker_.pick().index(), 2U);
}

TEST_P(FarmOfThree, GivesNothingWhenAllAreDown) {
  for (std::size_t i = 0; i < 3; ++i) farm_->set_usable(i, false);

  EXPECT_FALSE(picker_.pick());
  EXPECT_EQ(farm_->why_none(), "no copy of farm web is up in room fra (3 known: 3 down)");
}

TEST_P(FarmOfThree, GivesOneAgainThatCameBack) {
  farm_->set_usable(1, false);
  picker_.pick();
  farm_->set_usable(1, true);

  std::set<std::uint32_t> given;
  for (int i = 0; i < 1000; ++i) given.insert(picker_.pick().index());

  EXPECT_EQ(given, (std::set<std::uint32_t>{0, 1, 2}));
}

TEST_P(FarmOfThree, LeavesOutWhatWasTried) {
  const std::vector<std::uint32_t> tried = {0, 2};

  for (int i = 0; i < 100; ++i) EXPECT_EQ(picker_.pick(tried).index(), 1U);
  EXPECT_FALSE(picker_.pick(std::vector<std::uint32_t>{0, 1, 2}));
}

TEST_P(FarmOfThree, UsesAllAlikeOverTime) {
  std::vector<Lease> held;
  for (int i = 0; i < 300; ++i) held.push_back(picker_.pick());

  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(farm_->server(i).in_flight().level(), 100, 5);
  held.clear();
  EXPECT_EQ(farm_->report().load, 0);
}

INSTANTIATE_TEST_SUITE_P(Rules, FarmOfThree,
                         testing::Values(topology::Balance::round_robin,
                                         topology::Balance::least_request),
                         [](const auto& row) {
                           return row.param == topology::Balance::round_robin ? "RoundRobin"
                                                                              : "LeastRequest";
                         });

}  // namespace
}  // namespace hither::lb::test
