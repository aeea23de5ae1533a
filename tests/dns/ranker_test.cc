// SPDX-License-Identifier: Apache-2.0
#include "dns/ranker.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hither::dns::ranker_test {
namespace {

using std::chrono::milliseconds;
using topology::Description;
using topology::Origin;
using topology::Rule;

const topology::Location in_tokyo{35.7, 139.7};
const topology::Location in_almaty{43.2, 76.9};

topology::Room room(const std::string& name, topology::Location location) {
  topology::Room room;
  room.name = name;
  room.location = location;
  return room;
}

/// 0 fra, 1 iad, 2 nrt, 3 bom.
Description world() {
  Description description;
  description.rooms = {room("fra", {50.11, 8.68}), room("iad", {39.04, -77.49}),
                       room("nrt", {35.76, 140.39}), room("bom", {19.09, 72.87})};
  return description;
}

Origin origin(const std::string& text) {
  if (text.size() == 2) return {.country = text, .network = {}};
  return {.country = {}, .network = *parse_prefix(text)};
}

Site site(topology::Location location, const std::string& country = "",
          const std::string& network = "") {
  Site site{.point = on_globe(location), .country = country, .network = {}};
  if (!network.empty()) site.network = *parse_prefix(network);
  return site;
}

Order order(const Description& description, const std::string& policy, const Site& site,
            std::size_t ranked = 8) {
  const auto tree = resolve_policy(description, policy);
  EXPECT_TRUE(tree) << policy;
  return tree ? Ranker(*tree, description).order(site, ranked) : Order();
}

TEST(Bias, IsThatOfRoute53) {
  EXPECT_EQ(with_bias(1000, 0), 1000);
  EXPECT_EQ(with_bias(1000, 25), 750) << "d x (1 - b/100)";
  EXPECT_EQ(with_bias(1000, 99), 10);
  EXPECT_EQ(with_bias(1000, -50), 2000) << "d / (1 + b/100)";
  EXPECT_EQ(with_bias(1000, -99), 100'000);
}

TEST(Ranker, NearestIsByDistance) {
  EXPECT_EQ(order(world(), "nearest", site(in_tokyo)), (Order{2, 3, 0, 1}));
  EXPECT_EQ(order(world(), "nearest", site(in_almaty)), (Order{3, 0, 2, 1}));
  EXPECT_EQ(order(world(), "nearest", Site{}), (Order{0, 1, 2, 3})) << "nobody knows where";
}

/// Where distance alone counts there is a short way; a latency nobody has makes it take the long.
TEST(Ranker, TheShortWayLeadsToTheSameOrder) {
  Rng rng(11);
  Description description;
  for (int i = 0; i < 30; ++i) {
    description.rooms.push_back(
        room("r" + std::to_string(i), {rng.unit() * 180 - 90, rng.unit() * 360 - 180}));
  }
  Description longer = description;
  longer.latencies = {{.from = {origin("10.0.0.0/8")}, .room = "r3", .rtt = milliseconds(9)}};
  const auto tree = resolve_policy(description, "nearest");
  Ranker one(*tree, description);
  Ranker other(*tree, longer);
  for (int i = 0; i < 3000; ++i) {
    const Site client = site({rng.unit() * 180 - 90, rng.unit() * 360 - 180});
    for (const std::size_t ranked : std::initializer_list<std::size_t>{0, 1, 8, 40}) {
      ASSERT_EQ(one.order(client, ranked), other.order(client, ranked)) << i;
    }
  }
}

TEST(Ranker, BiasMakesARoomNearer) {
  Description description = world();
  description.rooms[1].bias = 60;
  EXPECT_EQ(order(description, "nearest", site(in_tokyo)), (Order{2, 1, 3, 0}));
  description.rooms[2].bias = -99;
  EXPECT_EQ(order(description, "nearest", site(in_tokyo)), (Order{1, 2, 3, 0}))
      << "iad 0.4 x 10,900 km, nrt 100 x 63 km";
}

TEST(Ranker, AMeasuredRoundTripTakesThePlaceOfDistance) {
  Description description = world();
  description.latencies = {
      {.from = {origin("KZ")}, .room = "bom", .rtt = milliseconds(180)},
      {.from = {origin("KZ")}, .room = "fra", .rtt = milliseconds(60)},
      {.from = {origin("10.0.0.0/8")}, .room = "fra", .rtt = milliseconds(500)}};

  EXPECT_EQ(order(description, "nearest", site(in_almaty, "KZ")), (Order{0, 2, 1, 3}))
      << "4,200 km for 60 ms, 12,600 km for 180 ms, the others by distance";
  EXPECT_EQ(order(description, "nearest", site(in_almaty, "UZ")), (Order{3, 0, 2, 1}));
  EXPECT_EQ(order(description, "nearest", site(in_almaty, "KZ", "10.0.0.0/8")), (Order{2, 1, 3, 0}))
      << "the network wins for fra, the country counts for bom";
}

TEST(Ranker, MeasuredRoomsCountWhereNobodyKnowsThePlace) {
  Description description = world();
  description.latencies = {{.from = {origin("10.0.0.0/8")}, .room = "nrt", .rtt = milliseconds(9)}};
  Site client;
  client.network = *parse_prefix("10.0.0.0/8");
  EXPECT_EQ(order(description, "nearest", client), (Order{2, 0, 1, 3}));
}

TEST(Ranker, AFenceTakesRoomsAway) {
  Description description = world();
  description.policies = {
      {.name = "p",
       .fences = {{.from = {origin("JP")}, .only = {"fra", "iad"}, .never = {"iad"}},
                  {.from = {origin("10.0.0.0/8")}, .never = {"nrt"}}}}};

  EXPECT_EQ(order(description, "p", site(in_tokyo, "JP")), (Order{0}));
  EXPECT_EQ(order(description, "p", site(in_tokyo, "KR")), (Order{2, 3, 0, 1}));
  EXPECT_EQ(order(description, "p", site(in_tokyo, "JP", "10.0.0.0/8")), (Order{3, 0, 1}))
      << "one fence at a time, that of the network";
}

TEST(Ranker, PreferredMembersComeFirst) {
  Description description = world();
  description.policies = {
      {.name = "p", .prefers = {{.from = {origin("JP")}, .order = {"iad", "fra"}}}}};
  EXPECT_EQ(order(description, "p", site(in_tokyo, "JP")), (Order{1, 0, 2, 3}));
  EXPECT_EQ(order(description, "p", site(in_tokyo)), (Order{2, 3, 0, 1}));
}

TEST(Ranker, AGroupCostsWhatItsNearestRoomCosts) {
  Description description = world();
  description.policies = {{.name = "p", .rule = Rule::nearest, .of = {"west", "east"}},
                          {.name = "west", .rule = Rule::ordered, .of = {"iad", "fra"}},
                          {.name = "east", .rule = Rule::ordered, .of = {"bom", "nrt"}}};
  EXPECT_EQ(order(description, "p", site(in_tokyo)), (Order{3, 2, 1, 0}));
  EXPECT_EQ(order(description, "p", site({48, 2})), (Order{1, 0, 3, 2}));
}

TEST(Ranker, ARoomThatComesTwiceCountsWhereItComesFirst) {
  Description description = world();
  description.policies = {{.name = "p", .rule = Rule::ordered, .of = {"iad", "nearest"}}};
  EXPECT_EQ(order(description, "p", site(in_tokyo)), (Order{1, 2, 3, 0}));
}

TEST(Ranker, AChoiceByWeightIsAGroup) {
  Description description = world();
  description.rooms[1].weight = 30;
  description.policies = {{.name = "p", .rule = Rule::ordered, .of = {"nrt", "w"}},
                          {.name = "w", .rule = Rule::weighted, .of = {"iad", "e", "nrt"}},
                          {.name = "e", .rule = Rule::ordered, .of = {"bom", "fra"}, .weight = 7}};
  const Order expected = {2,  // nrt
                          group_flag | 2,
                          1,  // two members, of node 1
                          1,
                          30,
                          1,
                          1,  // iad
                          group_flag | 2,
                          7,
                          2,
                          3,
                          0};  // e: bom, fra
  EXPECT_EQ(order(description, "p", site(in_tokyo)), expected) << "nrt stands before it already";
}

TEST(Ranker, AChoiceAmongOneIsNone) {
  Description description = world();
  description.policies = {{.name = "w",
                           .rule = Rule::weighted,
                           .of = {"iad", "nrt"},
                           .fences = {{.from = {origin("JP")}, .never = {"nrt"}}}}};
  EXPECT_EQ(order(description, "w", site(in_tokyo, "JP")), (Order{1}));
}

TEST(Ranker, OnlySoManyAreRankedByDistance) {
  EXPECT_EQ(order(world(), "nearest", site(in_tokyo), 1), (Order{2, 0, 1, 3}));
  EXPECT_EQ(order(world(), "nearest", site(in_tokyo), 0), (Order{0, 1, 2, 3}));
}

TEST(Ranker, NamesEveryNetworkThatARuleIsAbout) {
  Description description = world();
  description.policies = {
      {.name = "p",
       .fences = {{.from = {origin("JP"), origin("10.0.0.0/8")}, .never = {"nrt"}}},
       .prefers = {{.from = {origin("2001:db8::/32")}, .order = {"nrt"}}}}};
  description.latencies = {{.from = {origin("10.0.0.0/8"), origin("11.0.0.0/8")},
                            .room = "nrt",
                            .rtt = milliseconds(9)}};
  const auto tree = resolve_policy(description, "p");
  EXPECT_EQ(Ranker(*tree, description).networks().size(), 3U);
}

}  // namespace
}  // namespace hither::dns::ranker_test
