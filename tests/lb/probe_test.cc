// SPDX-License-Identifier: Apache-2.0
#include "lb/probe.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hither::lb {
namespace {

using namespace std::chrono_literals;
using Servers = std::vector<std::size_t>;

constexpr Instant start{1h};
const HealthLimits limits{
    .interval = 1s, .fast_interval = 100ms, .timeout = 800ms, .fall = 3, .rise = 2};
const ProbeResult pass{.passed = true, .reason = {}};
const ProbeResult refused{.passed = false, .reason = "Connection refused"};

TEST(Probe, PassesOnAny2xxAndNothingElse) {
  EXPECT_TRUE(judge_http(200, "").passed);
  EXPECT_TRUE(judge_http(299, "").passed);
  EXPECT_EQ(judge_http(301, "").reason, "status 301");
  EXPECT_EQ(judge_http(503, "").reason, "status 503");
  EXPECT_EQ(judge_http(0, "Connection refused").reason, "Connection refused");
  EXPECT_FALSE(judge_http(199, "").passed);
}

TEST(Prober, AsksAllAtOnceAtTheStart) {
  Prober prober(limits, 3, start);

  EXPECT_EQ(prober.due(start), (Servers{0, 1, 2}));
  EXPECT_TRUE(prober.due(start).empty()) << "one probe at a time";
  EXPECT_EQ(prober.next(), never);
}

TEST(Prober, KnowsTheRoomAfterTheLastFirstResult) {
  Prober prober(limits, 2, start);
  prober.due(start);

  prober.on_result(1, refused, start);
  EXPECT_FALSE(prober.first_round_done());
  prober.on_result(0, pass, start);
  EXPECT_TRUE(prober.first_round_done());
}

TEST(Prober, BelievesTheFirstPassAtOnce) {
  Prober prober(limits, 1, start);
  prober.due(start);

  const auto change = prober.on_result(0, pass, start);

  ASSERT_TRUE(change);
  EXPECT_EQ(change->to, Health::State::up);
}

TEST(Prober, SpreadsTheSecondProbesOverTheInterval) {
  Prober prober(limits, 4, start);
  for (const std::size_t i : prober.due(start)) prober.on_result(i, pass, start);

  EXPECT_EQ(prober.due(start + 249ms), Servers{});
  EXPECT_EQ(prober.due(start + 250ms), Servers{0});
  EXPECT_EQ(prober.due(start + 500ms), Servers{1});
  EXPECT_EQ(prober.due(start + 750ms), Servers{2});
  EXPECT_EQ(prober.due(start + 1s), Servers{3});
}

TEST(Prober, KeepsTheSpreadAfterwards) {
  Prober prober(limits, 2, start);
  for (const std::size_t i : prober.due(start)) prober.on_result(i, pass, start);
  prober.due(start + 500ms);
  prober.on_result(0, pass, start + 500ms);

  EXPECT_EQ(prober.due(start + 1s), Servers{1});
  EXPECT_EQ(prober.due(start + 1500ms), Servers{0});
}

TEST(Prober, HurriesWhileResultsDisagree) {
  Prober prober(limits, 1, start);
  prober.due(start);
  prober.on_result(0, pass, start);
  prober.due(start + 1s);

  prober.on_result(0, refused, start + 1s);

  EXPECT_EQ(prober.next(), start + 1100ms);
  prober.due(start + 1100ms);
  EXPECT_FALSE(prober.on_result(0, refused, start + 1100ms));
  prober.due(start + 1200ms);
  const auto change = prober.on_result(0, refused, start + 1200ms);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->to, Health::State::down);
  EXPECT_EQ(prober.last_failure(0), "Connection refused");
}

}  // namespace
}  // namespace hither::lb
