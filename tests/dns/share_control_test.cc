// SPDX-License-Identifier: Apache-2.0
#include "dns/share_control.h"

#include <gtest/gtest.h>

#include "tests/dns/support.h"

namespace hither::dns::share_control_test {
namespace {

using std::chrono::seconds;

constexpr Instant start{std::chrono::hours(1)};

topology::Description described(double min_healthy, bool spill) {
  topology::Description description = testing::make_description();
  for (topology::Room& room : description.rooms) {
    room.farms[0].min_healthy = min_healthy;
    if (spill) room.farms[0].spill = topology::Spill{};
  }
  return description;
}

RoomStates all_up(const topology::Description& description) {
  RoomStates states(description.rooms.size(), 1);
  for (std::size_t room = 0; room < description.rooms.size(); ++room) {
    FarmState& state = states.at(room, 0);
    state.runs = true;
    state.state = state.measured = RoomState::up;
    state.copies = state.usable = 4;
    state.capacity = 400;
    state.load = 100;
  }
  states.set_complete(true);
  return states;
}

TEST(ShareControl, IsPlainWhileNothingIsToBeMoved) {
  const auto description = described(0.5, true);
  ShareControl control(description);
  EXPECT_TRUE(control.step(all_up(description), start).plain());
  EXPECT_EQ(control.deadline(), never);
}

TEST(ShareControl, FewerCopiesThanMinHealthyAreTooFew) {
  const auto description = described(0.5, false);
  RoomStates states = all_up(description);
  ShareControl control(description);

  states.at(1, 0).usable = 2;
  EXPECT_TRUE(control.step(states, start).plain()) << "half is enough";

  states.at(1, 0).usable = 1;
  const Shares shares = control.step(states, start);
  EXPECT_TRUE(shares.at(1, 0).thin);
  EXPECT_FALSE(shares.at(0, 0).thin);
}

TEST(ShareControl, WhereAllRoomsAreThinNoneIs) {
  const auto description = described(0.5, false);
  RoomStates states = all_up(description);
  for (std::size_t room = 0; room < 3; ++room) states.at(room, 0).usable = 1;
  ShareControl control(description);
  EXPECT_TRUE(control.step(states, start).plain());

  states.at(0, 0).usable = 4;
  states.at(0, 0).state = RoomState::down;
  EXPECT_TRUE(control.step(states, start).plain()) << "a room that is down is no better one";
}

TEST(ShareControl, ADrainLastsAsLongAsItsFarmsLongestTtlAndItsRamp) {
  auto description = described(0, false);
  description.names[1].ttl = seconds(60);
  RoomStates states = all_up(description);
  states.at(2, 0).state = RoomState::draining;
  states.at(2, 0).drain = DrainRamp{.since = start, .over = seconds(100)};
  ShareControl control(description);

  EXPECT_EQ(control.ttl_of(0), seconds(60));
  const Shares lead = control.step(states, start + seconds(59));
  EXPECT_EQ(lead.at(2, 0).drained, 0U);
  EXPECT_EQ(lead.at(2, 0).ttl_most, seconds(6));
  EXPECT_EQ(control.deadline(), start + seconds(60));
  EXPECT_EQ(control.step(states, start + seconds(110)).at(2, 0).drained, RoomShare::all / 2);
  EXPECT_TRUE(control.step(states, start + seconds(160)).plain()) << "the state says it all";
  EXPECT_EQ(control.deadline(), never);
}

TEST(ShareControl, ReportsOfTooMuchLoadMakeARoomShed) {
  const auto description = described(0, true);
  RoomStates states = all_up(description);
  states.at(0, 0).load = 400;
  ShareControl control(description);

  control.step(states, start);
  EXPECT_LT(control.deadline(), start + seconds(1)) << "a decision is being carried out";
  const Shares shares = control.step(states, start + seconds(1));

  EXPECT_NEAR(static_cast<double>(shares.at(0, 0).shed) / RoomShare::all, 0.05, 1e-6);
  EXPECT_EQ(shares.at(1, 0).shed, 0U);
  EXPECT_EQ(shares.at(1, 0).open, RoomShare::all);
}

double shed_of(const Shares& shares, std::size_t room) {
  return static_cast<double>(shares.at(room, 0).shed) / RoomShare::all;
}

TEST(ShareControl, AThinRoomTakesNobodyAndFillsSlowlyWhenItIsBack) {
  const auto description = described(0.5, true);
  RoomStates states = all_up(description);
  states.at(0, 0).load = 600;
  for (const std::size_t room : {1U, 2U}) states.at(room, 0).usable = 1;
  ShareControl control(description);
  Instant now = start;
  for (int i = 0; i < 300; ++i) {
    const Shares shares = control.step(states, now += seconds(1));
    ASSERT_TRUE(shares.at(1, 0).thin);
    ASSERT_EQ(shares.at(0, 0).shed, 0U) << "nobody would go, and so it would shed ever more";
  }

  states.at(1, 0).usable = 4;
  double before = 0;
  for (int i = 0; i < 10; ++i) {
    const double shed = shed_of(control.step(states, now += seconds(1)), 0);
    EXPECT_LE(shed, before + 0.05 + 1e-6);
    before = shed;
  }
  EXPECT_NEAR(before, 0.4, 1e-6);
}

TEST(ShareControl, WhatARoomReportedBeforeItFellSilentDecidesNothing) {
  const auto description = described(0, true);
  RoomStates held = all_up(description);  // by the guard, or forced up
  held.at(0, 0).load = 600;
  held.at(0, 0).measured = RoomState::down;
  ShareControl silent(description);
  Instant now = start;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(silent.step(held, now += seconds(1)).plain()) << i;

  for (const std::size_t room : {1U, 2U}) held.at(room, 0).measured = RoomState::down;
  held.at(0, 0).measured = RoomState::up;
  ShareControl among_silent(description);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(among_silent.step(held, now += seconds(1)).plain()) << "who knows if there is room";
  }

  held.at(2, 0).measured = RoomState::up;
  ShareControl beside_one(description);
  beside_one.step(held, now);
  const Shares shares = beside_one.step(held, now += seconds(1));
  EXPECT_NEAR(shed_of(shares, 0), 0.05, 1e-6);
  EXPECT_EQ(shares.at(1, 0).open, 0U);
  EXPECT_EQ(shares.at(2, 0).open, RoomShare::all);
}

TEST(ShareControl, ARoomThatFallsSilentKeepsWhatItSheds) {
  const auto description = described(0, true);
  RoomStates states = all_up(description);
  states.at(0, 0).load = 600;
  ShareControl control(description);
  control.step(states, start);
  const double shed = shed_of(control.step(states, start + seconds(2)), 0);
  ASSERT_NEAR(shed, 0.1, 1e-6);

  states.at(0, 0).measured = RoomState::down;
  for (int i = 3; i < 100; ++i) {
    EXPECT_EQ(shed_of(control.step(states, start + seconds(i)), 0), shed);
  }
}

/// Spilling for two seconds: fra, the first, sheds a tenth of its clients, and will shed 28 %.
ShareControl spilling(const topology::Description& description) {
  RoomStates states = all_up(description);
  states.at(0, 0).load = 500;
  ShareControl control(description);
  control.step(states, start);
  EXPECT_NEAR(static_cast<double>(control.step(states, start + seconds(2)).at(0, 0).shed),
              0.1 * RoomShare::all, 1e6);
  return control;
}

TEST(ShareControl, AReloadGoesOnWithWhatIsShed) {
  const auto before = described(0, true);
  const ShareControl old = spilling(before);
  auto after = before;
  std::swap(after.rooms[0], after.rooms[2]);
  RoomStates states = all_up(after);
  states.at(2, 0).load = 500;

  ShareControl control(after, &old);
  const Shares shares = control.step(states, start + seconds(3));

  EXPECT_NEAR(static_cast<double>(shares.at(2, 0).shed), 0.15 * RoomShare::all, 1e6)
      << "fra, now last, goes on from a tenth";
  EXPECT_EQ(shares.at(0, 0).shed, 0U);
  EXPECT_EQ(shares.at(0, 0).open, RoomShare::all);
}

TEST(ShareControl, ARoomThatComesWhileOthersShedIsClosedAndOneThatGoesShedsNoMore) {
  const auto before = described(0, true);
  const ShareControl old = spilling(before);

  auto more = before;
  more.rooms.push_back(more.rooms[1]);
  more.rooms.back().name = "gru";
  RoomStates states = all_up(more);
  states.at(0, 0).load = 500;
  ShareControl grown(more, &old);
  const Shares shares = grown.step(states, start + seconds(3));
  EXPECT_EQ(shares.at(3, 0).open, 0U) << "no client is sent back and forth";
  EXPECT_EQ(shares.at(1, 0).open, RoomShare::all);

  auto fewer = before;
  fewer.rooms.erase(fewer.rooms.begin());
  ShareControl shrunk(fewer, &old);
  EXPECT_TRUE(shrunk.step(all_up(fewer), start + seconds(3)).plain());
}

TEST(ShareControl, AReloadTakesNewLimitsOfSpill) {
  const auto before = described(0, true);
  const ShareControl old = spilling(before);
  auto after = before;
  for (topology::Room& room : after.rooms) room.farms[0].spill->per_second = 0.01;
  RoomStates states = all_up(after);
  states.at(0, 0).load = 500;
  ShareControl slower(after, &old);
  EXPECT_NEAR(static_cast<double>(slower.step(states, start + seconds(3)).at(0, 0).shed),
              0.11 * RoomShare::all, 1e6);

  ShareControl none(described(0, false), &old);
  EXPECT_TRUE(none.step(states, start + seconds(3)).plain()) << "spill was taken out";
}

}  // namespace
}  // namespace hither::dns::share_control_test
