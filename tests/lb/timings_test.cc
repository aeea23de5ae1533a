// SPDX-License-Identifier: Apache-2.0
//
// What becomes of the times of requests, through whole stories.
#include "lb/timings.h"

#include "tests/lb/http_traps.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

std::uint64_t count_of(Story& story, Stage stage) { return story.farm().times(stage).count(); }

TEST(Timings, EveryStageOfARequestCountsForItsFarmAndCopy) {
  Story story;
  story.client_says("GET / HTTP/1.1\r\n").time_passes(1s).client_says("Host: a.test\r\n\r\n");
  story.time_passes(256ms).backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  story.time_passes(512ms).backend_says("hello");

  for (const Stage stage : stages) {
    EXPECT_EQ(story.farm().times(stage).count(), 1U) << to_text(stage);
    EXPECT_EQ(story.farm().server(0).times(stage).count(), 1U) << to_text(stage);
  }
  EXPECT_EQ(story.farm().times(Stage::queue).sum(), 0s);
  EXPECT_EQ(story.farm().times(Stage::response).sum(), 256ms);
  EXPECT_EQ(story.farm().times(Stage::total).sum(), 1768ms);
}

TEST(Timings, ACopyAnswersForItsOwnConnectAndTheFarmForAll) {
  Story story({.servers = 2});
  story.connects("silent").client_says(get);
  story.connects("taken").time_passes(2s).backend_says(hello);

  EXPECT_EQ(story.farm().times(Stage::connect).sum(), 2s);
  EXPECT_EQ(story.farm().server(0).times(Stage::connect).count(), 0U) << "it took none";
  EXPECT_EQ(story.farm().server(1).times(Stage::connect).count(), 1U);
  EXPECT_EQ(story.farm().server(1).times(Stage::connect).sum(), 0s);
}

TEST(Timings, AnIdleConnectionIsNoConnect) {
  Story story;
  story.client_says(get).backend_says(hello).client_says(get).backend_says(hello);

  EXPECT_EQ(count_of(story, Stage::connect), 1U);
  EXPECT_EQ(count_of(story, Stage::response), 2U);
}

TEST(Timings, WhatWasNeverReachedCountsNowhere) {
  Story story;
  story.client_says(get).time_passes(30s);

  EXPECT_EQ(count_of(story, Stage::response), 0U) << "a 504 is ours";
  EXPECT_EQ(story.farm().times(Stage::total).sum(), 30s);
}

TEST(Timings, WhoAskedNothingTookNoTime) {
  Story story;
  story.client_says("GET").time_passes(10s);
  Story refused;
  refused.client_says("GET /\r\n\r\n");

  EXPECT_EQ(count_of(story, Stage::total), 0U);
  EXPECT_EQ(count_of(refused, Stage::total), 0U);
}

TEST(RecentTimings, TurnWhenTheirTimeHasCome) {
  Story story;
  Farm& farm = story.farm();
  farm.step_recent(story.now());
  story.client_says(get).backend_says(hello);
  farm.step_recent(story.now() + 29s);
  farm.step_recent(story.now() + 30s);
  EXPECT_EQ(farm.recent(Stage::total).count(), 1U);

  farm.step_recent(story.now() + 59s);
  EXPECT_EQ(farm.server(0).recent(Stage::total).count(), 1U);
  farm.step_recent(story.now() + 60s);

  EXPECT_EQ(farm.recent(Stage::total).count(), 0U);
  EXPECT_EQ(farm.server(0).recent(Stage::total).count(), 0U);
  EXPECT_EQ(farm.times(Stage::total).count(), 1U);
}

}  // namespace
}  // namespace hither::lb::test
