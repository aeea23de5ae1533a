// SPDX-License-Identifier: Apache-2.0
#include "dns/room_watch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/dns/support.h"

namespace hither::dns::room_watch_test {
namespace {

using namespace std::chrono_literals;

using Rooms = std::vector<std::uint16_t>;
constexpr std::uint16_t fra = 0;
constexpr std::uint16_t iad = 1;
constexpr std::uint16_t nrt = 2;

Instant at(Duration since_start) { return Instant{} + since_start; }

ProbeResult passes(const std::string& room, std::int64_t usable = 3, bool draining = false) {
  return {.passed = false,
          .report = RoomReport{.room = room,
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

TEST(RoomWatch, WhatWeLackedTheMeansToAskSaysNothing) {
  const ProbeResult lacking{.report = std::nullopt, .ours = true, .reason = "Too many open files"};
  RoomWatch watch = make_ready_watch();
  Instant now = at(500ms);
  for (int i = 0; i < 10; ++i) {
    const Rooms due = watch.take_due(now);
    ASSERT_FALSE(due.empty()) << "it is asked again after the fast interval";
    ASSERT_EQ(due.back(), nrt);
    EXPECT_EQ(in_words(watch.on_result(nrt, lacking, now)), "");
    now += 100ms;
  }
  EXPECT_EQ(watch.take_due(now), Rooms{nrt});
  EXPECT_EQ(watch.states().at(nrt, 0).state, RoomState::up);
  EXPECT_EQ(watch.states().at(nrt, 0).reason, "");

  RoomWatch fresh = make_watch();
  fresh.take_due(at(0s));
  for (const std::uint16_t room : {fra, iad, nrt}) fresh.on_result(room, lacking, at(0s));
  EXPECT_FALSE(fresh.complete()) << "nobody was heard of";
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

constexpr auto report_kind = topology::ProbeRule::Kind::report;
constexpr auto http = topology::ProbeRule::Kind::http;
constexpr auto tcp = topology::ProbeRule::Kind::tcp;

/// The world of the tests with a second farm, api, in fra; probed there as said.
topology::Description with_api(const topology::ProbeRule& probe) {
  topology::Description description = testing::make_description();
  description.farms.push_back("api");
  description.rooms[fra].farms.push_back({.name = "api", .port = 9000, .probe = probe});
  return description;
}

TEST(RoomWatch, AsksForOneReportARoomAndEachOtherFarmByItself) {
  topology::Description description = with_api({.kind = http, .path = "/up", .host = "a.test"});
  const RoomWatch watch(description, Instant{});

  ASSERT_EQ(watch.probes(), 4U);
  EXPECT_EQ(watch.probe(0).kind, report_kind);
  EXPECT_EQ(to_text(watch.probe(0).target), "127.10.0.1:7070");
  EXPECT_EQ(watch.probe(0).path, "/health");
  EXPECT_EQ(watch.probe(1).kind, http);
  EXPECT_EQ(to_text(watch.probe(1).target), "127.10.0.1:9000");
  EXPECT_EQ(watch.probe(1).path, "/up");
  EXPECT_EQ(watch.probe(1).host, "a.test");
  EXPECT_EQ(watch.probe(2).room, iad);
}

TEST(RoomWatch, TheHostOfAProbeIsItsTargetUnlessOneIsGiven) {  // RFC 9110 s7.2
  topology::Description description = with_api({.kind = http, .port = 9100});
  const RoomWatch ipv4(description, Instant{});
  EXPECT_EQ(ipv4.probe(0).host, "127.10.0.1:7070");
  EXPECT_EQ(ipv4.probe(1).host, "127.10.0.1:9100");

  description.rooms[fra].address = {*parse_address("2001:db8::1")};
  const RoomWatch ipv6(description, Instant{});
  EXPECT_EQ(ipv6.probe(0).host, "[2001:db8::1]:7070");
  EXPECT_EQ(ipv6.probe(1).host, "[2001:db8::1]:9100");
}

TEST(RoomWatch, WhereAFarmDemandsAProxyHeaderItsProbeHasOne) {
  topology::Description description = with_api({.kind = http});
  EXPECT_EQ(RoomWatch(description, Instant{}).probe(1).preamble, "");

  description.rooms[fra].farms.back().accept_proxy = true;
  EXPECT_EQ(RoomWatch(description, Instant{}).probe(1).preamble, "PROXY UNKNOWN\r\n");
  EXPECT_EQ(RoomWatch(description, Instant{}).probe(0).preamble, "") << "the status page does not";

  description.rooms[fra].farms.back().probe.port = 9100;
  EXPECT_EQ(RoomWatch(description, Instant{}).probe(1).preamble, "") << "nor another program";
}

TEST(RoomWatch, AnOwnProbeMayHaveItsOwnPort) {
  const RoomWatch watch(with_api({.kind = tcp, .port = 9100}), Instant{});
  EXPECT_EQ(watch.probe(1).kind, tcp);
  EXPECT_EQ(to_text(watch.probe(1).target), "127.10.0.1:9100");
}

TEST(RoomWatch, WhatCannotReportIsUpWhileItAnswers) {
  RoomWatch watch(with_api({.kind = tcp}), Instant{});

  watch.on_result(1, {.passed = true}, at(0s));
  EXPECT_EQ(watch.states().at(fra, 1).state, RoomState::up);
  EXPECT_EQ(watch.states().at(fra, 1).usable, 1);
  EXPECT_EQ(watch.states().at(fra, 0).state, RoomState::down) << "the report is another probe";

  watch.on_result(1, {.reason = "timed out"}, at(1s));
  EXPECT_EQ(watch.states().at(fra, 1).state, RoomState::up);
  watch.on_result(1, {.reason = "timed out"}, at(2s));
  EXPECT_EQ(watch.states().at(fra, 1).state, RoomState::down);
  EXPECT_EQ(watch.states().at(fra, 1).reason, "timed out");
}

TEST(RoomWatch, WhatIsMeasuredIsTheState) {
  const RoomWatch watch = make_ready_watch();
  EXPECT_EQ(watch.states().at(nrt, 0).measured, RoomState::up);
  EXPECT_EQ(watch.states().at(nrt, 0).measured_since, at(0s));
}

TEST(RoomWatch, ANewDescriptionKeepsTheRoomsThatStay) {
  RoomWatch before = make_ready_watch();
  before.on_result(fra, fails("x"), at(1s));
  before.on_result(fra, fails("x"), at(2s));
  before.on_result(iad, fails("x"), at(2s));  // One failure of two.
  topology::Description description = testing::make_description();
  std::swap(description.rooms[0], description.rooms[2]);
  description.rooms[1].name = "lhr";

  RoomWatch after(description, at(3s), &before);

  EXPECT_EQ(after.states().at(0, 0), before.states().at(nrt, 0));
  EXPECT_EQ(after.states().at(2, 0), before.states().at(fra, 0));
  EXPECT_EQ(after.states().at(1, 0).state, RoomState::down) << "lhr was never probed";
  EXPECT_TRUE(after.complete()) << "the first round is not played again";
  const Rooms due = after.take_due(at(3s));
  EXPECT_NE(std::ranges::find(due, 1), due.end()) << "but the new room is asked at once";
}

TEST(RoomWatch, ARoomThatIsAskedElsewhereBeginsAnew) {
  const RoomWatch before = make_ready_watch();
  topology::Description description = testing::make_description();
  description.rooms[nrt].admin = *parse_endpoint("127.12.0.1:7071");

  const RoomWatch after(description, at(3s), &before);

  EXPECT_EQ(after.states().at(nrt, 0).state, RoomState::down);
  EXPECT_EQ(after.states().at(fra, 0).state, RoomState::up);
}

TEST(RoomWatch, CountsGoOnUnderNewLimits) {
  RoomWatch before = make_ready_watch();
  before.on_result(nrt, fails("x"), at(1s));
  topology::Description description = testing::make_description();
  description.dns.health.fall = 3;

  RoomWatch after(description, at(1s), &before);

  after.on_result(nrt, fails("x"), at(2s));
  EXPECT_EQ(after.states().at(nrt, 0).state, RoomState::up);
  after.on_result(nrt, fails("x"), at(3s));
  EXPECT_EQ(after.states().at(nrt, 0).state, RoomState::down);
}

TEST(RoomWatch, AProbeOnItsWayWhenTheDescriptionChangesStaysSo) {
  RoomWatch before = make_ready_watch();
  before.take_due(at(170ms));  // fra
  topology::Description description = testing::make_description();
  std::swap(description.rooms[0], description.rooms[2]);

  RoomWatch after(description, at(180ms), &before);

  EXPECT_EQ(after.take_due(at(180ms)), Rooms{});
  EXPECT_EQ(after.kept(2), fra);
  EXPECT_EQ(after.kept(0), std::nullopt);
  RoomWatch later(testing::make_description(), at(190ms), &after);
  EXPECT_EQ(later.kept(fra), 2);
  later.on_result(fra, fails("timed out"), at(600ms));
  EXPECT_EQ(later.states().at(fra, 0).reason, "timed out");
  EXPECT_EQ(later.take_due(at(700ms)), (Rooms{fra, iad, nrt}));
}

TEST(RoomWatch, AProbeOnItsWayOfWhatIsAskedElsewhereNowIsSentAgain) {
  RoomWatch before = make_watch();
  before.take_due(at(0s));
  topology::Description description = testing::make_description();
  description.rooms[nrt].admin = *parse_endpoint("127.12.0.1:7071");

  RoomWatch after(description, at(1s), &before);

  EXPECT_EQ(after.take_due(at(1s)), Rooms{nrt});
  EXPECT_EQ(after.kept(nrt), std::nullopt);
}

TEST(RoomWatch, FarmsThatAreAskedInOneWayAreNotTakenForEachOther) {
  topology::Description description = with_api({.kind = tcp, .port = 9100});
  description.rooms[fra].farms[0].probe = {.kind = tcp, .port = 9100};
  RoomWatch before(description, Instant{});
  before.on_result(0, {.passed = true}, at(0s));
  before.on_result(1, {.passed = true}, at(0s));
  before.take_due(at(2s));

  RoomWatch after(description, at(2s), &before);

  EXPECT_EQ(after.states().at(fra, 0).state, RoomState::up);
  EXPECT_EQ(after.states().at(fra, 1).state, RoomState::up);
  EXPECT_EQ(after.kept(0), 0);
  EXPECT_EQ(after.kept(1), 1);
}

TEST(Probe, AnyStatusWithAReportCounts) {
  const std::string report = to_json(*passes("nrt", 0).report);
  EXPECT_TRUE(read_probe(report_kind, 200, report, "").report);
  EXPECT_TRUE(read_probe(report_kind, 503, report, "").report);
}

TEST(Probe, AnythingElseHasAReason) {
  EXPECT_EQ(read_probe(report_kind, 0, "", "Connection refused").reason, "Connection refused");
  EXPECT_EQ(read_probe(report_kind, 200, "<html>", "").reason,
            "status 200: the report is not a JSON object");
}

TEST(Probe, HttpPassesWith2xxOnly) {
  for (const int status : {200, 204, 299}) EXPECT_TRUE(read_probe(http, status, "", "").passed);
  for (const int status : {199, 301, 404, 500, 503}) {
    EXPECT_FALSE(read_probe(http, status, "", "").passed);
    EXPECT_EQ(read_probe(http, status, "", "").reason, fmt::format("status {}", status));
  }
  EXPECT_FALSE(read_probe(http, 0, "", "timed out").passed);
}

TEST(Probe, TcpPassesWithAConnection) {
  EXPECT_TRUE(read_probe(tcp, 0, "", "").passed);
  EXPECT_FALSE(read_probe(tcp, 0, "", "Connection refused").passed);
}

}  // namespace
}  // namespace hither::dns::room_watch_test
