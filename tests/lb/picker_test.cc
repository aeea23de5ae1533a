// SPDX-License-Identifier: Apache-2.0
#include "lb/picker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "tests/lb/start.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using topology::Balance;

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

// ---- Few are left

class PickerInPanic : public testing::Test {
 protected:
  void make(topology::Panic panic, std::size_t servers = 4,
            Balance balance = Balance::round_robin) {
    topology::Farm settings = round_robin_farm();
    settings.balance = balance;
    settings.panic = panic;
    make(settings, servers);
  }
  void make(const topology::Farm& settings, std::size_t servers = 4) {
    farm_ = make_farm(servers, settings);
    picker_ = std::make_unique<Picker>(*farm_, 0, 1);
    step();
  }
  void down(std::initializer_list<std::size_t> servers) {
    for (const std::size_t server : servers) farm_->set_usable(server, false);
    step();
  }
  void step() { farm_->step_allotments(now_ += std::chrono::milliseconds(200), /*known=*/true); }
  std::vector<int> counts(int requests) {
    std::vector<int> counts(farm_->size() + 1);
    for (int i = 0; i < requests; ++i) {
      const Lease lease = picker_->pick({}, now_);
      ++counts[lease ? lease.index() : farm_->size()];
    }
    return counts;
  }

  Instant now_ = start;
  std::unique_ptr<Farm> farm_;
  std::unique_ptr<Picker> picker_;
};
constexpr topology::Panic spread{.below = 0.5, .mode = topology::Panic::Mode::spread};
constexpr topology::Panic shed{.below = 0.5, .mode = topology::Panic::Mode::shed};

TEST_F(PickerInPanic, SpreadGivesToAllWhateverIsSaidOfThem) {
  make(spread);
  farm_->set_standing(3, Standing::ejected);
  down({0});
  EXPECT_EQ(counts(100), (std::vector<int>{0, 50, 50, 0, 0})) << "half is enough";

  down({1});
  EXPECT_EQ(counts(100), (std::vector<int>{25, 25, 25, 25, 0}));
  EXPECT_EQ(farm_->report().usable, 1) << "the truth for the DNS";
  EXPECT_EQ(farm_->report().capacity, 100);

  farm_->set_usable(0, true);
  farm_->set_usable(1, true);
  step();
  EXPECT_EQ(counts(90), (std::vector<int>{30, 30, 30, 0, 0}));
}

TEST_F(PickerInPanic, SpreadHeedsWeightsAndWhoLeft) {
  topology::Farm settings = round_robin_farm();
  settings.panic = spread;
  settings.weights = {{"web-1", {.weight = 0}}, {"web-2", {.weight = 200}}};
  make(settings);
  down({0, 1, 2, 3});
  EXPECT_EQ(counts(400), (std::vector<int>{0, 200, 100, 100, 0}));

  const Farm::Copies left = {{"web-2", farm_->server(1).address()}};
  farm_->change(settings, *farm_->plan(settings, left));
  step();

  EXPECT_EQ(counts(10), (std::vector<int>{0, 10, 0, 0, 0}));
}

TEST_F(PickerInPanic, SpreadLeavesStickyClientsWhereTheyAre) {
  topology::Farm settings = round_robin_farm();
  settings.panic = spread;
  settings.sticky = "at";
  make(settings);
  down({0, 1, 2});
  const std::uint64_t token = farm_->server(1).token();

  for (int i = 0; i < 5; ++i) EXPECT_EQ(picker_->pick({.sticky = token}, now_).index(), 1U);
  EXPECT_EQ(picker_->find(token), 1U);
}

TEST_F(PickerInPanic, SpreadCallsWhoWaitsToACopyThatIsDown) {
  topology::Farm settings = round_robin_farm();
  settings.panic = spread;
  settings.concurrency.most = 1;
  make(settings, 2);
  const Lease first = picker_->pick({}, now_);
  const Lease second = picker_->pick({}, now_);
  EXPECT_FALSE(picker_->pick({}, now_));
  EXPECT_TRUE(picker_->all_full());
  farm_->admission().enter({.thread = 0, .owner = 7, .since = now_, .tried = {}});
  farm_->set_usable(0, false);
  farm_->set_usable(1, false);
  step();
  farm_->step_queue();
  EXPECT_EQ(farm_->admission().waiting(), 1U) << "all are candidates, so it is not dismissed";

  farm_->set_limit(1, 2);
  farm_->step_queue();

  EXPECT_EQ(farm_->admission().waiting(), 0U);
  EXPECT_EQ(farm_->server(1).in_flight().level(), 2U);
  farm_->server(1).give_back(1);
}

TEST_F(PickerInPanic, ShedGivesTheUsableNoMoreThanIfJustEnoughWere) {
  make(shed);
  down({0, 1});
  EXPECT_EQ(counts(200), (std::vector<int>{0, 0, 100, 100, 0}));

  down({2});  // One of the two that are needed.
  const std::vector<int> with_one = counts(10'000);
  EXPECT_EQ(with_one[0] + with_one[1] + with_one[2], 0);
  EXPECT_NEAR(with_one[3], 5000, 250);
  EXPECT_EQ(farm_->sum([](const FarmTotals& t) -> const Counter& { return t.shed; }),
            static_cast<std::uint64_t>(with_one[4]));

  down({3});
  EXPECT_EQ(counts(100)[4], 100);

  for (std::size_t i = 0; i < 3; ++i) farm_->set_usable(i, true);
  step();
  EXPECT_EQ(counts(300), (std::vector<int>{100, 100, 100, 0, 0}));
}

TEST_F(PickerInPanic, ShedTakesACopyThatRampsForWhatItIs) {
  topology::Farm settings = round_robin_farm();
  settings.panic = shed;
  settings.slow_start = std::chrono::seconds(10);
  make(settings);
  down({0, 1, 2, 3});
  farm_->set_usable(3, true);
  step();

  EXPECT_NEAR(counts(10'000)[3], 500, 120) << "a tenth of one of the two that are needed";
  for (int i = 0; i < 25; ++i) step();
  EXPECT_NEAR(counts(10'000)[3], 2500, 250);
}

TEST_F(PickerInPanic, ShedLetsSecondAttemptsThrough) {
  make(shed);
  down({0, 1, 2});
  const std::uint32_t tried[] = {0};

  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(picker_->pick({}, now_, tried));
    EXPECT_FALSE(picker_->shed());
  }
}

TEST_F(PickerInPanic, ARampMakesAFirstCopyFullEarlier) {
  topology::Farm settings = round_robin_farm();
  settings.balance = Balance::first;
  settings.slow_start = std::chrono::seconds(10);
  settings.capacity = 20;
  make(settings, 2);
  down({0});
  farm_->set_usable(0, true);
  step();

  std::vector<Lease> held;
  std::vector<int> counts(2);
  for (int i = 0; i < 10; ++i) {
    held.push_back(picker_->pick({}, now_));
    ++counts[held.back().index()];
  }
  EXPECT_EQ(counts, (std::vector<int>{2, 8}));
}

}  // namespace
}  // namespace hither::lb::test
