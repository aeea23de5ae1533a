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

/// The directory of a zone whose top is steered, as www is, with these records.
std::shared_ptr<const Directory> directory_with(const std::string& records) {
  topology::Description description = testing::make_description();
  description.names.push_back({.name = "example.test", .farm = "web", .policy = "nearest"});
  const std::string top = "$TTL 60\n@ SOA ns1 host 1 1 1 1 1\n@ NS ns1\n";
  return testing::World(description, top + records).snapshot()->directory;
}

/// The lines for a zone with these records, each of which has a number for a type.
std::vector<std::string> hints_in(const std::string& records) {
  std::vector<std::string> lines;
  for (const LogRecord& record : warn_of_hints(*directory_with(records), nullptr)) {
    EXPECT_EQ(record.level, LogLevel::warning);
    lines.push_back(to_text(record));
  }
  return lines;
}

// Priority 1, the service at the owner, ALPN h2, 192.0.2.1.
constexpr const char* hint_at_top = "@ TYPE65 \\# 18 000100 0001 0003 026832 0004 0004 c0000201\n";

TEST(Hints, OfAServiceAtASteeredNameAreWarnedOf) {  // RFC 9460 s7.3
  EXPECT_EQ(hints_in(hint_at_top),
            std::vector<std::string>{
                "hints-beside-steering zone=example.test. sets=1 first=\"example.test. HTTPS\" "
                "cure=\"take ipv4hint and ipv6hint out\""});
  const std::string www = "03777777 076578616d706c65 0474657374 00";
  const auto lines =
      hints_in("a TYPE64 \\# 40 0001 " + www + " 0006 0010 20010db8" + std::string(24, '0') +
               "\nb TYPE64 \\# 28 0001 " + www + " 0004 0004 c0000201\n");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("sets=2 first=\"a.example.test. SVCB\""), std::string::npos) << lines[0];
}

TEST(Hints, ElsewhereOrOfNoAddressAreNot) {
  const std::vector<std::string> none;
  EXPECT_EQ(hints_in("a TYPE65 \\# 11 000100 0004 0004 c0000201\n"), none) << "not steered";
  EXPECT_EQ(hints_in("@ TYPE65 \\# 10 000100 0001 0003 026832\n"), none) << "no address";
  EXPECT_EQ(hints_in("@ TYPE65 \\# 11 000000 0004 0004 c0000201\n"), none) << "an alias";
  EXPECT_EQ(hints_in("@ TYPE65280 \\# 11 000100 0004 0004 c0000201\n"), none) << "no service";
  EXPECT_EQ(hints_in("@ TYPE65 \\# 9 000100 0004 0004 c000\n"), none) << "cut short";
}

TEST(Hints, AreNamedAgainOnlyWhenTheyHaveChanged) {
  const auto with = directory_with(hint_at_top);
  const auto without = directory_with("");
  EXPECT_TRUE(warn_of_hints(*with, with.get()).empty());
  EXPECT_EQ(warn_of_hints(*with, without.get()).size(), 1U);
  EXPECT_TRUE(warn_of_hints(*without, with.get()).empty());
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
