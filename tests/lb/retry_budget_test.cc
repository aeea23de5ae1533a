// SPDX-License-Identifier: Apache-2.0
#include "lb/retry_budget.h"

#include <gtest/gtest.h>

#include <array>

#include "lb/attempts.h"
#include "tests/lb/start.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

int take_all(RetryBudget& budget) {
  int taken = 0;
  for (; taken < 1'000'000 && budget.take(); ++taken) budget.done();
  return taken;
}

TEST(RetryBudget, IsThreeASecondForAFarmThatHasFewRequests) {
  RetryBudget budget;
  EXPECT_EQ(take_all(budget), 30);
  for (int second = 0; second < 10; ++second) {
    budget.step(0, start + second * 1s);
    EXPECT_EQ(take_all(budget), 0) << second;
  }
  budget.step(0, start + 10s);
  EXPECT_EQ(take_all(budget), 30);
  EXPECT_EQ(budget.taken(), 60U);
}

TEST(RetryBudget, IsAFifthOfTheRequestsOfTenSeconds) {
  RetryBudget budget;
  budget.step(1000, start);
  EXPECT_EQ(take_all(budget), 200);
  budget.step(1000, start + 200ms);
  EXPECT_EQ(take_all(budget), 0);

  budget.step(2000, start + 5s);
  EXPECT_EQ(take_all(budget), 200);
  budget.step(2000, start + 5200ms);
  EXPECT_EQ(take_all(budget), 0);
  budget.step(2010, start + 10s);  // those of the start no longer count, nor their retries
  EXPECT_EQ(take_all(budget), 2);
}

TEST(RetryBudget, LetsNoMoreThanThreeBeInProgressBeyondTheFifth) {
  RetryBudget budget;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take()) << i;
  EXPECT_FALSE(budget.take());
  budget.done();
  EXPECT_TRUE(budget.take());
  EXPECT_FALSE(budget.take());

  budget.step(100, start);  // a fifth is 20, and four were taken
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(budget.take()) << i;
  EXPECT_FALSE(budget.take());
  for (int i = 0; i < 17; ++i) budget.done();
  EXPECT_TRUE(budget.take()) << "two others are in progress";
  EXPECT_FALSE(budget.take());
}

TEST(RetryBudget, ARetryIsInProgressUntilItsRequestEnds) {
  const auto farm = make_farm(2);
  Picker picker(*farm, 0, 1);
  std::array<Attempts, 4> attempts;
  for (Attempts& one : attempts) one.begin(picker, {}, start);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(attempts[i].next(picker, "Connection refused", start), Search::found) << i;
  }
  EXPECT_EQ(attempts[3].next(picker, "Connection refused", start), Search::none);
  const auto can_retry = [&picker] {
    Attempts another;
    another.begin(picker, {}, start);
    return another.next(picker, "Connection refused", start) == Search::found;
  };
  EXPECT_FALSE(can_retry());

  attempts[0].end();
  EXPECT_TRUE(can_retry());
  EXPECT_TRUE(can_retry()) << "the one before has ended";
  attempts[0].begin(picker, {}, start);
  EXPECT_EQ(attempts[0].next(picker, "Connection refused", start), Search::found);
  EXPECT_FALSE(can_retry());
  attempts[1].settled();
  EXPECT_TRUE(can_retry()) << "it has become a tunnel";
  EXPECT_EQ(attempts[2].next(picker, "Connection refused", start), Search::none) << "no third copy";
  attempts[1].end();
  EXPECT_TRUE(can_retry());
}

TEST(RetryBudget, CountsWhatItRefuses) {
  RetryBudget budget;
  for (int i = 0; i < 35; ++i) {
    if (budget.take()) budget.done();
  }

  EXPECT_EQ(budget.taken(), 30U);
  EXPECT_EQ(budget.refused(), 5U);
  EXPECT_EQ(budget.left(), 0);
}

TEST(RetryBudget, IsOneForAllRequestsOfAFarm) {
  const auto farm = make_farm(2);
  Picker picker(*farm, 0, 1);
  for (int i = 0; i < 30; ++i) {
    Attempts attempts;
    attempts.begin(picker, {}, start);
    ASSERT_EQ(attempts.next(picker, "Connection refused", start), Search::found) << i;
  }
  Attempts attempts;
  attempts.begin(picker, {}, start);

  EXPECT_EQ(attempts.next(picker, "Connection refused", start), Search::none);
  EXPECT_EQ(attempts.why_none(*farm),
            "no copy of farm web took the connection (1 tried; web-1: Connection refused; too many "
            "retries already)");
  EXPECT_EQ(farm->report().load, 0);
}

TEST(RetryBudget, IsNotAskedWhereNoCopyIsLeft) {
  const auto farm = make_farm(1);
  Picker picker(*farm, 0, 1);
  Attempts attempts;
  attempts.begin(picker, {}, start);

  EXPECT_EQ(attempts.next(picker, "Connection refused", start), Search::none);
  EXPECT_EQ(farm->retry_budget().taken(), 0U);
}

}  // namespace
}  // namespace hither::lb::test
