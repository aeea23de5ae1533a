// SPDX-License-Identifier: Apache-2.0
#include "dns/room_board.h"

#include <gtest/gtest.h>

#include "tests/dns/support.h"

namespace hither::dns::room_board_test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t fra = 0;
constexpr std::uint16_t iad = 1;
constexpr std::uint16_t nrt = 2;
constexpr topology::WallTime wall = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24) + 10h;

Instant at(Duration since_start) { return Instant{} + since_start; }

std::string in_words(const std::vector<LogRecord>& records) {
  std::string lines;
  for (const LogRecord& record : records) lines += to_text(record) + "\n";
  return lines;
}

struct Fixture {
  topology::Description description = testing::make_description();
  RoomBoard board{description, Instant{}};

  Fixture() {
    for (const std::uint16_t room : {fra, iad, nrt}) pass(room, at(0s));
  }
  std::string pass(std::uint16_t room, Instant now) {
    const RoomReport report{.room = description.rooms[room].name,
                            .draining = false,
                            .farms = {{.farm = "web", .copies = 2, .usable = 2}}};
    return in_words(board.on_result(room, {.report = report, .reason = {}}, now));
  }
  std::string fail(std::uint16_t room, Instant now) {
    return in_words(board.on_result(room, {.report = std::nullopt, .reason = "timed out"}, now));
  }
  std::string report_no_copy(std::uint16_t room, Instant now) {
    const RoomReport report{.room = description.rooms[room].name,
                            .draining = false,
                            .farms = {{.farm = "web", .copies = 2, .usable = 0}}};
    return in_words(board.on_result(room, {.report = report, .reason = {}}, now));
  }
  /// As often as it takes to be believed.
  void lose(std::uint16_t room, Instant now) {
    fail(room, now);
    fail(room, now + 100ms);
  }
  std::string override_room(const std::string& room, topology::Override::Kind kind, Instant now) {
    const topology::Overrides overrides{
        .all = {{.room = room, .kind = kind, .since = wall, .reason = "why"}}};
    return in_words(
        board.set_overrides(resolve(overrides, description, {.wall = wall, .now = now}), now));
  }
  const FarmState& state(std::uint16_t room) const { return board.states().at(room, 0); }
};

TEST(RoomBoard, OneRoomThatFailsIsDown) {
  Fixture fixture;
  fixture.lose(nrt, at(1s));
  EXPECT_EQ(fixture.state(nrt).state, RoomState::down);
  EXPECT_FALSE(fixture.board.states().stale(0));
}

TEST(RoomBoard, MostRoomsThatFailAreHeldAndSaidSo) {
  Fixture fixture;
  fixture.lose(nrt, at(1s));
  fixture.fail(iad, at(1s));
  EXPECT_EQ(fixture.fail(iad, at(1200ms)),
            "room-down room=iad farm=web reason=\"timed out\"\n"
            "guard-holds farm=web rooms=2 for=2m reason=\"most rooms failed at once; answers go by "
            "the states from before\"\n");

  EXPECT_EQ(fixture.state(nrt).state, RoomState::up);
  EXPECT_EQ(fixture.state(nrt).measured, RoomState::down);
  EXPECT_TRUE(fixture.state(nrt).held);
  EXPECT_TRUE(fixture.board.states().stale(0));
  EXPECT_LE(fixture.state(nrt).holds_for, fixture.description.dns.health.interval)
      << "it may end with any probe";
  EXPECT_EQ(fixture.board.holds(), 1U);
}

TEST(RoomBoard, RoomsWhoseBalancersSayThatTheyAreDeadAreDownAtOnce) {
  Fixture fixture;
  for (const std::uint16_t room : {nrt, iad}) {
    fixture.report_no_copy(room, at(1s));
    fixture.report_no_copy(room, at(1100ms));
  }

  for (const std::uint16_t room : {nrt, iad}) {
    EXPECT_EQ(fixture.state(room).state, RoomState::down);
    EXPECT_FALSE(fixture.state(room).held);
  }
  EXPECT_FALSE(fixture.board.states().stale(0));
  EXPECT_EQ(fixture.board.holds(), 0U);
}

TEST(RoomBoard, AnswersThatAreNoReportOfTheRoomAreDoubted) {
  Fixture fixture;
  const RoomReport stranger{.room = "gru", .farms = {{.farm = "web", .copies = 2, .usable = 0}}};
  for (const Duration when : {1s, 2s}) {
    for (const std::uint16_t room : {nrt, iad}) {
      fixture.board.on_result(room, {.report = stranger, .reason = {}}, at(when));
    }
  }

  EXPECT_TRUE(fixture.state(nrt).held) << "whoever answers there, it is not the room's balancer";
  EXPECT_EQ(fixture.state(nrt).state, RoomState::up);
}

TEST(RoomBoard, AHoldEndsByItselfWithoutAnyProbe) {
  Fixture fixture;
  fixture.board.take_due(at(1s));
  fixture.lose(nrt, at(1s));
  fixture.lose(iad, at(1s));
  ASSERT_TRUE(fixture.board.states().stale(0));
  for (const std::uint16_t probe : {fra, iad, nrt}) {
    fixture.board.take_due(at(100s));  // All probes are on their way from now on.
    (void)probe;
  }

  EXPECT_EQ(fixture.board.deadline(), at(121100ms));
  EXPECT_EQ(in_words(fixture.board.on_time(at(121100ms))),
            "guard-ends farm=web reason=\"its time is over; the probes are believed\"\n");

  EXPECT_EQ(fixture.state(nrt).state, RoomState::down);
  EXPECT_FALSE(fixture.board.states().stale(0));
}

TEST(RoomBoard, OverridesWinOverTheGuardAndOverProbes) {
  Fixture fixture;
  fixture.lose(nrt, at(1s));
  fixture.lose(iad, at(1s));
  ASSERT_EQ(fixture.state(nrt).state, RoomState::up);

  EXPECT_EQ(fixture.override_room("nrt", topology::Override::Kind::down, at(2s)),
            "override room=nrt farm=web state=down reason=why\n"
            "guard-ends farm=web reason=\"the rooms that fail are no longer most\"\n");

  EXPECT_EQ(fixture.state(nrt).state, RoomState::down);
  EXPECT_EQ(fixture.state(nrt).forced, RoomState::down);
  EXPECT_FALSE(fixture.state(nrt).held);
  EXPECT_EQ(fixture.state(iad).state, RoomState::down) << "the doubt is over";
}

TEST(RoomBoard, WhatIsOverriddenIsProbedOn) {
  Fixture fixture;
  fixture.override_room("nrt", topology::Override::Kind::down, at(1s));
  fixture.lose(nrt, at(2s));
  EXPECT_EQ(fixture.state(nrt).measured, RoomState::down);
  EXPECT_EQ(in_words(fixture.board.set_overrides({}, at(3s))), "override-ends room=nrt farm=web\n");
  EXPECT_EQ(fixture.state(nrt).state, RoomState::down) << "and now by what was measured";
  EXPECT_EQ(fixture.state(nrt).forced, std::nullopt);
}

TEST(RoomBoard, TheSameOverridesAreNoNews) {
  Fixture fixture;
  fixture.override_room("nrt", topology::Override::Kind::drain, at(1s));
  EXPECT_EQ(fixture.override_room("nrt", topology::Override::Kind::drain, at(2s)), "");
}

TEST(RoomBoard, ANewDescriptionKeepsStatesAndHolds) {
  Fixture fixture;
  fixture.lose(nrt, at(1s));
  fixture.lose(iad, at(1s));
  topology::Description description = testing::make_description();
  std::swap(description.rooms[0], description.rooms[2]);

  RoomBoard after(description, at(2s), &fixture.board);
  after.set_overrides({}, at(2s));

  EXPECT_EQ(after.states().at(0, 0).state, RoomState::up) << "nrt, now first, still held";
  EXPECT_TRUE(after.states().at(0, 0).held);
  EXPECT_FALSE(after.states().at(2, 0).held);
  EXPECT_TRUE(after.states().stale(0));
  EXPECT_TRUE(after.complete());
  EXPECT_EQ(after.holds(), 1U);
}

TEST(RoomBoard, ANewDescriptionSaysOnlyWhatItChanges) {
  Fixture fixture;
  fixture.override_room("iad", topology::Override::Kind::drain, at(1s));
  topology::Description description = testing::make_description();
  std::swap(description.rooms[0], description.rooms[1]);
  const topology::Overrides same = {
      .all = {{.room = "iad", .kind = topology::Override::Kind::drain, .since = wall}}};
  const auto resolved = resolve(same, description, {.wall = wall, .now = at(2s)});

  RoomBoard after(description, at(2s), &fixture.board);

  EXPECT_EQ(in_words(after.set_overrides(resolved, at(2s))), "");
  EXPECT_EQ(after.states().at(0, 0).state, RoomState::draining) << "iad, now first";
  EXPECT_EQ(in_words(after.set_overrides({}, at(3s))), "override-ends room=iad farm=web\n");
}

TEST(RoomBoard, ANewDescriptionThatEndsAHoldSaysSo) {
  Fixture fixture;
  fixture.lose(nrt, at(1s));
  fixture.lose(iad, at(1s));
  topology::Description description = testing::make_description();
  description.dns.guard.hold = 5s;

  RoomBoard after(description, at(10s), &fixture.board);

  EXPECT_EQ(in_words(after.set_overrides({}, at(10s))),
            "guard-ends farm=web reason=\"its time is over; the probes are believed\"\n");
  EXPECT_EQ(after.states().at(nrt, 0).state, RoomState::down);
}

}  // namespace
}  // namespace hither::dns::room_board_test
