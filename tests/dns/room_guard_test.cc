// SPDX-License-Identifier: Apache-2.0
#include "dns/room_guard.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace hither::dns::room_guard_test {
namespace {

using namespace std::chrono_literals;
using Change = Guard::Change;

Instant at(Duration since_start) { return Instant{} + since_start; }

/// One letter a room: u(p), d(own: no answer), r(eports that it is down), g (draining), o(verridden
/// or not running).
std::vector<RoomGuard::Seen> see(std::string_view letters) {
  std::vector<RoomGuard::Seen> seen;
  for (const char c : letters) {
    seen.push_back({.counts = c != 'o',
                    .measured = c == 'u'   ? RoomState::up
                                : c == 'g' ? RoomState::draining
                                           : RoomState::down,
                    .reported = c == 'r'});
  }
  return seen;
}

/// What answers go by.
std::string believed(const RoomGuard& guard, std::string_view letters) {
  std::string result;
  const auto seen = see(letters);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const RoomState state = guard.held(i).value_or(seen[i].measured);
    result += state == RoomState::up ? 'u' : state == RoomState::draining ? 'g' : 'd';
  }
  return result;
}

constexpr GuardRule rule{.percent = 50, .members = 2, .window = 1s, .hold = 60s};

TEST(RoomGuard, HoldsEachRoomInTheStateItHad) {
  RoomGuard guard(rule, 5);
  guard.step(see("uuugu"), at(0s));

  EXPECT_EQ(guard.step(see("ddudd"), at(1s)), Change::begins);

  EXPECT_EQ(believed(guard, "ddudd"), "uuugu");
  EXPECT_EQ(guard.rooms_held(), 4U);
  EXPECT_EQ(guard.deadline(), at(61s));
}

TEST(RoomGuard, TheStateIsTheLastBeforeTheFailure) {
  RoomGuard guard(rule, 2);
  guard.step(see("gu"), at(0s));
  guard.step(see("ug"), at(1s));

  guard.step(see("dd"), at(2s));

  EXPECT_EQ(believed(guard, "dd"), "ug");
}

TEST(RoomGuard, BelievesTheReportsOfBalancers) {
  RoomGuard guard(rule, 3);
  guard.step(see("uuu"), at(0s));

  EXPECT_EQ(guard.step(see("rrr"), at(1s)), Change::none);

  EXPECT_EQ(believed(guard, "rrr"), "ddd");
}

TEST(RoomGuard, AnOperatorsWordEndsTheDoubt) {
  RoomGuard guard(rule, 4);
  guard.step(see("uuuu"), at(0s));
  ASSERT_EQ(guard.step(see("dddu"), at(1s)), Change::begins);

  EXPECT_EQ(guard.step(see("oodu"), at(2s)), Change::ends_members_back);
  EXPECT_EQ(believed(guard, "oodu"), "dddu");
}

TEST(RoomGuard, StatesOutliveAChangeOfTheRooms) {
  RoomGuard guard(rule, 3);
  guard.step(see("uug"), at(0s));
  ASSERT_EQ(guard.step(see("ddd"), at(1s)), Change::begins);

  const std::vector<std::optional<std::size_t>> before = {std::nullopt, 2, 1};
  RoomGuard moved = guard.moved_to(rule, before);

  EXPECT_EQ(moved.step(see("ddd"), at(2s)), Change::none);
  EXPECT_EQ(believed(moved, "ddd"), "dgu");
}

}  // namespace
}  // namespace hither::dns::room_guard_test
