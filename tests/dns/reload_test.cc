// SPDX-License-Identifier: Apache-2.0
#include "dns/reload.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dns/types.h"
#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using Slots = std::vector<std::uint16_t>;

Settings settings() {
  const topology::Description description = testing::make_description();
  return {.description = description,
          .listen = description.dns.listen,
          .admin = description.dns_admin(),
          .threads = 2};
}

TEST(Reload, RoomsAndNamesMayChange) {
  Settings fresh = settings();
  fresh.description.rooms.pop_back();
  fresh.description.names.clear();
  EXPECT_TRUE(find_fixed_changes(settings(), fresh).empty());
}

TEST(Reload, WhatIsOpenNeedsARestart) {
  Settings fresh = settings();
  fresh.listen = {*parse_endpoint("127.0.0.1:53"), *parse_endpoint("[::1]:53")};
  fresh.admin = *parse_endpoint("127.0.0.1:7071");
  fresh.threads = 4;
  fresh.description.dns.protocol.udp_payload = 1400;

  const auto changes = find_fixed_changes(settings(), fresh);

  ASSERT_EQ(changes.size(), 4U);
  EXPECT_EQ(changes[0].message,
            "dns.listen: 127.0.0.1:5300 cannot become 127.0.0.1:53, [::1]:53 while it runs; "
            "restart hither-dns, or take the change back");
  EXPECT_NE(changes[1].message.find("7071"), std::string::npos);
  EXPECT_NE(changes[2].message.find("dns.udp_payload: 1232 cannot become 1400"), std::string::npos);
  EXPECT_NE(changes[3].message.find("2 cannot become 4"), std::string::npos);
}

TEST(Reload, WarningsAreSaidWhenThereAreOthersThanBefore) {
  topology::Description plain = testing::make_description();
  plain.file = "w.toml";
  topology::Description fine = plain;
  fine.networks.push_back({.prefix = *parse_prefix("203.0.113.16/28"),
                           .location = {1, 2},
                           .title = "office",
                           .where = {7, 10}});
  topology::Description moved = fine;
  moved.networks.back().where = {9, 10};

  const auto at_start = describe_warnings(fine, nullptr);
  const auto after = describe_warnings(fine, &plain);

  for (const auto& records : {at_start, after}) {
    const auto found = std::ranges::find_if(records, [](const LogRecord& record) {
      return to_text(record).starts_with(
          "description-warning place=w.toml:7:10 message=\"network "
          "203.0.113.16/28 is finer than /24");
    });
    ASSERT_NE(found, records.end());
    EXPECT_EQ(found->level, LogLevel::warning);
  }
  EXPECT_EQ(after.size(), describe_warnings(plain, nullptr).size() + 1);
  EXPECT_TRUE(describe_warnings(fine, &fine).empty());
  EXPECT_TRUE(describe_warnings(moved, &fine).empty());
  EXPECT_EQ(describe_warnings(plain, &fine).size(), describe_warnings(plain, nullptr).size());
}

TEST(RoomSlots, ARoomKeepsItsPlaceWhateverComesAndGoes) {
  RoomSlots slots;
  EXPECT_EQ(slots.assign({"fra", "iad"}), (Slots{0, 1}));
  EXPECT_EQ(slots.assign({"nrt", "iad"}), (Slots{2, 1}));
  EXPECT_EQ(slots.assign({"iad", "fra", "nrt"}), (Slots{1, 0, 2}));
  EXPECT_EQ(slots.rooms(), (std::vector<std::string>{"fra", "iad", "nrt"}));
}

TEST(RoomSlots, AreRefusedWhenTheyRunOut) {
  RoomSlots slots;
  std::vector<std::string> many;
  for (std::size_t i = 0; i < rooms_max; ++i) many.push_back("r" + std::to_string(i));
  ASSERT_TRUE(slots.assign(many));
  EXPECT_FALSE(slots.assign({"another"}));
  EXPECT_EQ(slots.assign({"r7"}), Slots{7}) << "those that were known still are";
}

}  // namespace
}  // namespace hither::dns
