// SPDX-License-Identifier: Apache-2.0
#include "lb/handover_memory.h"

#include <gtest/gtest.h>

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

/// A farm of three copies as one process knows it.
struct Known {
  explicit Known(const Farm::Copies& copies, Instant now)
      : farm("fra", description(), copies, 1),
        prober(description().health.limits, copies.size(), now),
        outliers(description().outlier, copies.size()) {}

  static topology::Farm description() {
    topology::Farm farm;
    farm.name = "web";
    farm.health.limits = {
        .interval = 10s, .fast_interval = 1s, .timeout = 1s, .fall = 2, .rise = 2};
    farm.outlier.most = 2;
    farm.slow_start = 10s;
    farm.concurrency = {.most = 200, .adaptive = true, .least = 8};
    farm.capacity = 40;
    return farm;
  }

  void probe(std::size_t server, bool passed, Instant now) {
    prober.on_result(server, {.passed = passed, .reason = passed ? "" : "status 503"}, now);
    farm.set_usable(server, prober.health(server).up());
    farm.server(server).resolve(*parse_endpoint("127.0.0.1:9"));
  }
  /// It passes or fails as often as is needed.
  void becomes(std::size_t server, bool up, Instant now) {
    while (prober.health(server).up() != up) {
      prober.hurry(server, now);
      prober.due(now);
      probe(server, up, now);
    }
  }
  /// Nothing is heard of any, until that means that they are down.
  void all_fall_silent(Instant now) {
    for (int i = 0; i < prober.limits().fall; ++i) {
      for (std::size_t server = 0; server < farm.size(); ++server) {
        prober.hurry(server, now);
        prober.due(now);
        prober.on_result(server, {.passed = false, .silent = true, .reason = "timed out"}, now);
      }
    }
  }
  RoomMemory memory(Instant now) const {
    const FarmView view{.farm = &farm, .prober = &prober, .outliers = &outliers};
    return remember({.room = "fra", .draining = false, .farms = {&view, 1}, .reloads = nullptr},
                    now);
  }

  Farm farm;
  Prober prober;
  Outliers outliers;
};

const Farm::Copies three = {
    {"web-1", "127.0.0.1:1"}, {"web-2", "127.0.0.1:2"}, {"web-3", "127.0.0.1:3"}};

TEST(HandoverMemory, WhatOneProcessKnowsTheNextKnows) {
  const Instant before(1000s);
  Known old(three, before);
  old.prober.due(before);
  old.probe(0, true, before);
  old.probe(1, true, before);
  old.probe(2, false, before + 1s);
  std::vector<Outliers::Seen> seen(3);
  seen[0].candidate = seen[1].candidate = true;
  seen[1].streak = 99;
  ASSERT_EQ(old.outliers.step(seen, before + 2s).size(), 1U);
  old.farm.inherit_feedback(0, {.peak = 80ms, .mean = 20ms, .pace = 5ms}, before + 4s);

  const Instant then = before + 4s;
  const auto memory = parse_room_memory(to_json(old.memory(then)));
  ASSERT_TRUE(memory);
  Known fresh(three, then);
  EXPECT_EQ(recall(memory->farms.at(0), fresh.farm, fresh.prober, fresh.outliers, then), 3U);

  EXPECT_TRUE(fresh.prober.first_round_done()) << "so it is ready at once";
  EXPECT_TRUE(fresh.farm.server(0).usable());
  EXPECT_TRUE(fresh.farm.server(1).healthy());
  EXPECT_EQ(fresh.farm.server(1).standing(), Standing::ejected);
  EXPECT_EQ(fresh.outliers.copy(1).until, old.outliers.copy(1).until);
  EXPECT_EQ(fresh.outliers.copy(1).reason, old.outliers.copy(1).reason);
  EXPECT_EQ(fresh.outliers.record(1).length, old.outliers.record(1).length);
  EXPECT_FALSE(fresh.farm.server(2).healthy());
  EXPECT_EQ(fresh.prober.last_failure(2), "status 503");
  EXPECT_EQ(fresh.prober.health(0).since(), before);
  EXPECT_EQ(fresh.farm.server(0).endpoint(), *parse_endpoint("127.0.0.1:9"));
  EXPECT_NEAR(static_cast<double>(fresh.farm.server(0).feedback().mean(then) / 1us), 20'000, 100);
  EXPECT_NEAR(static_cast<double>(fresh.farm.server(0).feedback().peak(then) / 1us), 80'000, 100);
  EXPECT_LE(fresh.prober.next(), then + 10s) << "all are probed within the interval";
  EXPECT_GT(fresh.prober.next(), then);
}

TEST(HandoverMemory, AnotherCopyInTheSamePlaceIsProbed) {
  const Instant now(1000s);
  Known old(three, now);
  old.prober.due(now);
  for (const std::size_t copy : {0U, 1U, 2U}) old.probe(copy, true, now);
  const Farm::Copies others = {{"web-1", "127.0.0.1:1"}, {"web-2", "127.0.0.1:7"}};
  Known fresh(others, now);

  EXPECT_EQ(recall(old.memory(now).farms.at(0), fresh.farm, fresh.prober, fresh.outliers, now), 1U);

  EXPECT_TRUE(fresh.farm.server(0).usable());
  EXPECT_FALSE(fresh.farm.server(1).usable());
  EXPECT_FALSE(fresh.prober.first_round_done());
  EXPECT_EQ(fresh.prober.due(now), std::vector<std::size_t>{1});
}

TEST(HandoverMemory, ACopyThatStartsSlowlyGoesOnWhereItWas) {
  const Instant before(1000s);
  Known old(three, before);
  for (const std::size_t copy : {0U, 1U, 2U}) old.becomes(copy, true, before);
  old.farm.step_allotments(before, true);
  for (const std::size_t copy : {1U, 2U}) old.becomes(copy, false, before + 1s);
  old.farm.step_allotments(before + 1s, true);
  old.becomes(1, true, before + 2s);
  old.farm.step_allotments(before + 2s, true);

  const Instant then = before + 6s;
  const auto memory = parse_room_memory(to_json(old.memory(then)));
  ASSERT_TRUE(memory);
  Known fresh(three, then);
  EXPECT_EQ(recall(memory->farms.at(0), fresh.farm, fresh.prober, fresh.outliers, then), 3U);
  EXPECT_EQ(fresh.farm.server(1).weight(), 10U) << "no moment with more than it should have";

  fresh.farm.step_allotments(then, true);
  EXPECT_EQ(fresh.farm.server(0).share(), 1);
  EXPECT_DOUBLE_EQ(fresh.farm.server(1).share(), 0.4);
  EXPECT_EQ(fresh.farm.server(1).weight(), 40U);
  EXPECT_EQ(fresh.farm.server(2).share(), 0) << "it is out";
  fresh.becomes(2, true, then + 1s);
  fresh.farm.step_allotments(then + 1s, true);
  fresh.farm.step_allotments(then + 5s, true);
  EXPECT_DOUBLE_EQ(fresh.farm.server(1).share(), 0.9);
  EXPECT_DOUBLE_EQ(fresh.farm.server(2).share(), 0.4);
}

TEST(HandoverMemory, ACopyThatJoinsThoseThatAreKnownStartsSlowly) {
  const Instant now(1000s);
  Known old(three, now);
  for (const std::size_t copy : {0U, 1U, 2U}) old.becomes(copy, true, now);
  const FarmMemory memory = old.memory(now).farms.at(0);
  const auto share_of_second = [&](const Farm::Copies& copies) {
    Known fresh(copies, now);
    recall(memory, fresh.farm, fresh.prober, fresh.outliers, now);
    for (std::size_t copy = 0; copy < copies.size(); ++copy) fresh.becomes(copy, true, now);
    fresh.farm.step_allotments(now, true);
    return fresh.farm.server(1).share();
  };

  EXPECT_EQ(share_of_second({{"web-1", "127.0.0.1:1"}, {"web-2", "127.0.0.1:7"}}), 0);
  EXPECT_EQ(share_of_second({{"web-1", "127.0.0.1:1"}, {"web-2", "127.0.0.1:3"}}), 1)
      << "it is warm, by another name";
  EXPECT_EQ(share_of_second({{"web-1", "127.0.0.1:8"}, {"web-2", "127.0.0.1:7"}}), 1)
      << "all are new";
}

TEST(HandoverMemory, ALimitThatWasFoundOutIsKept) {
  const Instant now(1000s);
  Known old(three, now);
  for (const std::size_t copy : {0U, 1U, 2U}) old.becomes(copy, true, now);
  RoomMemory memory = old.memory(now);
  EXPECT_EQ(memory.farms[0].copies[0].limit.samples, 0U);
  memory.farms[0].copies[0].limit = {.limit = 123.5, .usual = 20ms, .samples = 600};
  const auto read = parse_room_memory(to_json(memory));
  ASSERT_TRUE(read);

  Known fresh(three, now);
  recall(read->farms.at(0), fresh.farm, fresh.prober, fresh.outliers, now);

  EXPECT_EQ(fresh.farm.server(0).limit(), 123U);
  EXPECT_EQ(fresh.farm.server(1).limit(), 40U);
  EXPECT_EQ(fresh.memory(now).farms[0].copies[0].limit, memory.farms[0].copies[0].limit);
}

TEST(HandoverMemory, CopiesThatTheGuardHoldsAreUpAndHeldAgain) {
  const Instant before(1000s);
  Known old(three, before);
  for (const std::size_t copy : {0U, 1U, 2U}) old.becomes(copy, true, before);
  old.all_fall_silent(before + 5s);
  for (const std::size_t copy : {0U, 1U, 2U}) {
    ASSERT_EQ(old.prober.belief(copy), Prober::Belief::held);
  }

  const Instant then = before + 6s;
  Known fresh(three, then);
  EXPECT_EQ(recall(old.memory(then).farms.at(0), fresh.farm, fresh.prober, fresh.outliers, then),
            3U);
  for (const std::size_t copy : {0U, 1U, 2U}) {
    EXPECT_TRUE(fresh.farm.server(copy).usable()) << copy;
  }
  fresh.all_fall_silent(then + 1s);
  for (const std::size_t copy : {0U, 1U, 2U}) {
    EXPECT_EQ(fresh.prober.belief(copy), Prober::Belief::held) << copy;
  }
}

TEST(HandoverMemory, DocumentsOfOtherVersionsAreUnderstood) {
  const auto memory = parse_room_memory(R"({"room":"fra","generation":3,"moods":["calm"],"farms":[
      {"name":"web","colour":"red","copies":[
        {"name":"web-1","address":"a:1","state":"up","endpoint":"127.0.0.1:1","in_state_s":5,
         "slow_start":{"ramped_s":2.5,"curve":"steep"},"limit":{"found":12.5,"usual_s":1}},
        {"name":"web-2","address":"a:2","state":"dreaming","in_state_s":-4,"outlier":7,
         "slow_start":{"ramped_s":null},"limit":"much"}]}]})");

  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->generation, 3U);
  const std::vector<CopyMemory>& copies = memory->farms.at(0).copies;
  EXPECT_TRUE(copies.at(0).up);
  EXPECT_EQ(copies.at(0).in_state, 5s);
  EXPECT_EQ(copies.at(0).ramped, 2500ms);
  EXPECT_EQ(copies.at(0).limit, (GradientLimit::Learned{.limit = 12.5, .usual = 1s, .samples = 0}));
  EXPECT_FALSE(copies.at(1).ramped);
  EXPECT_EQ(copies.at(1).limit, GradientLimit::Learned{});
  EXPECT_FALSE(copies.at(1).known) << "an unknown state is none";
  EXPECT_EQ(copies.at(1).in_state, 0s);
  EXPECT_EQ(copies.at(1).standing, Standing::good);
}

TEST(HandoverMemory, NonsenseIsNoDocument) {
  for (const char* text : {"", "7", "[]", "{}", R"({"room":7})", R"({"room":"fra")"}) {
    EXPECT_FALSE(parse_room_memory(text)) << text;
  }
  EXPECT_TRUE(parse_room_memory(R"({"room":"fra","farms":"none"})")->farms.empty());
}

}  // namespace
}  // namespace hither::lb
