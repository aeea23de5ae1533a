// SPDX-License-Identifier: Apache-2.0
#include "lb/panic.h"

#include <gtest/gtest.h>

#include <vector>

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{1h};
constexpr topology::Panic half{.below = 0.5};
using Change = Panic::Change;

TEST(Panic, BeginsBelowItsShareAndEndsClearlyAbove) {
  Panic panic;
  const struct {
    std::size_t usable;
    Change change;
    bool active;
  } steps[] = {
      {10, Change::none, false}, {6, Change::none, false},  {5, Change::none, false},
      {4, Change::begins, true}, {4, Change::none, true},   {5, Change::none, true},
      {4, Change::none, true},   {5, Change::none, true},   {6, Change::ends, false},
      {5, Change::none, false},  {0, Change::begins, true}, {10, Change::ends, false},
  };
  Instant now = start;
  for (const auto& step : steps) {
    now += 200ms;
    EXPECT_EQ(panic.step(half, {.copies = 10, .usable = step.usable}, now), step.change)
        << step.usable;
    EXPECT_EQ(panic.active(), step.active) << step.usable;
  }
  EXPECT_EQ(panic.times(), 2U);
  EXPECT_EQ(panic.since(), now);
}

TEST(Panic, EndsIfJustEnoughStayForAWhile) {
  Panic panic;
  const Panic::Seen few{.copies = 10, .usable = 4};
  const Panic::Seen enough{.copies = 10, .usable = 5};
  panic.step(half, few, start);

  panic.step(half, enough, start + 1s);
  EXPECT_EQ(panic.step(half, enough, start + 10s), Change::none);
  panic.step(half, few, start + 10500ms);
  panic.step(half, enough, start + 11s);
  EXPECT_EQ(panic.step(half, enough, start + 20s), Change::none) << "with a break in between";
  EXPECT_EQ(panic.step(half, enough, start + 21s), Change::ends);
}

TEST(Panic, OfFewCopiesEndsWhenAllAreThere) {
  Panic panic;
  const topology::Panic any{.below = 1};
  EXPECT_EQ(panic.step(any, {.copies = 2, .usable = 2}, start), Change::none);
  EXPECT_EQ(panic.step(any, {.copies = 2, .usable = 1}, start), Change::begins);
  EXPECT_EQ(panic.step(any, {.copies = 2, .usable = 2}, start), Change::ends);

  EXPECT_EQ(panic.step(half, {.copies = 1, .usable = 0}, start), Change::begins);
  EXPECT_EQ(panic.step(half, {.copies = 1, .usable = 1}, start), Change::ends);
}

TEST(Panic, AShareThatIsAWholeNumberOfCopiesIsExact) {
  for (const int tenths : {1, 2, 3, 6, 7, 9}) {
    Panic panic;
    const topology::Panic rule{.below = tenths / 10.0};
    const auto needed = static_cast<std::size_t>(tenths);
    EXPECT_EQ(panic.step(rule, {.copies = 10, .usable = needed}, start), Change::none) << tenths;
    EXPECT_EQ(panic.step(rule, {.copies = 10, .usable = needed - 1}, start), Change::begins);
  }
}

TEST(Panic, IsNeverWhereItIsNotAsked) {
  Panic panic;
  EXPECT_EQ(panic.step({}, {.copies = 3, .usable = 0}, start), Change::none);
  EXPECT_EQ(panic.step(half, {.copies = 0, .usable = 0}, start), Change::none);

  panic.step(half, {.copies = 3, .usable = 0}, start);
  EXPECT_TRUE(panic.active());
  EXPECT_EQ(panic.step({}, {.copies = 3, .usable = 0}, start), Change::ends) << "by a reload";
  panic.step(half, {.copies = 3, .usable = 0}, start);
  EXPECT_EQ(panic.step(half, {.copies = 0, .usable = 0}, start), Change::ends) << "the farm left";
}

TEST(Panic, WaitsUntilEveryCopyWasProbed) {
  Panic panic;
  EXPECT_EQ(panic.step(half, {.copies = 4, .usable = 0, .known = false}, start), Change::none);
  EXPECT_EQ(panic.step(half, {.copies = 4, .usable = 1}, start), Change::begins);
  EXPECT_EQ(panic.step(half, {.copies = 8, .usable = 8, .known = false}, start), Change::none);
}

TEST(AdmittedShare, GivesNoCopyMoreThanIfJustEnoughWereThere) {
  EXPECT_DOUBLE_EQ(admitted_share(0.5, 100, 400), 0.5);
  EXPECT_DOUBLE_EQ(admitted_share(0.5, 10, 400), 0.05);
  EXPECT_DOUBLE_EQ(admitted_share(0.5, 0, 400), 0);
  EXPECT_DOUBLE_EQ(admitted_share(0.5, 200, 400), 1);
  EXPECT_DOUBLE_EQ(admitted_share(0.5, 400, 400), 1);
  EXPECT_DOUBLE_EQ(admitted_share(0, 0, 400), 1);
  EXPECT_DOUBLE_EQ(admitted_share(0.5, 0, 0), 1);
}

}  // namespace
}  // namespace hither::lb::test
