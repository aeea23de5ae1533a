// SPDX-License-Identifier: Apache-2.0
#include "dns/room_states.h"

#include <gtest/gtest.h>

namespace hither::dns {
namespace {

TEST(RoomStates, EveryRoomAndFarmHasItsOwnState) {
  RoomStates states(2, 3);
  states.at(1, 2).load = 7;
  states.at(0, 2).load = 5;
  EXPECT_EQ(states.at(1, 2).load, 7);
  EXPECT_EQ(states.at(0, 2).load, 5);
  EXPECT_EQ(states.at(1, 1).load, 0);
}

TEST(RoomStates, StartsDownAndIncomplete) {
  const RoomStates states(1, 1);
  EXPECT_EQ(states.at(0, 0).state, RoomState::down);
  EXPECT_FALSE(states.at(0, 0).runs);
  EXPECT_FALSE(states.complete());
}

TEST(RoomStates, DiffersWhenAnythingInItDoes) {
  RoomStates one(1, 1);
  const RoomStates other = one;
  EXPECT_EQ(one, other);
  one.at(0, 0).holds_for = std::chrono::seconds(1);
  EXPECT_NE(one, other);
}

TEST(RoomStates, StalenessIsKeptPerFarm) {
  RoomStates states(2, 3);
  states.set_stale(1, true);
  EXPECT_FALSE(states.stale(0));
  EXPECT_TRUE(states.stale(1));
  EXPECT_FALSE(states.stale(2));

  states.set_stale(1, false);
  EXPECT_FALSE(states.stale(1));
}

}  // namespace
}  // namespace hither::dns
