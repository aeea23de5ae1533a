// SPDX-License-Identifier: Apache-2.0
#include "lb/decision_log.h"

#include <gtest/gtest.h>

#include "tests/lb/start.h"

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

TEST(DecisionLog, KeepsABurstAndThenASample) {
  DecisionLog log;
  int wanted = 0;
  for (int i = 0; i < 1000; ++i) wanted += log.wants(/*retry=*/false, start) ? 1 : 0;
  EXPECT_EQ(wanted, DecisionLog::burst);

  wanted = 0;
  for (int ms = 1; ms <= 10'000; ++ms) wanted += log.wants(false, start + ms * 1ms) ? 1 : 0;
  EXPECT_EQ(wanted, 10 * DecisionLog::per_second);
}

TEST(DecisionLog, KeepsAllRetries) {
  DecisionLog log;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(log.wants(/*retry=*/true, start));
}

TEST(DecisionLog, KeepsAllWhileSomebodyWantsToSeeThem) {
  DecisionLog log;
  EXPECT_FALSE(log.records_all(start));
  log.record_all(start + 10s);

  EXPECT_TRUE(log.records_all(start));
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(log.wants(false, start + 9s));
  EXPECT_FALSE(log.records_all(start + 10s));
  int wanted = 0;
  for (int i = 0; i < 1000; ++i) wanted += log.wants(false, start + 10s) ? 1 : 0;
  EXPECT_EQ(wanted, DecisionLog::burst);
}

TEST(DecisionLog, GivesTheNewestFirstAndForgetsTheOldest) {
  DecisionLog log;
  EXPECT_TRUE(log.newest().empty());
  Decision decision;
  for (std::uint32_t i = 1; i <= DecisionLog::kept + 10; ++i) {
    decision.server = i;
    log.add(decision);
  }

  const std::vector<Decision> decisions = log.newest();

  ASSERT_EQ(decisions.size(), DecisionLog::kept);
  EXPECT_EQ(decisions.front().server, DecisionLog::kept + 10);
  EXPECT_EQ(decisions.back().server, 11U);
}

}  // namespace
}  // namespace hither::lb
