// SPDX-License-Identifier: Apache-2.0
#include "dns/room_watch.h"

#include <gtest/gtest.h>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using namespace std::chrono_literals;

using Rooms = std::vector<std::uint16_t>;
constexpr std::uint16_t fra = 0;
constexpr std::uint16_t iad = 1;
constexpr std::uint16_t nrt = 2;

Instant at(Duration since_start) { return Instant{} + since_start; }

ProbeResult passes(const std::string& room, std::int64_t usable = 3, bool draining = false) {
  return {.report = RoomReport{.room = room,
                               .draining = draining,
                               .farms = {{.farm = "web",
                                          .copies = 3,
                                          .usable = usable,
                                          .capacity = 300,
                                          .load = 12}}},
          .reason = {}};
}

ProbeResult fails(const std::string& reason) { return {.report = std::nullopt, .reason = reason}; }

RoomWatch make_watch() { return RoomWatch(testing::make_description(), Instant{}); }

/// A watch whose three rooms have passed their first probe at 0 s.
RoomWatch make_ready_watch() {
  RoomWatch watch = make_watch();
  watch.take_due(at(0s));
  watch.on_result(fra, passes("fra"), at(0s));
  watch.on_result(iad, passes("iad"), at(0s));
  watch.on_result(nrt, passes("nrt"), at(0s));
  return watch;
}

std::string in_words(const std::vector<LogRecord>& records) {
  std::string lines;
  for (const LogRecord& record : records) lines += to_text(record) + "\n";
  return lines;
}

TEST(RoomWatch, ProbesAllRoomsAtOnceAtFirst) {
  RoomWatch watch = make_watch();
  EXPECT_EQ(watch.deadline(), at(0s));
  EXPECT_EQ(watch.take_due(at(0s)), (Rooms{fra, iad, nrt}));
}

TEST(RoomWatch, DoesNotProbeARoomTwiceAtOnce) {
  RoomWatch watch = make_watch();
  watch.take_due(at(0s));
  EXPECT_EQ(watch.take_due(at(10s)), Rooms{});
  EXPECT_EQ(watch.deadline(), never);
}

TEST(RoomWatch, SpreadsTheNextProbesOverTheInterval) {
  RoomWatch watch = make_ready_watch();
  EXPECT_EQ(watch.take_due(at(166ms)), Rooms{});
  EXPECT_EQ(watch.take_due(at(167ms)), Rooms{fra});
  EXPECT_EQ(watch.take_due(at(334ms)), Rooms{iad});
  EXPECT_EQ(watch.take_due(at(500ms)), Rooms{nrt});

  watch.on_result(fra, passes("fra"), at(170ms));
  EXPECT_EQ(watch.deadline(), at(670ms)) << "and from then on by the interval";
}

TEST(RoomWatch, TheFirstRoundIsOverWhenEveryRoomWasHeardOfOnce) {
  RoomWatch watch = make_watch();
  watch.take_due(at(0s));
  watch.on_result(fra, passes("fra"), at(0s));
  watch.on_result(iad, fails("timed out"), at(400ms));
  EXPECT_FALSE(watch.complete());

  EXPECT_EQ(in_words(watch.on_result(nrt, passes("nrt"), at(400ms))),
            "room-up room=nrt farm=web usable=3 copies=3\nfirst-round rooms=3 up=2\n");
  EXPECT_TRUE(watch.complete());
}

TEST(RoomWatch, OnePassBringsUpWhatWasNeverUp) {
  const RoomWatch watch = make_ready_watch();
  EXPECT_EQ(watch.states().at(nrt, 0).state, RoomState::up);
  EXPECT_EQ(watch.states().at(nrt, 0).capacity, 300);
  EXPECT_EQ(watch.states().at(nrt, 0).load, 12);
}

TEST(RoomWatch, ItTakesFallFailuresInARow) {
  RoomWatch watch = make_ready_watch();
  EXPECT_EQ(in_words(watch.on_result(nrt, fails("timed out"), at(1s))), "");
  EXPECT_EQ(watch.states().at(nrt, 0).state, RoomState::up);
  EXPECT_EQ(watch.states().at(nrt, 0).reason, "timed out");

  EXPECT_EQ(in_words(watch.on_result(nrt, fails("Connection refused"), at(1100ms))),
            "room-down room=nrt farm=web reason=\"Connection refused\"\n");
  EXPECT_EQ(watch.states().at(nrt, 0).state, RoomState::down);
  EXPECT_EQ(watch.states().at(nrt, 0).since, at(1100ms));
}

TEST(RoomWatch, AFailureIsLookedIntoAtTheFastInterval) {
  RoomWatch watch = make_ready_watch();
  watch.take_due(at(500ms));
  watch.on_result(fra, passes("fra"), at(500ms));
  watch.on_result(iad, passes("iad"), at(500ms));
  watch.on_result(nrt, fails("timed out"), at(500ms));
  EXPECT_EQ(watch.deadline(), at(600ms));
  EXPECT_EQ(watch.take_due(at(600ms)), Rooms{nrt});
}

TEST(RoomWatch, ItTakesRisePassesInARowToReturn) {
  RoomWatch watch = make_ready_watch();
  watch.on_result(nrt, fails("x"), at(1s));
  watch.on_result(nrt, fails("x"), at(2s));
  watch.on_result(nrt, passes("nrt"), at(3s));
  EXPECT_EQ(watch.states().at(nrt, 0).state, RoomState::down);
  EXPECT_EQ(watch.states().at(nrt, 0).reason, "x") << "still why it is down";
  watch.on_result(nrt, passes("nrt"), at(4s));
  EXPECT_EQ(watch.states().at(nrt, 0).state, RoomState::up);
  EXPECT_EQ(watch.states().at(nrt, 0).reason, "");
}

TEST(RoomWatch, WhatIsNoPassSaysWhy) {
  struct Row {
    ProbeResult result;
    std::string reason;
  };
  ProbeResult other_farm = passes("nrt");
  other_farm.report->farms[0].farm = "api";
  for (const Row& row :
       {Row{fails("timed out"), "timed out"}, Row{passes("nrt", 0), "no usable copy"},
        Row{passes("fra"), "the balancer says it is of room 'fra'"},
        Row{other_farm, "the balancer knows no farm 'web'"}}) {
    RoomWatch watch = make_watch();
    watch.on_result(nrt, row.result, at(0s));
    EXPECT_EQ(watch.states().at(nrt, 0).state, RoomState::down);
    EXPECT_EQ(watch.states().at(nrt, 0).reason, row.reason);
  }
}

TEST(RoomWatch, FarmsOfARoomAreBelievedApart) {
  topology::Description description = testing::make_description();
  description.farms.push_back("api");
  description.rooms[nrt].farms.push_back({.name = "api"});
  RoomWatch watch(description, Instant{});
  ProbeResult result = passes("nrt");
  result.report->farms.push_back({.farm = "api", .copies = 2, .usable = 0});

  watch.on_result(nrt, result, at(0s));

  EXPECT_EQ(watch.states().at(nrt, 0).state, RoomState::up);
  EXPECT_EQ(watch.states().at(nrt, 1).state, RoomState::down);
  EXPECT_FALSE(watch.states().at(fra, 1).runs);
}

TEST(RoomWatch, DrainingBeginsAndEndsWithTheFirstReport) {
  RoomWatch watch = make_ready_watch();
  EXPECT_EQ(in_words(watch.on_result(nrt, passes("nrt", 3, true), at(1s))),
            "room-draining room=nrt farm=web\n");
  EXPECT_EQ(watch.states().at(nrt, 0).state, RoomState::draining);

  watch.on_result(nrt, fails("timed out"), at(2s));
  EXPECT_EQ(watch.states().at(nrt, 0).state, RoomState::draining) << "one failure says nothing";

  watch.on_result(nrt, passes("nrt"), at(3s));
  EXPECT_EQ(watch.states().at(nrt, 0).state, RoomState::up);
}

TEST(RoomWatch, SaysHowLongStatesHold) {
  RoomWatch watch = make_ready_watch();
  EXPECT_EQ(watch.states().at(nrt, 0).holds_for, 600ms) << "interval + (fall - 1) fast intervals";
  watch.on_result(nrt, fails("x"), at(1s));
  EXPECT_LE(watch.states().at(nrt, 0).holds_for, 500ms) << "the next probe decides";
}

TEST(RoomWatch, RoomsWithoutFarmsAreNotWaitedFor) {
  topology::Description description = testing::make_description();
  description.rooms[nrt].farms.clear();
  RoomWatch watch(description, Instant{});
  EXPECT_EQ(watch.take_due(at(0s)), (Rooms{fra, iad}));
  watch.on_result(fra, passes("fra"), at(0s));
  watch.on_result(iad, passes("iad"), at(0s));
  EXPECT_TRUE(watch.complete());
}

TEST(Probe, AnyStatusWithAReportCounts) {
  const std::string report = to_json(*passes("nrt", 0).report);
  EXPECT_TRUE(read_probe(200, report, "").report);
  EXPECT_TRUE(read_probe(503, report, "").report);
}

TEST(Probe, AnythingElseHasAReason) {
  EXPECT_EQ(read_probe(0, "", "Connection refused").reason, "Connection refused");
  EXPECT_EQ(read_probe(200, "<html>", "").reason, "status 200: the report is not a JSON object");
}

}  // namespace
}  // namespace hither::dns
