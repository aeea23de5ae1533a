// SPDX-License-Identifier: Apache-2.0
#include "dns/overrides.h"

#include <gtest/gtest.h>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using namespace std::chrono_literals;
using topology::Override;
using Kind = Override::Kind;

constexpr topology::WallTime wall = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24) + 10h;
constexpr Instant now = Instant{} + 1000s;
constexpr std::size_t fra = 0;
constexpr std::size_t nrt = 2;

std::vector<Forcing> resolved(const Override& one) {
  return resolve({.all = {one}}, testing::make_description(), {.wall = wall, .now = now});
}

/// The state of nrt, measured as given, under an override.
FarmState under(Kind kind, RoomState measured, Duration over = {}) {
  RoomStates states = testing::World().states();
  states.at(nrt, 0).state = measured;
  states.at(nrt, 0).measured = measured;
  apply_overrides(resolved({.room = "nrt", .kind = kind, .since = wall - 10s, .over = over}),
                  states);
  return states.at(nrt, 0);
}

TEST(Forcing, WinOverWhatWasMeasuredAndShowIt) {
  EXPECT_EQ(under(Kind::down, RoomState::up).state, RoomState::down);
  EXPECT_EQ(under(Kind::down, RoomState::up).measured, RoomState::up);
  EXPECT_EQ(under(Kind::up, RoomState::down).state, RoomState::up);
  EXPECT_EQ(under(Kind::up, RoomState::down).measured, RoomState::down);
  EXPECT_EQ(under(Kind::up, RoomState::down).forced, RoomState::up);
  EXPECT_EQ(under(Kind::up, RoomState::down).since, now - 10s);
}

TEST(Forcing, ADrainedRoomThatDiesIsDown) {
  EXPECT_EQ(under(Kind::drain, RoomState::up).state, RoomState::draining);
  EXPECT_EQ(under(Kind::drain, RoomState::down).state, RoomState::down);
  EXPECT_EQ(under(Kind::drain, RoomState::down).forced, RoomState::draining);
}

TEST(Forcing, ADrainSaysSinceWhenAndOverHowLong) {
  const auto drain = under(Kind::drain, RoomState::up, 10min).drain;
  ASSERT_TRUE(drain);
  EXPECT_EQ(drain->since, now - 10s);
  EXPECT_EQ(drain->over, 10min);
}

TEST(Forcing, LeaveTheTtlToTheName) {
  EXPECT_EQ(under(Kind::down, RoomState::up).holds_for, forced_holds_for);
  EXPECT_LT(under(Kind::drain, RoomState::up).holds_for, forced_holds_for)
      << "a draining room can still die";
}

TEST(Forcing, OfARoomMeanAllItsFarms) {
  topology::Description description = testing::make_description();
  description.farms.push_back("api");
  description.rooms[fra].farms.push_back({.name = "api"});
  const topology::Overrides overrides{
      .all = {{.room = "fra", .kind = Kind::down, .since = wall},
              {.room = "fra", .farm = "api", .kind = Kind::drain, .since = wall}}};

  const auto forcings = resolve(overrides, description, {.wall = wall, .now = now});

  ASSERT_EQ(forcings.size(), 2U);
  EXPECT_EQ(forcings[0].kind, Kind::down);
  EXPECT_EQ(forcings[1].kind, Kind::drain);
  EXPECT_EQ(forcings[1].farm, 1);
}

TEST(Forcing, OfStrangersMeanNothing) {
  EXPECT_TRUE(resolved({.room = "lhr", .since = wall}).empty());
  EXPECT_TRUE(resolved({.room = "fra", .farm = "api", .since = wall}).empty());
}

TEST(Forcing, AClockThatWasAheadMeansNow) {
  EXPECT_EQ(resolved({.room = "fra", .since = wall + 5min}).at(0).since, now);
}

}  // namespace
}  // namespace hither::dns
