// SPDX-License-Identifier: Apache-2.0
#include "lb/keepalive_horizon.h"

#include <gtest/gtest.h>

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

TEST(KeepaliveHorizon, StaysBelowWhatTheServerDidTwice) {
  KeepaliveHorizon horizon(4s);

  horizon.closed_after(1000ms);
  EXPECT_EQ(horizon.limit(), 4s) << "once is chance";
  horizon.closed_after(1010ms);

  EXPECT_EQ(horizon.limit(), 800ms);
}

TEST(KeepaliveHorizon, ARestartTeachesNothing) {
  KeepaliveHorizon horizon(4s);

  for (const auto idle : {100ms, 3000ms, 1500ms, 700ms, 2ms}) horizon.closed_after(idle);

  EXPECT_EQ(horizon.limit(), 4s);
}

TEST(KeepaliveHorizon, NeverGrowsBeyondOurs) {
  KeepaliveHorizon horizon(4s);

  for (int i = 0; i < 1000; ++i) horizon.outlived();
  horizon.closed_after(60s);
  horizon.closed_after(60s);

  EXPECT_EQ(horizon.limit(), 4s);
}

TEST(KeepaliveHorizon, TriesAgainWhatOutlivesIt) {
  KeepaliveHorizon horizon(4s);
  horizon.closed_after(1s);
  horizon.closed_after(1s);

  for (int i = 0; i < 63; ++i) horizon.outlived();
  EXPECT_EQ(horizon.limit(), 800ms);
  horizon.outlived();
  EXPECT_EQ(horizon.limit(), 881ms);

  horizon.closed_after(850ms);
  horizon.closed_after(850ms);
  EXPECT_EQ(horizon.limit(), 680ms);
}

TEST(KeepaliveHorizon, ForgetsAServerThatWentDown) {
  KeepaliveHorizon horizon(4s);
  horizon.closed_after(1s);
  horizon.closed_after(1s);

  horizon.forget();

  EXPECT_EQ(horizon.limit(), 4s);
}

}  // namespace
}  // namespace hither::lb
