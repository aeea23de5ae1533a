// SPDX-License-Identifier: Apache-2.0
#include "dns/client_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "dns/builtin_geo.h"

namespace hither::dns::client_map_test {
namespace {

Address address(const std::string& text) { return *parse_address(text); }

topology::Room room(const std::string& name, topology::Location location) {
  topology::Room room;
  room.name = name;
  room.location = location;
  return room;
}

topology::Network network(const std::string& prefix, topology::Location location) {
  return {*parse_prefix(prefix), location, "", {}};
}

std::vector<topology::Room> three_rooms() {
  return {room("fra", {50.11, 8.68}), room("iad", {39.04, -77.49}), room("nrt", {35.76, 140.39})};
}

Geography builtin() {
  std::vector<GeoTable> databases;
  databases.push_back(*builtin_geo());
  return {std::move(databases), {}};
}

std::string order(const ClientMap& map, const std::vector<topology::Room>& rooms,
                  const std::string& at) {
  std::string names;
  for (const std::uint16_t index : map.rooms(map.find(address(at)).ranking)) {
    names += (names.empty() ? "" : " ") + rooms[index].name;
  }
  return names;
}

TEST(ClientMap, OrdersRoomsByDistance) {
  const auto rooms = three_rooms();
  const ClientMap map = ClientMap::build(builtin(), rooms);

  EXPECT_EQ(order(map, rooms, "133.11.0.1"), "nrt fra iad");
  EXPECT_EQ(order(map, rooms, "141.20.0.1"), "fra iad nrt");
  EXPECT_EQ(order(map, rooms, "18.0.0.1"), "iad fra nrt");
  EXPECT_EQ(order(map, rooms, "2001:240::1"), "nrt fra iad");
  EXPECT_EQ(map.rankings(), 6U);
}

TEST(ClientMap, GivesTheCatchAllRankingToWhatNobodyKnows) {
  const auto rooms = three_rooms();
  const ClientMap map = ClientMap::build(builtin(), rooms);

  EXPECT_EQ(map.find(address("127.0.0.1")).ranking, 0U);
  EXPECT_EQ(order(map, rooms, "10.0.0.1"), "fra iad nrt");
}

TEST(ClientMap, TiesEndInTheIndex) {
  const std::vector<topology::Room> rooms = {room("east", {0, 10}), room("west", {0, -10}),
                                             room("also-west", {0, -10})};
  const std::vector<topology::Network> networks = {network("10.0.0.0/8", {0, 0}),
                                                   network("11.0.0.0/8", {0, -1})};
  const ClientMap map = ClientMap::build(Geography({}, networks), rooms);

  EXPECT_EQ(order(map, rooms, "10.0.0.1"), "east west also-west");
  EXPECT_EQ(order(map, rooms, "11.0.0.1"), "west also-west east");
}

TEST(ClientMap, ScopeIsTheWidestBlockWithTheSameRanking) {
  const auto rooms = three_rooms();
  const std::vector<topology::Network> networks = {
      network("10.0.0.0/16", {35, 139}), network("10.1.0.0/16", {34, 135}),  // both nearest to nrt
      network("10.2.0.0/16", {40, -75})};
  const ClientMap map = ClientMap::build(Geography({}, networks), rooms);

  EXPECT_EQ(map.find(address("10.0.0.1")).scope_length, 96 + 15);
  EXPECT_EQ(map.find(address("10.1.0.1")).scope_length, 96 + 15);
  EXPECT_EQ(map.find(address("10.2.0.1")).scope_length, 96 + 16);
  EXPECT_EQ(map.find(address("10.3.0.1")).scope_length, 96 + 16);
  EXPECT_EQ(map.find(address("10.4.0.1")).scope_length, 96 + 14);
  EXPECT_EQ(map.find(address("200.0.0.1")).scope_length, 96 + 1);
}

TEST(ClientMap, NoAnswerHasScopeZero) {
  const std::vector<topology::Room> one = {room("fra", {50.11, 8.68})};
  const ClientMap map = ClientMap::build(Geography({}, {}), one);

  EXPECT_EQ(map.find(address("9.9.9.9")).scope_length, 96 + 1);
  EXPECT_EQ(map.find(address("8000::1")).scope_length, 1);
  EXPECT_EQ(map.rankings(), 1U);
}

TEST(ClientMap, RanksTheNearestInOrderAndTheRestByIndex) {
  std::vector<topology::Room> rooms;
  for (int i = 0; i < 12; ++i) rooms.push_back(room("r" + std::to_string(i), {0, 60.0 - 5 * i}));
  const std::vector<topology::Network> networks = {network("10.0.0.0/8", {0, 0})};
  const ClientMap map = ClientMap::build(Geography({}, networks), rooms);

  EXPECT_EQ(order(map, rooms, "10.0.0.1"), "r11 r10 r9 r8 r7 r6 r5 r4 r0 r1 r2 r3");
  EXPECT_EQ(order(map, rooms, "11.0.0.1"), "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11");
}

TEST(ClientMap, IsTheSameOrderThatDistancesSay) {
  const auto rooms = three_rooms();
  const Geography geography = builtin();
  const ClientMap map = ClientMap::build(geography, rooms);
  Rng rng(3);
  for (int i = 0; i < 2000; ++i) {
    const Address client = Address::v4(static_cast<std::uint32_t>(rng.next()));
    const auto found = geography.find(client);
    if (!found) continue;
    double before = 0;
    for (const std::uint16_t index : map.rooms(map.find(client).ranking)) {
      const double km = distance_km(found->place.location, rooms[index].location);
      EXPECT_GE(km, before - 0.001) << to_text(client);
      before = km;
    }
  }
}

TEST(ClientMap, RanksFewerRoomsWhereThereWouldBeTooManyRankings) {
  Rng rng(5);
  std::vector<topology::Room> rooms;
  for (int i = 0; i < 30; ++i) {
    rooms.push_back(room("r" + std::to_string(i), {rng.unit() * 180 - 90, rng.unit() * 360 - 180}));
  }
  GeoTableBuilder builder;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const GeoPlace place{rng.unit() * 180 - 90, rng.unit() * 360 - 180, {}};
    builder.step4(i << 16U, builder.place(place));
  }
  std::vector<GeoTable> databases;
  databases.push_back(builder.finish("many"));
  const Geography geography(std::move(databases), {});
  ASSERT_GT(ClientMap::build(geography, rooms).rankings(), 900U);
  const ClientMap map = ClientMap::build(geography, rooms, 900);

  EXPECT_LE(map.rankings(), 900U);
  EXPECT_GT(map.rankings(), 30U);
  for (std::uint32_t i = 0; i < 2000; i += 99) {
    const Address client = Address::v4(i << 16U);
    const auto order = map.rooms(map.find(client).ranking);
    EXPECT_TRUE(std::is_sorted(order.begin() + 4, order.end())) << "more than 4 are ranked";
    const auto place = geography.find(client)->place.location;
    for (const auto& other : rooms) {
      EXPECT_LE(distance_km(place, rooms[order[0]].location),
                distance_km(place, other.location) + 0.001);
    }
  }
}

TEST(ClientMap, TakesEveryBoundOnRankings) {
  const auto rooms = three_rooms();
  const ClientMap map = ClientMap::build(builtin(), rooms, 1);

  EXPECT_EQ(map.rankings(), 1U);
  EXPECT_EQ(order(map, rooms, "133.11.0.1"), "fra iad nrt");
}

TEST(ClientMap, CutsAtNetworksOfRulesAndKeepsOneOrderForAll) {
  topology::Description description;
  description.rooms = three_rooms();
  description.policies = {
      {.name = "fenced",
       .rule = topology::Rule::ordered,
       .fences = {
           {.from = {{.country = {}, .network = *parse_prefix("10.3.0.0/16")}}, .only = {"nrt"}}}}};
  const Geography nothing({}, {});
  const auto map = ClientMap::build(nothing, description, "fenced");
  const auto same = ClientMap::build(nothing, description, "ordered");

  EXPECT_EQ(order(*map, description.rooms, "10.3.7.1"), "nrt");
  EXPECT_EQ(order(*map, description.rooms, "10.2.7.1"), "fra iad nrt");
  EXPECT_EQ(map->find(address("10.3.7.1")).scope_length, 96 + 16);
  EXPECT_EQ(map->find(address("10.2.7.1")).scope_length, 96 + 16);
  EXPECT_EQ(same->rankings(), 1U);
}

TEST(ClientMap, CountriesOfTheDatabaseCount) {
  topology::Description description;
  description.rooms = three_rooms();
  description.policies = {
      {.name = "fenced",
       .fences = {{.from = {{.country = "JP", .network = {}}}, .never = {"nrt"}}}}};
  const auto map = ClientMap::build(builtin(), description, "fenced");
  EXPECT_EQ(order(*map, description.rooms, "133.11.0.1"), "fra iad");
  EXPECT_EQ(order(*map, description.rooms, "141.20.0.1"), "fra iad nrt");
}

TEST(ClientMap, TooManyRulesAreRefused) {
  topology::Description description;
  description.rooms = three_rooms();
  description.policies = {
      {.name = "fenced",
       .rule = topology::Rule::ordered,
       .fences = {
           {.from = {{.country = {}, .network = *parse_prefix("10.3.0.0/16")}}, .only = {"nrt"}}}}};
  const auto map = ClientMap::build(Geography({}, {}), description, "fenced", 1);
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().message,
            "policy 'fenced' comes to more than 1 different orders of rooms; use fewer fences and "
            "preferences");
}

TEST(ClientMap, GroupsAreDecidedByTheKeyAndTheWeights) {
  topology::Description description;
  description.rooms = three_rooms();
  description.rooms[2].weight = 0;
  description.policies = {{.name = "w", .rule = topology::Rule::weighted, .of = {"pair", "nrt"}},
                          {.name = "pair", .rule = topology::Rule::ordered, .of = {"iad", "fra"}}};
  const auto map = ClientMap::build(Geography({}, {}), description, "w");
  ASSERT_TRUE(map->grouped(0));
  ClientMap::Buffer buffer;
  for (std::uint64_t key = 0; key < 100; ++key) {
    const auto rooms = map->rooms(0, key, buffer);
    ASSERT_EQ(std::vector<std::uint16_t>(rooms.begin(), rooms.end()),
              (std::vector<std::uint16_t>{1, 0, 2}))
        << "weight 0 comes last";
  }
}

TEST(ClientMaps, NamesWithEqualPoliciesShareOne) {
  topology::Description description;
  description.rooms = three_rooms();
  description.policies = {
      {.name = "same"}, {.name = "other", .rule = topology::Rule::weighted, .of = {"fra", "iad"}}};
  description.names = {{.name = "a"},
                       {.name = "b", .policy = "same"},
                       {.name = "c", .policy = "other"},
                       {.name = "d", .policy = "other"}};
  std::vector<Error> mistakes;
  const ClientMaps maps = ClientMaps::build(Geography({}, {}), description, mistakes);
  EXPECT_TRUE(mistakes.empty());
  EXPECT_EQ(maps.map_of_name, (std::vector<std::uint16_t>{0, 0, 1, 1}));
}

TEST(ClientMap, HalvesMadeAtTheSameTimeComeToTheSameMap) {
  topology::Description description;
  description.rooms = three_rooms();
  description.policies = {{.name = "p", .of = {"fra", "iad", "nrt"}}};
  const std::vector<std::pair<std::string, std::string>> fences = {
      {"10.0.0.0/8", "nrt"}, {"11.0.0.0/8", "iad"},   {"133.0.0.0/8", "fra"},
      {"18.0.0.0/8", "nrt"}, {"2001::/16", "iad"},    {"2a00::/12", "nrt"},
      {"2600::/12", "fra"},  {"2001:240::/32", "nrt"}};
  for (const auto& [prefix, room] : fences) {
    description.policies[0].fences.push_back(
        {.from = {{.country = {}, .network = *parse_prefix(prefix)}}, .only = {room}});
  }
  std::mutex mutex;
  const Halves two_threads{.run_both =
                               [](const Halves::Task& one, const Halves::Task& other) {
                                 const std::jthread beside(one);
                                 other();
                               },
                           .run_alone =
                               [&mutex](const Halves::Task& task) {
                                 const std::lock_guard lock(mutex);
                                 task();
                               }};
  const Geography geography = builtin();
  const auto one = ClientMap::build(geography, description, "p");
  const auto both =
      ClientMap::build(geography, description, "p", ClientMap::rankings_most, two_threads);
  ASSERT_TRUE(one && both);

  EXPECT_EQ(one->rankings(), both->rankings());
  EXPECT_EQ(one->leaves(), both->leaves());
  EXPECT_EQ(order(*both, description.rooms, "10.3.0.1"), "nrt");
  EXPECT_EQ(order(*both, description.rooms, "2001:240::1"), "nrt");
  EXPECT_EQ(order(*both, description.rooms, "2001::1"), "iad");
  Rng rng(9);
  for (int i = 0; i < 5000; ++i) {
    std::array<std::byte, 16> octets{};
    for (std::byte& octet : octets) octet = static_cast<std::byte>(rng.below(256));
    octets[0] = static_cast<std::byte>(0x20 + rng.below(16));
    const Address client =
        i % 2 == 0 ? Address::v6(octets) : Address::v4(static_cast<std::uint32_t>(rng.next()));
    EXPECT_EQ(one->find(client).scope_length, both->find(client).scope_length);
    EXPECT_TRUE(std::ranges::equal(one->rooms(one->find(client).ranking),
                                   both->rooms(both->find(client).ranking)))
        << to_text(client);
  }
}

}  // namespace
}  // namespace hither::dns::client_map_test
