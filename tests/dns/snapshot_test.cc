// SPDX-License-Identifier: Apache-2.0
#include "dns/snapshot.h"

#include <gtest/gtest.h>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::make_description;

std::vector<std::string> mistakes_of(const topology::Description& description) {
  std::vector<Error> mistakes;
  const std::vector<std::string> texts(description.zones.size());
  const Geography geography({}, description.networks);
  const auto directory = build_directory(
      description, texts, ClientMaps::build(geography, description, mistakes), mistakes);
  EXPECT_EQ(directory != nullptr, mistakes.empty());
  std::vector<std::string> lines;
  lines.reserve(mistakes.size());
  for (const Error& mistake : mistakes) lines.push_back(mistake.message);
  return lines;
}

TEST(Directory, ANameOutsideOfAllZonesIsAMistake) {
  topology::Description description = make_description();
  description.names[0].name = "www.other.test";
  description.names[0].where = {.line = 7, .column = 3};

  const auto mistakes = mistakes_of(description);

  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0],
            "world.toml:7:3: www.other.test is in no zone; add [zone.\"...\"] for it or the zone "
            "above it");
}

TEST(Directory, AZoneTwiceIsAMistake) {
  topology::Description description = make_description();
  description.zones.push_back({.name = "EXAMPLE.test"});
  EXPECT_EQ(mistakes_of(description).size(), 1U);
}

TEST(Directory, MoreRoomsThanTheLimitAreAMistake) {
  topology::Description description = make_description();
  while (description.rooms.size() <= rooms_max) description.rooms.push_back(description.rooms[0]);
  EXPECT_EQ(mistakes_of(description).size(), 1U);
}

TEST(Directory, TheClosestZoneHoldsAName) {
  topology::Description description = make_description();
  description.zones = {{.name = "test"}, {.name = "example.test"}, {.name = "a.b.test"}};
  const testing::World world(description);
  const auto snapshot = world.snapshot();
  const auto zone_of = [&](const std::string& name, Type type) {
    const Zone* zone = snapshot->directory->find_zone(Key(Name::parse(name)->wire()), type);
    return zone == nullptr ? "none" : to_short_text(zone->origin());
  };

  EXPECT_EQ(zone_of("www.example.test", Type::a), "example.test");
  EXPECT_EQ(zone_of("example.test", Type::a), "example.test");
  EXPECT_EQ(zone_of("b.test", Type::a), "test");
  EXPECT_EQ(zone_of("x.a.b.test", Type::a), "a.b.test");
  EXPECT_EQ(zone_of("other", Type::a), "none");
  EXPECT_EQ(zone_of("example.test", Type::ds), "example.test") << "its parent does not know it";
  EXPECT_EQ(zone_of("test", Type::ds), "test") << "its parent is not here";
}

TEST(Directory, CandidatesRunTheFarmAndHaveTheFamily) {
  topology::Description description = make_description();
  description.rooms[0].farms.clear();
  description.rooms[1].address = {*parse_address("127.11.0.1")};
  const testing::World world(description);

  const SteeredName& name = world.snapshot()->directory->names[0];

  EXPECT_EQ(name.candidates[family_of(Type::a)].to_ulong(), 0b110U);
  EXPECT_EQ(name.candidates[family_of(Type::aaaa)].to_ulong(), 0b100U);
}

}  // namespace
}  // namespace hither::dns
