// SPDX-License-Identifier: Apache-2.0
#include "lb/outlier.h"

#include <gtest/gtest.h>

#include "lb/picker.h"
#include "tests/lb/start.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

/// A farm of servers that are all up, whose outcomes the test writes.
class Ejection : public testing::Test {
 protected:
  explicit Ejection(topology::OutlierRule rule = {}, std::size_t servers = 4)
      : outliers_(rule, servers), seen_(servers) {
    for (Outliers::Seen& seen : seen_) seen.candidate = true;
  }

  /// Steps, and says what changed: "2 ejected, 0 good".
  std::string step(Instant now) {
    std::string text;
    for (const Outliers::Change& change : outliers_.step(seen_, now)) {
      if (!text.empty()) text += ", ";
      text += std::to_string(change.server) + " " + std::string(to_text(change.to));
    }
    for (Outliers::Seen& seen : seen_) seen.streak = 0;
    return text;
  }
  /// Ejects server 0 if it is in, ends the ejection, and says how its one request went.
  std::string trial_ends(Trial::State how, Instant now) {
    seen_[0].trial = how;
    std::string text = step(now);
    seen_[0].trial = Trial::State::closed;
    return text;
  }

  Outliers outliers_;
  std::vector<Outliers::Seen> seen_;
};

TEST(Verdict, SpeaksOfTheServerNotOfTheRequest) {
  const std::pair<int, Verdict> table[] = {
      {200, Verdict::good},      {101, Verdict::good}, {404, Verdict::good},
      {429, Verdict::throttled}, {500, Verdict::bad},  {501, Verdict::good},
      {502, Verdict::bad},       {503, Verdict::bad},  {505, Verdict::good}};
  for (const auto& [status, verdict] : table) EXPECT_EQ(verdict_of(status), verdict) << status;
}

TEST(Streak, RemembersTheLongestThoughASuccessEndedIt) {
  Streak streak;
  for (int i = 0; i < 3; ++i) streak.note(Verdict::bad);
  streak.note(Verdict::throttled);
  streak.note(Verdict::bad);
  streak.note(Verdict::good);
  streak.note(Verdict::bad);

  EXPECT_EQ(streak.take_longest(), 4U);
  EXPECT_EQ(streak.take_longest(), 0U);
  streak.note(Verdict::bad);
  EXPECT_EQ(streak.take_longest(), 2U);
}

TEST(Trial, IsOneRequestsAtATime) {
  Trial trial;
  EXPECT_FALSE(trial.claim());
  trial.open();
  EXPECT_TRUE(trial.claim());
  EXPECT_FALSE(trial.claim());
  trial.give_back();
  EXPECT_TRUE(trial.claim());
  trial.end(true);
  EXPECT_EQ(trial.state(), Trial::State::passed);
  trial.give_back();
  EXPECT_FALSE(trial.claim());
}

TEST(SuccessWindow, IsTheExactCountOfTenBuckets) {
  SuccessWindow window(10s);
  const Instant zero{100s};
  for (int second = 0; second < 30; ++second) {
    window.add({.good = 3, .bad = static_cast<std::uint64_t>(second)}, zero + second * 1s + 500ms);
    const Outcomes sum = window.within(zero + second * 1s + 900ms);
    const int from = std::max(second - 9, 0);
    EXPECT_EQ(sum.good, 3U * static_cast<unsigned>(second - from + 1)) << second;
    EXPECT_EQ(sum.bad, static_cast<unsigned>((from + second) * (second - from + 1) / 2)) << second;
  }
  EXPECT_EQ(window.within(zero + 38s).good, 3U);
  EXPECT_EQ(window.within(zero + 39s).good, 0U);
  window.add({.good = 1}, zero + 1h);
  EXPECT_EQ(window.within(zero + 1h).good, 1U);
}

TEST_F(Ejection, TakesFiveFailuresInARow) {
  seen_[2].streak = 4;
  EXPECT_EQ(step(start), "");

  seen_[2].streak = 5;
  EXPECT_EQ(step(start + 1s), "2 ejected");
  EXPECT_EQ(outliers_.copy(2).reason, "5 failures in a row");
  EXPECT_EQ(outliers_.copy(2).until, start + 6s);
}

TEST_F(Ejection, EndsInProbationAndOneGoodRequestReturnsIt) {
  seen_[0].streak = 5;
  step(start);

  EXPECT_EQ(step(start + 4999ms), "");
  EXPECT_EQ(step(start + 5s), "0 probation");
  seen_[0].trial = Trial::State::claimed;
  EXPECT_EQ(step(start + 30s), "");
  EXPECT_EQ(trial_ends(Trial::State::passed, start + 31s), "0 good");
}

TEST_F(Ejection, DoublesWhileTrialsFailUpToTheMost) {
  seen_[0].streak = 5;
  step(start);
  const Duration lengths[] = {10s, 20s, 40s, 80s, 160s, 300s, 300s};
  Instant now = start + 5s;
  for (const Duration length : lengths) {
    EXPECT_EQ(step(now), "0 probation");
    EXPECT_EQ(trial_ends(Trial::State::failed, now), "0 ejected");
    EXPECT_EQ(outliers_.copy(0).until, now + length);
    now += length;
  }
  EXPECT_EQ(outliers_.copy(0).ejections, 8U);
}

TEST_F(Ejection, DoublesForOneThatFailsAgainSoonAndNotLater) {
  const auto eject_at = [this](Instant now) {
    seen_[0].streak = 5;
    EXPECT_EQ(step(now), "0 ejected");
    const Duration length = outliers_.copy(0).until - now;
    step(now + length);
    EXPECT_EQ(trial_ends(Trial::State::passed, now + length), "0 good");
    return length;
  };

  EXPECT_EQ(eject_at(start), Duration(5s));        // back at 5 s
  EXPECT_EQ(eject_at(start + 9s), Duration(10s));  // 4 s later; back at 19 s
  EXPECT_EQ(eject_at(start + 29s), Duration(5s));  // it did well for 10 s
}

TEST_F(Ejection, IsNeverOfMoreThanHalfAndNeverOfTheLast) {
  for (Outliers::Seen& seen : seen_) seen.streak = 9;
  EXPECT_EQ(step(start), "0 ejected, 1 ejected");

  seen_[3].candidate = false;
  seen_[2].streak = 9;
  EXPECT_EQ(step(start + 1s), "");
}

TEST_F(Ejection, EndsForAllWhenTheLastOtherGoesDown) {
  seen_[0].streak = seen_[1].streak = 9;
  EXPECT_EQ(step(start), "0 ejected, 1 ejected");

  seen_[2].candidate = seen_[3].candidate = seen_[1].candidate = false;

  EXPECT_EQ(step(start + 1s), "0 good");
}

TEST_F(Ejection, IsNotForOneThatLeftWhichTakesNoPlaceFromOthers) {
  CopyPlan plan;
  plan.order = {0, 1, 2};
  plan.leaves = {3};
  outliers_.change({}, plan);
  ASSERT_EQ(outliers_.most(), 1U);

  seen_[3] = {.present = false, .streak = 9};  // of requests that it had when it left
  EXPECT_EQ(step(start), "");
  EXPECT_EQ(outliers_.copy(3).standing, Standing::good);

  seen_[0].streak = 9;
  EXPECT_EQ(step(start + 1s), "0 ejected");
}

TEST_F(Ejection, GoesOnForOneThatIsCalledOtherwise) {
  seen_[1].streak = 9;
  EXPECT_EQ(step(start), "1 ejected");
  CopyPlan plan;
  plan.order = {0, 4, 2, 3};
  plan.joins = {{.place = 4, .identity = {}, .heir_of = 1}};
  plan.leaves = {1};

  outliers_.change({}, plan);
  seen_.resize(5);
  seen_[1] = {.present = false};
  seen_[4].candidate = true;

  EXPECT_EQ(outliers_.copy(1).standing, Standing::good);
  EXPECT_EQ(outliers_.copy(4).standing, Standing::ejected);
  EXPECT_EQ(outliers_.copy(4).reason, "9 failures in a row");
  EXPECT_EQ(step(start + 4999ms), "");
  EXPECT_EQ(step(start + 5s), "4 probation");
  seen_[4].trial = Trial::State::failed;
  EXPECT_EQ(step(start + 5s), "4 ejected");
  EXPECT_EQ(outliers_.copy(4).until, start + 15s) << "twice as long as before";
}

class OneServer : public Ejection {
 protected:
  OneServer() : Ejection({}, 1) {}
};

TEST_F(OneServer, IsNeverEjected) {
  seen_[0].streak = 1000;
  EXPECT_EQ(step(start), "");
}

class BySuccessRate : public Ejection {
 protected:
  BySuccessRate() : Ejection({.failures = 0, .success_rate = 0.8, .min_requests = 100}) {}
};

TEST_F(BySuccessRate, NeedsEnoughRequestsAndTooFewGoodOnes) {
  seen_[1].streak = 1000;  // failures = 0: no number ejects
  seen_[1].outcomes = {.good = 0, .bad = 99};
  EXPECT_EQ(step(start), "");

  seen_[2].outcomes = {.good = 80, .bad = 20};
  EXPECT_EQ(step(start + 100ms), "");

  seen_[2].outcomes = {.good = 80, .bad = 21};
  EXPECT_EQ(step(start + 200ms), "2 ejected");
  EXPECT_EQ(outliers_.copy(2).reason, "21 of 101 requests failed in 10s");
}

TEST_F(BySuccessRate, ForgetsWhatIsOlderThanTheWindow) {
  seen_[0].outcomes = {.good = 0, .bad = 60};
  EXPECT_EQ(step(start), "");

  seen_[0].outcomes = {.good = 0, .bad = 120};
  EXPECT_EQ(step(start + 10s), "");
  seen_[0].outcomes = {.good = 0, .bad = 180};
  EXPECT_EQ(step(start + 11s), "0 ejected");
}

TEST_F(BySuccessRate, JudgesAReturnedServerByNewRequestsOnly) {
  seen_[0].outcomes = {.good = 0, .bad = 100};
  EXPECT_EQ(step(start), "0 ejected");
  seen_[0].outcomes = {.good = 0, .bad = 200};  // those of before that ended meanwhile
  EXPECT_EQ(step(start + 5s), "0 probation");
  EXPECT_EQ(trial_ends(Trial::State::passed, start + 5s), "0 good");

  EXPECT_EQ(step(start + 5100ms), "");
}

TEST_F(BySuccessRate, WhatEndsForOneThatLeftDoesNotCountIfItReturns) {
  CopyPlan leaving;
  leaving.order = {1, 2, 3};
  leaving.leaves = {0};
  outliers_.change({.failures = 0, .success_rate = 0.8, .min_requests = 100}, leaving);
  seen_[0] = {.present = false, .outcomes = {.good = 0, .bad = 200}};
  EXPECT_EQ(step(start), "");
  seen_[0].present = seen_[0].candidate = true;

  EXPECT_EQ(step(start + 1s), "");

  seen_[0].outcomes.bad += 100;
  EXPECT_EQ(step(start + 2s), "0 ejected");
}

TEST_F(BySuccessRate, GoesOnForOneThatIsCalledOtherwise) {
  seen_[0].outcomes = {.good = 0, .bad = 99};
  EXPECT_EQ(step(start), "");
  CopyPlan plan;
  plan.order = {4, 1, 2, 3};
  plan.joins = {{.place = 4, .identity = {}, .heir_of = 0}};
  plan.leaves = {0};
  outliers_.change({.failures = 0, .success_rate = 0.8, .min_requests = 100}, plan);
  seen_.resize(5);
  seen_[0].present = seen_[0].candidate = false;
  seen_[4].candidate = true;
  EXPECT_EQ(step(start + 1s), "");

  seen_[4].outcomes = {.good = 0, .bad = 1};
  EXPECT_EQ(step(start + 1s), "4 ejected");
}

/// The same with a real farm, whose sessions are leases.
class EjectionFromAFarm : public testing::Test {
 protected:
  EjectionFromAFarm() : farm_(make_farm(2)), outliers_({}, 2), picker_(*farm_, 0, 1) {}

  void step(Instant now) {
    for (const Outliers::Change& change : outliers_.step(farm_->take_seen(), now)) {
      farm_->set_standing(change.server, change.to);
    }
  }
  void eject_first() {
    for (int i = 0; i < 5; ++i) picker_.take(0, start).failed(start);
    step(start);
  }

  std::unique_ptr<Farm> farm_;
  Outliers outliers_;
  Picker picker_;
};

TEST_F(EjectionFromAFarm, PicksTheOthersOnly) {
  eject_first();

  EXPECT_FALSE(farm_->server(0).usable());
  EXPECT_EQ(farm_->report().usable, 1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(picker_.pick({}, start).index(), 1U);
}

TEST_F(EjectionFromAFarm, GivesOneRequestOnProbationToWhoeverComesFirst) {
  eject_first();
  step(start + 5s);
  Picker another(*farm_, 0, 2);

  Lease trial = picker_.pick({}, start + 5s);
  EXPECT_EQ(trial.index(), 0U);
  EXPECT_EQ(another.pick({}, start + 5s).index(), 1U);
  EXPECT_EQ(picker_.pick({}, start + 5s).index(), 1U);

  trial.release();  // the client left: somebody else's request decides
  trial = another.pick({}, start + 6s);
  EXPECT_EQ(trial.index(), 0U);
  ResponseHead head;
  head.status = 200;
  trial.answered(head, start + 6s);
  EXPECT_EQ(another.pick({}, start + 6s).index(), 1U);
  step(start + 6s);
  EXPECT_TRUE(farm_->server(0).usable());
}

TEST_F(EjectionFromAFarm, FailsAProbationWith429) {
  eject_first();
  step(start + 5s);
  ResponseHead head;
  head.status = 429;

  picker_.pick({}, start + 5s).answered(head, start + 5s);
  step(start + 5s);

  EXPECT_EQ(farm_->server(0).standing(), Standing::ejected);
  EXPECT_EQ(outliers_.copy(0).until, start + 15s);
}

TEST_F(EjectionFromAFarm, LeavesStickyClientsOfOthersAlone) {
  topology::Farm settings = round_robin_farm();
  settings.sticky = "copy";
  farm_ = make_farm(2, settings);
  picker_ = Picker(*farm_, 0, 1);
  eject_first();
  step(start + 5s);

  const Affinity other{.sticky = farm_->server(1).token()};
  EXPECT_EQ(picker_.pick(other, start + 5s).index(), 1U);
  const Affinity own{.sticky = farm_->server(0).token()};
  EXPECT_EQ(picker_.pick(own, start + 5s).index(), 0U);
}

TEST_F(EjectionFromAFarm, NamesTheEjectedWhenNobodyIsLeft) {
  eject_first();
  farm_->set_usable(1, false);

  EXPECT_EQ(farm_->why_none(),
            "no copy of farm web is up in room fra (2 known: 1 down, 1 ejected)");
  step(start + 1s);
  EXPECT_EQ(picker_.pick({}, start + 1s).index(), 0U);
}

}  // namespace
}  // namespace hither::lb::test
