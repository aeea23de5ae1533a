// SPDX-License-Identifier: Apache-2.0
#include "tests/support/stand_in_rooms.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/assert.h"
#include "base/room.h"

namespace hither::test {
namespace {

/// Not a report of its own death, which is believed: an answer that says nothing.
io::Page report(const std::string& room, const std::string& farm, bool usable, int load) {
  if (!usable) return {.status = 500, .content_type = "text/plain", .body = "broken"};
  const FarmReport well{
      .farm = farm, .copies = 2, .usable = 2, .capacity = StandInRooms::capacity, .load = load};
  return {.body = to_json(RoomReport{.room = room, .draining = false, .farms = {well}})};
}

}  // namespace

StandInRooms::StandInRooms(const std::vector<std::string>& rooms, const std::string& farm) {
  for (const std::string& name : rooms) {
    Room& room = *rooms_.emplace_back(std::make_unique<Room>(loop_));
    room.name = name;
    room.page.add_page("/health", [&room, farm](const io::PageRequest&) {
      return report(room.name, farm, room.usable, room.load);
    });
    const auto bound = room.page.listen({*parse_address("127.0.0.1"), 0});
    EXPECT_TRUE(bound) << bound.error().message;
    if (bound) room.admin = *bound;
  }
  thread_ = std::thread([this] { loop_.run(); });
}

StandInRooms::~StandInRooms() {
  loop_.stop();
  thread_.join();
}

StandInRooms::Room& StandInRooms::find(const std::string& name) const {
  const auto found = std::ranges::find(rooms_, name, [](const auto& room) { return room->name; });
  ASSERT(found != rooms_.end());
  return **found;
}

Endpoint StandInRooms::admin(const std::string& room) const { return find(room).admin; }

void StandInRooms::set_usable(const std::string& room, bool usable) { find(room).usable = usable; }

void StandInRooms::set_load(const std::string& room, int load) { find(room).load = load; }

}  // namespace hither::test
