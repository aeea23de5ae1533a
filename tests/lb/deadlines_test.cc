// SPDX-License-Identifier: Apache-2.0
#include "lb/deadlines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "tests/lb/start.h"

namespace hither::lb {
namespace {

using namespace std::chrono_literals;
using Entry = Deadlines::Entry;

std::vector<Entry*> expired(Deadlines& wheel, Instant now) {
  std::vector<Entry*> out;
  wheel.expired(now, out);
  return out;
}

TEST(Deadlines, ReportsADeadlineOnceItHasCome) {
  Deadlines wheel;
  Entry entry;
  wheel.set(entry, start + 1s);

  EXPECT_TRUE(expired(wheel, start + 999ms).empty());
  EXPECT_EQ(expired(wheel, start + 1s), std::vector<Entry*>{&entry});
  EXPECT_TRUE(expired(wheel, start + 2s).empty());
}

TEST(Deadlines, FollowsOneThatMoves) {
  Deadlines wheel;
  Entry entry;
  wheel.set(entry, start + 60s);
  wheel.set(entry, start + 1s);
  EXPECT_EQ(expired(wheel, start + 1s).size(), 1U);

  wheel.set(entry, start + 2s);
  wheel.set(entry, start + 60s);
  EXPECT_TRUE(expired(wheel, start + 59s).empty());
  EXPECT_EQ(expired(wheel, start + 60s).size(), 1U);
}

TEST(Deadlines, ForgetsWhatIsTakenBackOrGone) {
  Deadlines wheel;
  Entry entry;
  wheel.set(entry, start + 1s);
  wheel.set(entry, never);
  {
    Entry gone;
    wheel.set(gone, start + 1s);
  }

  EXPECT_TRUE(expired(wheel, start + 10s).empty());
  EXPECT_EQ(wheel.next(start), never);
}

TEST(Deadlines, ReportsOneThatWasAlreadyDue) {
  Deadlines wheel;
  Entry entry;
  expired(wheel, start + 10s);
  wheel.set(entry, start);

  EXPECT_LE(wheel.next(start + 10s), start + 10s + Deadlines::tick);
  EXPECT_EQ(expired(wheel, start + 10s + Deadlines::tick).size(), 1U);
}

TEST(Deadlines, AgreeWithAPlainListOverALongRandomRun) {
  Deadlines wheel;
  std::vector<Entry> entries(50);
  std::vector<Instant> wanted(50, never);
  Rng rng(11);
  Instant now = start;
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t i = rng.below(entries.size());
    // From the past to several turns of the wheel ahead.
    wanted[i] = now + std::chrono::milliseconds(rng.below(90'000)) - 100ms;
    wheel.set(entries[i], wanted[i]);

    const Instant next = wheel.next(now);
    const Instant earliest = *std::ranges::min_element(wanted);
    ASSERT_LE(next, std::max(earliest, now) + Deadlines::tick) << "too late at step " << step;
    if (rng.below(4) == 0) now = std::max(now, next);
    now += std::chrono::milliseconds(rng.below(30));

    std::vector<Entry*> due;
    wheel.expired(now, due);
    for (const Entry* entry : due) {
      const auto at = static_cast<std::size_t>(entry - entries.data());
      ASSERT_LE(wanted[at], now);
      wanted[at] = never;
    }
    for (const Instant when : wanted) ASSERT_GT(when, now) << "missed at step " << step;
  }
}

}  // namespace
}  // namespace hither::lb
