// SPDX-License-Identifier: Apache-2.0
#include "dns/whatif.h"

#include <gtest/gtest.h>

#include <utility>

#include "dns/view.h"
#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::World;
using topology::RoomSet;
using topology::Rule;

std::vector<PopulationRow> population(const std::string& text) {
  std::vector<Error> mistakes;
  auto rows = parse_population(text, "p.csv", mistakes);
  for (const Error& mistake : mistakes) ADD_FAILURE() << mistake.message;
  return rows;
}

RoomSet rooms(std::initializer_list<std::size_t> indexes) {
  RoomSet set;
  for (const std::size_t index : indexes) set.set(index);
  return set;
}

class WhatIfOf {
 public:
  explicit WhatIfOf(const topology::Description& description,
                    Counting counting = Counting::ipv4_addresses,
                    std::vector<PopulationRow> people = {})
      : world_(description),
        snapshot_(world_.snapshot()),
        whatif_(world_.geography(), *snapshot_->directory, snapshot_->directory->names[0], counting,
                people) {}

  const WhatIf& operator*() const { return whatif_; }
  const WhatIf* operator->() const { return &whatif_; }

 private:
  World world_;
  std::shared_ptr<const Snapshot> snapshot_;
  WhatIf whatif_;
};

// The world of the tests has, of IPv4 in /16s: Frankfurt 10.1 and 127.1, Ashburn 10.2 without the
// /24 of Tokyo in it, Tokyo 10.3 and 127.3.
TEST(WhatIf, CountsAddressesWhosePlaceIsKnown) {
  const WhatIfOf whatif(testing::make_description());
  EXPECT_EQ(whatif->clients(), 5 * 65536);
  EXPECT_EQ(whatif->unknown(), 0);

  const Outcome now = whatif->suppose({});
  EXPECT_DOUBLE_EQ(now.rooms[0].share, 0.4);
  EXPECT_DOUBLE_EQ(now.rooms[1].share, (65536 - 256) / (5 * 65536.0));
  EXPECT_DOUBLE_EQ(now.rooms[2].share, (2 * 65536 + 256) / (5 * 65536.0));
  EXPECT_NEAR(*now.mean_km, 0, 1) << "everybody lives in a room";
  EXPECT_EQ(now.lost, 0);
}

TEST(WhatIf, CountsBlocksOfIPv6) {
  const WhatIfOf whatif(testing::make_description(), Counting::ipv6_blocks);
  EXPECT_DOUBLE_EQ(whatif->clients(), 3);
  EXPECT_NEAR(whatif->suppose({}).rooms[1].share, 1.0 / 3, 1e-9);
}

TEST(WhatIf, ClientsOfAFailedRoomGoToTheNextAndFarther) {
  const WhatIfOf whatif(testing::make_description());
  const Outcome after = whatif->suppose(rooms({2}));
  EXPECT_NEAR(after.rooms[0].share, 0.8 + 256 / (5 * 65536.0), 1e-9)
      << "Tokyo is next to Frankfurt";
  EXPECT_EQ(after.rooms[2].share, 0);
  EXPECT_NEAR(*after.mean_km, 0.4 * 9350, 100);
  EXPECT_NEAR(*after.p95_km, 9350, 100);
  EXPECT_EQ(after.lost, 0) << "somebody serves all of them";
}

topology::Description without_locations(std::initializer_list<std::size_t> indexes) {
  topology::Description description = testing::make_description();
  description.names = {{.name = "www.example.test", .farm = "web", .policy = "ordered"}};
  for (const std::size_t index : indexes) {
    description.rooms[index].location = {};
    description.rooms[index].has_location = false;
  }
  return description;
}

TEST(WhatIf, RoomsWithoutALocationAreNoDistanceAway) {
  const WhatIfOf whatif(without_locations({0, 1}));
  EXPECT_EQ(whatif->suppose({}).mean_km, std::nullopt) << "all go to Frankfurt";
  EXPECT_EQ(whatif->suppose({}).p95_km, std::nullopt);
  EXPECT_EQ(whatif->suppose(rooms({0})).mean_km, std::nullopt);
  EXPECT_GT(whatif->suppose(rooms({0, 1})).mean_km, 5000) << "Tokyo has one";

  const Outcome after = WhatIfOf(without_locations({1, 2}))->suppose(rooms({0}));
  EXPECT_EQ(after.mean_km, std::nullopt) << "who was near has moved to a room without";
  EXPECT_EQ(after.p95_km, std::nullopt);
}

TEST(WhatIf, DistancesAreOfThoseWhoseRoomHasOne) {
  topology::Description description = without_locations({1});
  description.policies = {{.name = "p", .rule = Rule::weighted, .of = {"fra", "iad"}}};
  description.names[0].policy = "p";
  const WhatIfOf both(description);
  const WhatIfOf one(without_locations({1, 2}));
  EXPECT_NEAR(*both->suppose({}).mean_km, *one->suppose({}).mean_km, 1e-6);
}

TEST(WhatIf, NobodyKnowsHowFarPopulationsOfUnknownPlacesAre) {
  const WhatIfOf whatif(testing::make_description(), Counting::population,
                        population("192.0.2.0/24,100\n"));
  EXPECT_EQ(whatif->suppose({}).mean_km, std::nullopt);
}

TEST(WhatIf, ClientsThatAFenceLeavesOnlyTheDeadRoomAreLost) {
  topology::Description description = testing::make_description();
  description.policies = {
      {.name = "p",
       .fences = {
           {.from = {{.country = {}, .network = *parse_prefix("10.1.0.0/16")}}, .only = {"fra"}}}}};
  description.names[0].policy = "p";
  const WhatIfOf whatif(description);
  EXPECT_EQ(whatif->suppose({}).lost, 0);

  const Outcome after = whatif->suppose(rooms({0}));

  EXPECT_NEAR(after.lost, 0.2, 1e-9);
  EXPECT_NEAR(after.rooms[0].share, 0.2, 1e-9) << "they are sent there all the same";
  EXPECT_FALSE(after.rooms[0].up);
  EXPECT_EQ(after.rooms[0].capacity, 0);
  EXPECT_TRUE(after.rooms[2].up);
  EXPECT_EQ(after.rooms[2].capacity, 100);
  ASSERT_TRUE(after.full_first);
  EXPECT_EQ(*after.full_first, 2) << "a dead room is not full";
  EXPECT_NEAR(after.full_at, 100 / after.rooms[2].share, 1e-6);
}

TEST(WhatIf, WhereEverythingIsDownTheNearestIsNamed) {
  const WhatIfOf whatif(testing::make_description());
  const Outcome after = whatif->suppose(rooms({0, 1, 2}));
  EXPECT_DOUBLE_EQ(after.rooms[0].share, 0.4);
  EXPECT_NEAR(after.lost, 1, 1e-9);
  EXPECT_EQ(after.full_first, std::nullopt);
}

TEST(WhatIf, APopulationSpreadsItsRowsOverTheirBlocks) {
  const WhatIfOf whatif(
      testing::make_description(), Counting::population,
      population("network,clients\n"
                 "# half of these are in Frankfurt, the others nobody knows where\n"
                 "10.0.0.0/15,100\n"
                 "10.2.3.0/24,60\n"
                 "10.2.0.0/16,40\n"
                 "2001:db8:3::/48,100\n"));
  EXPECT_DOUBLE_EQ(whatif->clients(), 300);
  EXPECT_NEAR(whatif->unknown(), 50.0 / 300, 1e-9);
  const Outcome now = whatif->suppose({});
  EXPECT_NEAR(now.rooms[0].share, 100.0 / 300, 1e-9) << "those nobody knows get the first";
  EXPECT_NEAR(now.rooms[1].share, 40.0 / 300, 1e-9) << "the longer row stands for itself";
  EXPECT_NEAR(now.rooms[2].share, 160.0 / 300, 1e-9);
}

TEST(WhatIf, SaysWhichRoomIsFullFirst) {
  topology::Description description = testing::make_description();
  description.rooms[1].farms[0].copies = 10;  // of 100 each; the others have one
  const WhatIfOf whatif(description);
  const Outcome now = whatif->suppose({});
  EXPECT_EQ(now.rooms[1].capacity, 1000);
  EXPECT_EQ(now.full_first, 2) << "Tokyo has the most clients of those with one copy";
  EXPECT_NEAR(now.full_at, 100 / now.rooms[2].share, 1e-6);
}

TEST(WhatIf, RoomsWithoutCopiesGetNobody) {
  topology::Description description = testing::make_description();
  description.rooms[0].farms[0].copies = 0;
  EXPECT_EQ(WhatIfOf(description)->suppose({}).rooms[0].share, 0);
}

// Only the clients of rooms that are down are looked at again.
TEST(WhatIf, ARoomThatIsDownIsLikeOneThatHasNoCopies) {
  topology::Description description = testing::make_description();
  description.policies = {{.name = "p", .rule = Rule::weighted, .of = {"nearest", "q"}},
                          {.name = "q", .rule = Rule::weighted, .of = {"fra", "iad", "nrt"}}};
  description.names = {{.name = "www.example.test", .farm = "web", .policy = "nearest"}};
  for (const auto& [policy, answers] :
       {std::pair{"nearest", 1}, {"p", 1}, {"nearest", 2}, {"weighted", 2}}) {
    description.names[0].policy = policy;
    description.names[0].answers = answers;
    const WhatIfOf whatif(description);
    for (const RoomSet& down : {rooms({0}), rooms({1}), rooms({2}), rooms({0, 1}), rooms({1, 2}),
                                rooms({0, 2}), rooms({0, 1, 2})}) {
      topology::Description without = description;
      for (std::size_t room = 0; room < 3; ++room) {
        if (down[room]) without.rooms[room].farms[0].copies = 0;
      }

      const Outcome supposed = whatif->suppose(down);
      const Outcome real = WhatIfOf(without)->suppose({});

      for (std::size_t room = 0; room < 3; ++room) {
        EXPECT_NEAR(supposed.rooms[room].share, real.rooms[room].share, 1e-12)
            << policy << " without " << down << ": room " << room;
      }
      EXPECT_NEAR(*supposed.mean_km, *real.mean_km, 1e-6) << policy << " without " << down;
      EXPECT_EQ(supposed.p95_km, real.p95_km) << policy << " without " << down;
    }
  }
}

/// Shares that are computed against those that a hundred thousand blocks are really given.
void expect_as_served(const topology::Description& description, const RoomSet& down,
                      double tolerance) {
  const Geography geography({}, description.networks);
  World world(description);
  for (std::size_t room = 0; room < 3; ++room) {
    if (down[room]) world.down.insert(description.rooms[room].name);
  }
  const auto snapshot = world.snapshot();
  const SteeredName& name = snapshot->directory->names[0];
  std::array<double, 3> served{};
  constexpr std::uint32_t blocks = 1U << 16U;
  for (std::uint32_t block = 0; block < blocks; ++block) {
    const Client client{.address = Address::v4((11U << 24U) + (block << 8U)), .ipv4 = true};
    const View view = make_view(*snapshot, name, Type::a, client);
    for (const std::uint16_t room : view.rooms()) served[room] += 1.0 / view.count / blocks;
  }
  const WhatIf whatif(geography, *snapshot->directory, name, Counting::population,
                      std::vector<PopulationRow>{{*parse_prefix("11.0.0.0/8"), 1}});
  const Outcome outcome = whatif.suppose(down);
  for (std::size_t room = 0; room < 3; ++room) {
    EXPECT_NEAR(outcome.rooms[room].share, served[room], tolerance) << room;
  }
}

TEST(WhatIf, SharesOfChoicesByWeightAreThoseThatAreServed) {
  topology::Description description = testing::make_description();
  description.policies = {{.name = "p", .rule = Rule::weighted, .of = {"fra", "q"}, .weight = 1},
                          {.name = "q", .rule = Rule::weighted, .of = {"fra", "iad", "nrt"}}};
  description.rooms[0].weight = 300;
  description.rooms[2].weight = 50;
  description.names = {{.name = "www.example.test", .farm = "web", .policy = "p"}};
  for (const RoomSet& down : {rooms({}), rooms({0}), rooms({2}), rooms({1, 2})}) {
    expect_as_served(description, down, 0.01);
  }
}

TEST(WhatIf, SharesOfSeveralAnswersAreThoseThatAreServed) {
  topology::Description description = testing::make_description();
  description.names = {
      {.name = "www.example.test", .farm = "web", .policy = "weighted", .answers = 2}};
  description.rooms[0].weight = 300;
  for (const RoomSet& down : {rooms({}), rooms({0}), rooms({1, 2})}) {
    expect_as_served(description, down, 0.05);
  }
}

TEST(Population, EveryMistakeIsSaidWithItsLine) {
  std::vector<Error> mistakes;
  parse_population("10.0.0.0/8,1\n10.0.0.1/8,1\n11.0.0.0/8,-1\n12.0.0.0/8\n", "p.csv", mistakes);
  ASSERT_EQ(mistakes.size(), 3U);
  EXPECT_EQ(mistakes[0].message,
            "p.csv:2:1: '10.0.0.1/8,1' is no row of a population; write a network and a number, "
            "such as 192.0.2.0/24,1500");
  EXPECT_TRUE(mistakes[2].message.starts_with("p.csv:4:1: "));
}

TEST(Population, AnEmptyOneIsAMistake) {
  std::vector<Error> mistakes;
  parse_population("network,weight\n", "p.csv", mistakes);
  ASSERT_EQ(mistakes.size(), 1U);
}

}  // namespace
}  // namespace hither::dns
