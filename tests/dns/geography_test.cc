// SPDX-License-Identifier: Apache-2.0
#include "dns/geography.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hither::dns::geography_test {
namespace {

Address address(const std::string& text) { return *parse_address(text); }
Prefix prefix(const std::string& text) { return *parse_prefix(text); }

struct Block {
  std::string prefix;
  std::string country;
};

/// A database in which a country's latitude is its first letter's place in the alphabet.
GeoTable database(const std::string& name, const std::vector<Block>& blocks) {
  GeoTableBuilder builder;
  for (const Block& block : blocks) {
    const CountryCode code = {block.country[0], block.country[1]};
    builder.add(prefix(block.prefix), builder.place({code[0] - 'A' + 1.0, 0, code}));
  }
  return builder.finish(name);
}

topology::Network network(const std::string& text, const std::string& title) {
  return {prefix(text), {-1, -1}, title, {}};
}

std::string in_words(const Geography& geography, const std::string& at) {
  const auto found = geography.find(address(at));
  if (!found) return "nobody knows";
  return to_text(found->block) + " " + found->place.country + found->place.title + " by " +
         found->source;
}

TEST(Distance, IsThatOfKnownRoutes) {
  const topology::Location paris{48.8566, 2.3522};
  const topology::Location tokyo{35.6762, 139.6503};
  const topology::Location sydney{-33.8688, 151.2093};

  EXPECT_NEAR(distance_km(paris, tokyo), 9712, 5);
  EXPECT_NEAR(distance_km(tokyo, sydney), 7823, 5);
  EXPECT_NEAR(distance_km({0, 0}, {0, 180}), 20015.1, 0.1);
  EXPECT_NEAR(distance_km({90, 0}, {-90, 77}), 20015.1, 0.1);
}

TEST(Distance, IsShortAcrossTheDateLine) {
  EXPECT_NEAR(distance_km({0, 179.5}, {0, -179.5}), 111.2, 0.1);
  EXPECT_NEAR(distance_km({50, -180}, {50, 180}), 0, 1e-6);
}

TEST(Distance, IsExactForNeighbours) {
  EXPECT_NEAR(distance_km({50, 8}, {50.00001, 8}), 0.001112, 1e-6);
  EXPECT_EQ(distance_km({50.11, 8.68}, {50.11, 8.68}), 0);
}

TEST(Distance, IsTheSameThroughGlobePoints) {
  const topology::Location one{50.11, 8.68};
  const topology::Location other{-39.04, -77.49};

  EXPECT_EQ(distance_km(one, other), globe_distance_km(on_globe(one), on_globe(other)));
  EXPECT_EQ(distance_km(one, other), distance_km(other, one));
}

TEST(Geography, KnowsNothingWithoutSources) {
  const Geography geography({}, {});

  EXPECT_EQ(in_words(geography, "192.0.2.1"), "nobody knows");
  EXPECT_EQ(geography.places(), 0U);
}

TEST(Geography, ANetworkWinsOverADatabaseThatKnowsMore) {
  const std::vector<topology::Network> networks = {network("10.0.0.0/8", "office")};
  std::vector<GeoTable> databases;
  databases.push_back(database("db", {{"10.1.0.0/16", "JP"}, {"11.0.0.0/8", "DE"}}));
  const Geography geography(std::move(databases), networks);

  EXPECT_EQ(in_words(geography, "10.1.0.1"), "10.0.0.0/8 office by [[network]]");
  EXPECT_EQ(in_words(geography, "11.1.0.1"), "11.0.0.0/8 DE by db");
}

TEST(Geography, TheLongerNetworkWins) {
  const std::vector<topology::Network> networks = {network("10.1.0.0/16", "floor"),
                                                   network("10.0.0.0/8", "office"),
                                                   network("2001:db8::/32", "lab")};
  const Geography geography({}, networks);

  EXPECT_EQ(in_words(geography, "10.1.0.1"), "10.1.0.0/16 floor by [[network]]");
  EXPECT_EQ(in_words(geography, "10.2.0.1"), "10.0.0.0/8 office by [[network]]");
  EXPECT_EQ(in_words(geography, "2001:db8:1::1"), "2001:db8::/32 lab by [[network]]");
}

TEST(Geography, AnEarlierDatabaseWinsAndALaterFillsItsGaps) {
  std::vector<GeoTable> databases;
  databases.push_back(database("v4", {{"10.0.0.0/9", "JP"}}));
  databases.push_back(database("both", {{"10.0.0.0/8", "DE"}, {"2001:db8::/32", "FR"}}));
  const Geography geography(std::move(databases), {});

  EXPECT_EQ(in_words(geography, "10.1.0.1"), "10.0.0.0/9 JP by v4");
  EXPECT_EQ(in_words(geography, "10.200.0.1"), "10.0.0.0/8 DE by both");
  EXPECT_EQ(in_words(geography, "2001:db8::1"), "2001:db8::/32 FR by both");
}

TEST(Geography, WalksEverySourceInAddressOrder) {
  const std::vector<topology::Network> networks = {network("10.1.0.0/16", "office"),
                                                   network("2001:db8:1::/48", "lab")};
  std::vector<GeoTable> databases;
  databases.push_back(database("one", {{"10.0.0.0/8", "JP"}, {"2001:db8::/32", "JP"}}));
  databases.push_back(database("two", {{"11.0.0.0/8", "DE"}, {"2001:db9::/32", "DE"}}));
  const Geography geography(std::move(databases), networks);

  const auto steps_of = [&](Family family) {
    std::vector<std::string> steps;
    Bits128 before = 0;
    geography.walk(family, [&](Bits128 first, std::uint32_t place) {
      EXPECT_TRUE(steps.empty() || before < first) << to_text(to_address(first));
      before = first;
      const bool of_v4 = first >= v4_first && first <= v4_last;
      if (of_v4 != (family == Family::v4)) return;  // without meaning
      const std::string latitude =
          place == Geography::nowhere
              ? "?"
              : std::to_string(static_cast<int>(geography.location(place).latitude));
      // What changes nothing is allowed and of no interest.
      if (steps.empty() || steps.back().substr(steps.back().find(' ') + 1) != latitude) {
        steps.push_back(to_text(to_address(first)) + " " + latitude);
      }
    });
    return steps;
  };

  EXPECT_EQ(steps_of(Family::v4),
            (std::vector<std::string>{"0.0.0.0 ?", "10.0.0.0 10", "10.1.0.0 -1", "10.2.0.0 10",
                                      "11.0.0.0 4", "12.0.0.0 ?"}));
  EXPECT_EQ(steps_of(Family::v6),
            (std::vector<std::string>{":: ?", "2001:db8:: 10", "2001:db8:1:: -1", "2001:db8:2:: 10",
                                      "2001:db9:: 4", "2001:dba:: ?"}));
}

TEST(Geography, ANetworkAroundIpv4HoldsInBothFamilies) {
  const std::vector<topology::Network> networks = {network("::/0", "all")};
  const Geography geography({}, networks);

  for (const Family family : {Family::v4, Family::v6}) {
    geography.walk(family, [](Bits128, std::uint32_t place) { EXPECT_EQ(place, 0U); });
  }
}

TEST(Geography, StillSaysWhereAddressesAreAfterItWasLetGo) {
  std::vector<GeoTable> databases;
  databases.push_back(database("db", {{"10.0.0.0/8", "JP"}}));
  Geography geography(std::move(databases), {});
  geography.let_go();

  EXPECT_EQ(in_words(geography, "10.1.0.1"), "10.0.0.0/8 JP by db");
  EXPECT_EQ(geography.sources(), std::vector<std::string>{"db"});
}

}  // namespace
}  // namespace hither::dns::geography_test
