// SPDX-License-Identifier: Apache-2.0
#include "lb/allotment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/lb/start.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

/// Three copies, up since the start, of a farm with `settings_`.
class Given : public testing::Test {
 protected:
  Given() {
    settings_.slow_start = 10s;
    settings_.concurrency.most = 50;
  }
  void begin(std::size_t copies = 3) {
    CopyPlan plan;
    for (std::size_t i = 0; i < copies; ++i) {
      plan.order.push_back(i);
      plan.joins.push_back({.place = i, .identity = {}, .heir_of = {}});
    }
    allotments_.change(settings_, plan);
    seen_.assign(copies, {.usable = true});
    at(0s);
  }
  void at(Duration time, bool ramps = true) { allotments_.step(seen_, ramps, start + time); }
  /// Copy 1 is out for a second, and back at `time`.
  void return_at(Duration time) {
    seen_[1].usable = false;
    at(time - 1s);
    seen_[1].usable = true;
    at(time);
  }
  void change(const CopyPlan& plan) {
    allotments_.change(settings_, plan);
    if (allotments_count(plan) > seen_.size()) seen_.resize(allotments_count(plan));
  }
  static std::size_t allotments_count(const CopyPlan& plan) {
    std::size_t count = 0;
    for (const std::size_t place : plan.order) count = std::max(count, place + 1);
    return count;
  }
  void expect(std::size_t place, std::uint32_t weight, std::uint32_t limit) const {
    EXPECT_EQ(allotments_.of(place).weight, weight) << place;
    EXPECT_EQ(allotments_.of(place).limit, limit) << place;
  }

  topology::Farm settings_;
  Allotments allotments_;
  std::vector<Allotments::Seen> seen_;
};

TEST_F(Given, AllOfItAtTheStart) {
  begin();
  for (std::size_t i = 0; i < 3; ++i) expect(i, 100, 50);
}

TEST_F(Given, WeightAndLimitGrowTogetherAfterAnAbsence) {
  begin();
  return_at(20s);
  expect(1, 10, 1);
  at(21s);
  expect(1, 10, 5);
  at(25s);
  expect(1, 50, 25);
  at(29800ms);
  expect(1, 90, 49);
  at(30s);
  expect(1, 100, 50);
  expect(0, 100, 50);
}

TEST_F(Given, LessAlreadyWhileACopyIsOut) {
  begin();
  seen_[1].usable = false;
  at(1s);
  expect(1, 10, 1);
}

TEST_F(Given, NothingToADrainedCopyWhateverItsRamp) {
  begin();
  return_at(20s);
  allotments_.set_weight(1, 0);
  at(25s);
  expect(1, 0, 25);
  EXPECT_EQ(allotments_.full_weight(1), 0U);

  allotments_.set_weight(1, 200);
  expect(1, 100, 25);
  at(30s);
  expect(1, 200, 50);
}

TEST_F(Given, AReloadInARampChangesWhatItRampsTo) {
  begin();
  return_at(20s);
  at(25s);

  settings_.concurrency.most = 100;
  change({.order = {0, 1, 2}, .joins = {}, .leaves = {}});
  allotments_.set_weight(1, 60);
  expect(1, 30, 50);
  expect(0, 100, 100);

  settings_.slow_start = 20s;
  change({.order = {0, 1, 2}, .joins = {}, .leaves = {}});
  at(25s);
  expect(1, 12, 25);

  settings_.slow_start = 0s;
  change({.order = {0, 1, 2}, .joins = {}, .leaves = {}});
  at(25200ms);
  expect(1, 60, 100);
}

TEST_F(Given, AReloadWithoutALimitRampsTheWeightAlone) {
  settings_.concurrency.most = 0;
  begin();
  return_at(20s);
  at(25s);
  expect(1, 50, 0);
}

TEST_F(Given, WhoJoinsOthersRampsWhenItIsUp) {
  begin();
  change({.order = {0, 1, 2, 3},
          .joins = {{.place = 3, .identity = {}, .heir_of = {}}},
          .leaves = {}});
  expect(3, 10, 1);
  at(60s);
  expect(3, 10, 1);
  seen_[3].usable = true;
  at(61s);
  at(66s);
  expect(3, 50, 25);
}

TEST_F(Given, AFarmOfNewcomersHasItAll) {
  begin();
  change({.order = {3, 4},
          .joins = {{.place = 3, .identity = {}, .heir_of = {}},
                    {.place = 4, .identity = {}, .heir_of = {}}},
          .leaves = {0, 1, 2}});
  expect(3, 100, 50);
  seen_[3].usable = true;
  at(1s);
  expect(3, 100, 50);
}

TEST_F(Given, AnHeirGoesOnWhereItsPredecessorWas) {
  begin();
  return_at(20s);
  at(25s);
  const CopyPlan plan{.order = {3, 4, 2},
                      .joins = {{.place = 3, .identity = {}, .heir_of = 0},
                                {.place = 4, .identity = {}, .heir_of = 1}},
                      .leaves = {0, 1}};
  change(plan);
  seen_ = {{}, {}, {.usable = true}, {.usable = true}, {.usable = true}};

  expect(3, 100, 50);
  expect(4, 50, 25);
  at(27s);
  expect(3, 100, 50);
  expect(4, 70, 35);
}

TEST_F(Given, WhoLeftAndReturnsKnowsNothingOfBefore) {
  begin();
  change({.order = {0, 2}, .joins = {}, .leaves = {1}});
  seen_[1].usable = false;
  at(1s);
  change(
      {.order = {0, 1, 2}, .joins = {{.place = 1, .identity = {}, .heir_of = {}}}, .leaves = {}});
  expect(1, 10, 1);
}

TEST_F(Given, ARampGoesOnInAnotherProcess) {
  begin();
  return_at(20s);
  at(25s);
  Allotments other;
  const CopyPlan all{.order = {0, 1},
                     .joins = {{.place = 0, .identity = {}, .heir_of = {}},
                               {.place = 1, .identity = {}, .heir_of = {}}},
                     .leaves = {}};
  other.change(settings_, all);
  for (const std::size_t place : all.order) {
    other.inherit(place, allotments_.learned(place, start + 25s), start + 25s);
  }
  EXPECT_EQ(other.of(0).weight, 100U);
  EXPECT_EQ(other.of(1).weight, 10U) << "no moment with too much";

  const std::vector<Allotments::Seen> up(2, {.usable = true});
  other.step(up, /*ramps=*/true, start + 27s);
  EXPECT_EQ(other.of(0).weight, 100U);
  EXPECT_EQ(other.of(1).weight, 70U);

  settings_.slow_start = 0s;
  Allotments without;
  without.change(settings_, all);
  without.inherit(1, allotments_.learned(1, start + 25s), start + 25s);
  EXPECT_EQ(without.of(1).weight, 100U) << "its description knows of no ramps";
}

TEST_F(Given, InPanicEverybodyHasItAllAndKeepsIt) {
  begin();
  return_at(20s);
  at(21s, /*ramps=*/false);
  expect(1, 100, 50);
  seen_[2].usable = false;
  at(22s, /*ramps=*/false);
  expect(2, 100, 50);
  seen_[2].usable = true;
  at(23s, /*ramps=*/false);

  at(24s);
  expect(1, 100, 50);
  expect(2, 100, 50);
}

TEST_F(Given, WhoIsStillOutAfterAPanicRampsThen) {
  begin();
  seen_[2].usable = false;
  at(1s, /*ramps=*/false);
  expect(2, 100, 50);
  at(2s);
  expect(2, 10, 1);
  seen_[2].usable = true;
  at(3s);
  at(8s);
  expect(2, 50, 25);
}

// ---- With a limit that is found out

class Adaptive : public Given {
 protected:
  Adaptive() {
    settings_.concurrency = {.most = 200, .adaptive = true, .least = 8};
    settings_.capacity = 40;
  }
  /// So many steps in which copy 1 has all it may have and answers as fast as ever.
  void busy(int steps) {
    for (int i = 0; i < steps; ++i) {
      seen_[1].in_flight = allotments_.of(1).limit;
      seen_[1].answers.count += 50;
      seen_[1].answers.took += 50 * 10ms;
      at(time_ += 200ms);
    }
  }
  Duration time_ = 0s;
};

TEST_F(Adaptive, BeginsWithTheCapacityAndFollowsItsCopy) {
  begin();
  for (std::size_t i = 0; i < 3; ++i) expect(i, 100, 40);
  busy(20);
  EXPECT_GT(allotments_.of(1).limit, 50U);
  expect(0, 100, 40);
}

TEST_F(Adaptive, RampsUpToWhatWasLearnedAndLearnsNothingMeanwhile) {
  begin();
  busy(200);
  const std::uint32_t learned = allotments_.of(1).limit;
  seen_[1].usable = false;
  at(time_ += 1s);
  expect(1, 10, 1);
  seen_[1].usable = true;
  at(time_ += 1s);
  const Duration back = time_;

  busy(25);  // Half of the ramp; ever so slow.
  seen_[1].answers.took += 1h;
  EXPECT_EQ(time_, back + 5s);
  expect(1, 50, learned / 2);
  busy(26);

  EXPECT_GE(allotments_.of(1).limit, learned);
  EXPECT_LT(allotments_.gradient(1).usual(), 20ms);
}

TEST_F(Adaptive, AReloadKeepsWhatWasLearnedWithinItsBounds) {
  begin();
  busy(200);
  const std::uint32_t learned = allotments_.of(1).limit;
  const CopyPlan same{.order = {0, 1, 2}, .joins = {}, .leaves = {}};

  settings_.timeouts.idle = 1s;
  change(same);
  expect(1, 100, learned);
  settings_.concurrency.most = 50;
  change(same);
  expect(1, 100, 50);
  expect(0, 100, 40);
  settings_.concurrency = {.most = 30};
  change(same);
  expect(1, 100, 30);
  settings_.concurrency = {.most = 200, .adaptive = true, .least = 8};
  change(same);
  expect(1, 100, 40);
}

TEST_F(Adaptive, AnotherProcessHasWhatWasLearnedWithinItsBounds) {
  begin();
  busy(200);
  const Allotments::Learned learned = allotments_.learned(1, start + time_);
  const std::uint32_t limit = allotments_.of(1).limit;
  ASSERT_GT(limit, 100U);
  const CopyPlan one{
      .order = {0}, .joins = {{.place = 0, .identity = {}, .heir_of = {}}}, .leaves = {}};
  const auto inherited = [&](const topology::Farm& settings) {
    Allotments other;
    other.change(settings, one);
    other.inherit(0, learned, start);
    return other;
  };

  EXPECT_EQ(inherited(settings_).of(0).limit, limit);
  EXPECT_EQ(inherited(settings_).gradient(0).usual(), 10ms);
  topology::Farm narrow = settings_;
  narrow.concurrency.most = 50;
  EXPECT_EQ(inherited(narrow).of(0).limit, 50U);
  narrow.concurrency = {.most = 30};
  EXPECT_EQ(inherited(narrow).of(0).limit, 30U);
  EXPECT_EQ(inherited(narrow).gradient(0).usual(), 0s);
}

TEST_F(Adaptive, AnHeirHasTheLimitButCountsItsOwnAnswers) {
  begin();
  busy(200);
  const std::uint32_t learned = allotments_.of(1).limit;
  change(
      {.order = {0, 3, 2}, .joins = {{.place = 3, .identity = {}, .heir_of = 1}}, .leaves = {1}});

  seen_[3] = {.usable = true, .in_flight = 200, .answers = {.count = 1, .took = 1h}};
  at(time_ += 200ms);
  expect(3, 100, learned);
  seen_[3].answers.count += 50;
  seen_[3].answers.took += 50 * 10ms;
  at(time_ += 200ms);
  EXPECT_EQ(allotments_.gradient(3).usual(), 10ms);
}

}  // namespace
}  // namespace hither::lb::test
