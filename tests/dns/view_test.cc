// SPDX-License-Identifier: Apache-2.0
#include "dns/view.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using std::chrono::seconds;
using testing::World;

View look(const World& world, const std::string& name, const std::string& from,
          std::vector<Reason>* reasons = nullptr, Type type = Type::a) {
  const auto snapshot = world.snapshot();
  const Address address = *parse_address(from);
  const SteeredName* steered = snapshot->directory->find_name(*Name::parse(name));
  return make_view(*snapshot, *steered, type, {.address = address, .ipv4 = address.is_v4()},
                   reasons);
}

std::string room_of(const World& world, const std::string& name, const std::string& from) {
  return world.description().rooms[look(world, name, from).room()].name;
}

TEST(View, NearestIsTheNearestRoomThatIsUp) {
  World world;
  EXPECT_EQ(room_of(world, "www.example.test", "10.3.0.1"), "nrt");
  EXPECT_EQ(room_of(world, "www.example.test", "2001:db8:2::1"), "iad");

  world.down = {"nrt"};
  EXPECT_EQ(room_of(world, "www.example.test", "10.3.0.1"), "fra") << "Tokyo to Frankfurt 9,300 km";
  EXPECT_EQ(room_of(world, "www.example.test", "10.2.0.1"), "iad") << "others do not notice";
}

TEST(View, DrainingRoomsAreSkipped) {
  World world;
  world.draining = {"nrt"};
  EXPECT_EQ(room_of(world, "www.example.test", "10.3.0.1"), "fra");
}

TEST(View, AllDownNamesTheNearestAnyway) {
  World world;
  world.down = {"fra", "iad", "nrt"};
  EXPECT_EQ(room_of(world, "www.example.test", "10.3.0.1"), "nrt");
  EXPECT_TRUE(look(world, "www.example.test", "10.3.0.1").fail_open);
}

TEST(View, ADrainingRoomIsBetterThanADeadOne) {
  World world;
  world.down = {"nrt", "fra"};
  world.draining = {"iad"};
  EXPECT_EQ(room_of(world, "www.example.test", "10.3.0.1"), "iad");
}

TEST(View, HealthNeverChangesTheScope) {
  World world;
  const std::vector<std::set<std::string>> downs = {
      {}, {"fra"}, {"nrt", "iad"}, {"fra", "iad", "nrt"}};
  for (const std::string name : {"www.example.test", "shop.example.test", "spare.example.test"}) {
    for (const std::string from : {"10.1.2.3", "10.2.3.4", "8.8.8.8", "2001:db8:1::1", "2a00::1"}) {
      world.down = {};
      const View before = look(world, name, from);
      for (const auto& down : downs) {
        world.down = down;
        const View view = look(world, name, from);
        EXPECT_EQ(view.depth, before.depth) << name << ' ' << from;
        EXPECT_EQ(view.tailored, before.tailored) << name << ' ' << from;
      }
    }
  }
}

TEST(View, RoomsThatDoNotRunTheFarmAreNoCandidates) {
  topology::Description description = testing::make_description();
  description.rooms[2].farms.clear();
  World world(description);
  EXPECT_EQ(room_of(world, "www.example.test", "10.3.0.1"), "fra");

  world.down = {"fra", "iad"};
  EXPECT_EQ(room_of(world, "www.example.test", "10.3.0.1"), "fra") << "also when all are down";
}

TEST(View, WithoutACandidateThereIsNoRoom) {
  topology::Description description = testing::make_description();
  for (topology::Room& room : description.rooms) room.address.pop_back();
  const View view = look(World(description), "www.example.test", "10.3.0.1", nullptr, Type::aaaa);
  EXPECT_FALSE(view.has_room());
  EXPECT_FALSE(view.tailored);
}

TEST(View, OrderedIsTheOrderOfTheFileForEverybody) {
  World world;
  EXPECT_EQ(room_of(world, "spare.example.test", "10.3.0.1"), "fra");
  EXPECT_FALSE(look(world, "spare.example.test", "10.3.0.1").tailored);

  world.down = {"fra"};
  EXPECT_EQ(room_of(world, "spare.example.test", "10.3.0.1"), "iad");
}

TEST(View, WeightedIsStableInABlockAndFollowsTheWeights) {
  topology::Description description = testing::make_description();
  description.rooms[0].weight = 100;
  description.rooms[1].weight = 200;
  description.rooms[2].weight = 0;
  const World world(description);
  const auto snapshot = world.snapshot();
  const SteeredName& name = *snapshot->directory->find_name(*Name::parse("shop.example.test"));
  Rng rng(1);
  std::array<int, 3> hits{};
  for (int i = 0; i < 6000; ++i) {
    const auto block = static_cast<std::uint32_t>(rng.below(1U << 24U)) << 8U;
    const View one =
        make_view(*snapshot, name, Type::a, {.address = Address::v4(block | 1), .ipv4 = true});
    const View other =
        make_view(*snapshot, name, Type::a, {.address = Address::v4(block | 254), .ipv4 = true});
    EXPECT_EQ(one.room(), other.room());
    EXPECT_EQ(one.depth, 96 + 24);
    ++hits[one.room()];
  }
  // Six standard deviations of a binomial with n = 6000 and p = 1/3 are 219.
  EXPECT_NEAR(hits[0], 2000, 219);
  EXPECT_NEAR(hits[1], 4000, 219);
  EXPECT_EQ(hits[2], 0);
}

TEST(View, WeightedMovesOnlyTheClientsOfARoomThatFails) {
  World world;
  const auto before = world.snapshot();
  world.down = {"iad"};
  const auto after = world.snapshot();
  const SteeredName& name = *before->directory->find_name(*Name::parse("shop.example.test"));
  for (std::uint32_t block = 0; block < 1000; ++block) {
    const Client client{.address = Address::v4(block << 8U), .ipv4 = true};
    const View was = make_view(*before, name, Type::a, client);
    const View is = make_view(*after, name, Type::a, client);
    EXPECT_TRUE(was.room() == 1 || was.room() == is.room()) << block;
    EXPECT_NE(is.room(), 1);
  }
}

TEST(View, WeightedSpreadsNamesIndependently) {
  topology::Description description = testing::make_description();
  description.names.push_back({.name = "other.example.test", .farm = "web", .policy = "weighted"});
  const World world(description);
  int same = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string from = "9." + std::to_string(i % 250) + ".7.1";
    same += room_of(world, "shop.example.test", from) == room_of(world, "other.example.test", from);
  }
  EXPECT_NEAR(same, 100, 60);
}

// Rule 5 of dns/view.h.
TEST(ViewTtl, IsTheNamesWhereStatesHoldLonger) {
  World world;
  world.holds_for = seconds(60);
  EXPECT_EQ(look(world, "www.example.test", "10.3.0.1").ttl, seconds(20));
}

TEST(ViewTtl, IsNoLongerThanTheChosenRoomsStateHolds) {
  World world;
  world.holds_for = std::chrono::milliseconds(7900);
  EXPECT_EQ(look(world, "www.example.test", "10.3.0.1").ttl, seconds(7)) << "whole seconds, down";
}

TEST(ViewTtl, IsAtLeastASecond) {
  World world;
  world.holds_for = std::chrono::milliseconds(600);
  EXPECT_EQ(look(world, "www.example.test", "10.3.0.1").ttl, seconds(1));
}

TEST(ViewTtl, OnlyTheChosenRoomAndThoseBeforeItMatter) {
  const World world;
  auto snapshot = *world.snapshot();
  const SteeredName& name = snapshot.directory->names[0];
  const Client tokyo{.address = *parse_address("10.3.0.1"), .ipv4 = true};
  for (std::size_t room = 0; room < 3; ++room) snapshot.rooms.at(room, 0).holds_for = seconds(15);

  snapshot.rooms.at(0, 0).holds_for = seconds(3);  // fra, behind nrt
  EXPECT_EQ(make_view(snapshot, name, Type::a, tokyo).ttl, seconds(15));

  snapshot.rooms.at(2, 0).state = RoomState::down;  // nrt: now fra is chosen
  snapshot.rooms.at(2, 0).holds_for = seconds(2);   // and nrt's return matters
  EXPECT_EQ(make_view(snapshot, name, Type::a, tokyo).ttl, seconds(2));

  snapshot.rooms.at(2, 0).holds_for = seconds(9);
  EXPECT_EQ(make_view(snapshot, name, Type::a, tokyo).ttl, seconds(3));
}

TEST(ViewTtl, AllCandidatesMatterWhenNoneIsUp) {
  World world;
  world.down = {"fra", "iad", "nrt"};
  auto snapshot = *world.snapshot();
  snapshot.rooms.at(1, 0).holds_for = seconds(2);  // iad, last for Tokyo
  const Client tokyo{.address = *parse_address("10.3.0.1"), .ipv4 = true};
  EXPECT_EQ(make_view(snapshot, snapshot.directory->names[0], Type::a, tokyo).ttl, seconds(2));
}

Shares shares_of(const World& world) {
  return {world.description().rooms.size(), world.description().farms.size()};
}

std::vector<std::uint16_t> rooms_of(const View& view) {
  return {view.rooms().begin(), view.rooms().end()};
}

TEST(View, SeveralAnswersAreTheBestRoomsThatAreUp) {
  topology::Description description = testing::make_description();
  description.names[0].answers = 2;
  World world(description);
  EXPECT_EQ(rooms_of(look(world, "www.example.test", "10.3.0.1")),
            (std::vector<std::uint16_t>{2, 0}));
  world.down = {"fra"};
  EXPECT_EQ(rooms_of(look(world, "www.example.test", "10.3.0.1")),
            (std::vector<std::uint16_t>{2, 1}));
  world.down = {"fra", "iad"};
  EXPECT_EQ(rooms_of(look(world, "www.example.test", "10.3.0.1")), (std::vector<std::uint16_t>{2}));
  world.down = {"fra", "iad", "nrt"};
  EXPECT_EQ(rooms_of(look(world, "www.example.test", "10.3.0.1")),
            (std::vector<std::uint16_t>{2, 0}));
  EXPECT_TRUE(look(world, "www.example.test", "10.3.0.1").fail_open);
}

TEST(View, AFenceHoldsAlsoWhenEverythingIsDown) {
  topology::Description description = testing::make_description();
  description.policies = {
      {.name = "p",
       .fences = {{.from = {{.country = {}, .network = *parse_prefix("10.3.0.0/16")}},
                   .never = {"nrt"}}}}};
  description.names[0].policy = "p";
  World world(description);
  EXPECT_EQ(room_of(world, "www.example.test", "10.3.0.1"), "fra");
  world.down = {"fra", "iad"};
  EXPECT_EQ(room_of(world, "www.example.test", "10.3.0.1"), "fra") << "though nrt is up";
  std::vector<Reason> reasons;
  look(world, "www.example.test", "10.3.0.1", &reasons);
  ASSERT_EQ(reasons.size(), 3U);
  EXPECT_EQ(reasons[2].verdict, Verdict::fenced);
}

TEST(View, AThinRoomIsSkippedButBetterThanADeadOne) {
  World world;
  world.shares = shares_of(world);
  world.shares.at(2, 0).thin = true;
  EXPECT_EQ(room_of(world, "www.example.test", "10.3.0.1"), "fra");
  world.down = {"fra", "iad"};
  EXPECT_EQ(room_of(world, "www.example.test", "10.3.0.1"), "nrt");
}

TEST(View, ADrainMovesTheShareOfBlocksThatItSays) {
  topology::Description description = testing::make_description();
  description.names[0].policy = "weighted";
  World world(description);
  world.draining = {"nrt"};
  const auto before = World(description).snapshot();
  world.shares = shares_of(world);
  std::array<int, 5> left{};
  for (std::size_t quarter = 0; quarter < left.size(); ++quarter) {
    world.shares.at(2, 0).drained = RoomShare::all / 4 * quarter;
    const auto snapshot = world.snapshot();
    const SteeredName& name = snapshot->directory->names[0];
    for (std::uint32_t block = 0; block < 3000; ++block) {
      const Client client{.address = Address::v4(block << 8U), .ipv4 = true};
      const std::uint16_t was =
          make_view(*before, before->directory->names[0], Type::a, client).room();
      const std::uint16_t is = make_view(*snapshot, name, Type::a, client).room();
      ASSERT_TRUE(is == was || was == 2) << "others stay";
      left[quarter] += is != was;
    }
  }
  EXPECT_EQ(left[0], 0);
  EXPECT_NEAR(left[2], left[4] / 2, 80);
  EXPECT_TRUE(left[1] < left[2] && left[2] < left[3] && left[3] < left[4]);
}

TEST(View, AFullRoomShedsOnlyTheExcess) {
  topology::Description description = testing::make_description();
  description.rooms[0].farms[0].spill = topology::Spill{};
  World world(description);
  world.shares = shares_of(world);
  world.shares.at(2, 0).shed = RoomShare::all / 10 * 3;
  world.shares.at(0, 0).open = 0;
  const auto snapshot = world.snapshot();
  int moved = 0;
  for (std::uint32_t block = 0; block < 256; ++block) {
    const Client client{.address = Address::v4((10U << 24U) + (3U << 16U) + (block << 8U)),
                        .ipv4 = true};
    const View view = make_view(*snapshot, snapshot->directory->names[0], Type::a, client);
    EXPECT_EQ(view.depth, 96 + 24);
    EXPECT_NE(view.room(), 0) << "fra takes nobody";
    moved += view.room() == 1;
  }
  EXPECT_NEAR(moved, 77, 45) << "six standard deviations";
}

TEST(View, ShedClientsStayWhereNobodyIsOpen) {
  topology::Description description = testing::make_description();
  description.rooms[0].farms[0].spill = topology::Spill{};
  World world(description);
  world.shares = shares_of(world);
  world.shares.at(2, 0).shed = RoomShare::all;
  world.shares.at(0, 0).open = 0;
  world.shares.at(1, 0).open = 0;
  const View view = look(world, "www.example.test", "10.3.0.1");
  EXPECT_EQ(view.room(), 2);
  EXPECT_FALSE(view.fail_open);
}

TEST(View, ScopesOfAFarmThatMaySpillAreBlocksAlsoWhileItDoesNot) {
  topology::Description description = testing::make_description();
  const World without(description);
  description.rooms[0].farms[0].spill = topology::Spill{};
  const World with(description);
  EXPECT_EQ(look(without, "www.example.test", "10.3.0.1").depth, 96 + 16);
  EXPECT_EQ(look(with, "www.example.test", "10.3.0.1").depth, 96 + 24);
  EXPECT_EQ(look(with, "spare.example.test", "10.3.0.1").depth, 96 + 24);
  EXPECT_EQ(look(with, "www.example.test", "2001:db8:1::1").depth, 56);
}

TEST(ViewTtl, IsShortWhereTheRoomIsAboutToDrain) {
  World world;
  world.draining = {"nrt"};
  world.holds_for = seconds(60);
  world.shares = shares_of(world);
  world.shares.at(2, 0) = {.drained = 0, .ttl_most = seconds(2)};
  EXPECT_EQ(look(world, "www.example.test", "10.3.0.1").ttl, seconds(2));
  EXPECT_EQ(look(world, "www.example.test", "10.1.0.1").ttl, seconds(20)) << "others' answers";
}

TEST(View, ReasonsListEveryRoomInOrderAndChangeNothing) {
  World world;
  world.down = {"nrt"};
  std::vector<Reason> reasons;

  const View with = look(world, "www.example.test", "10.3.0.1", &reasons);
  const View without = look(world, "www.example.test", "10.3.0.1");

  EXPECT_EQ(with.room(), without.room());
  EXPECT_EQ(with.ttl, without.ttl);
  ASSERT_EQ(reasons.size(), 3U);
  EXPECT_EQ(reasons[0].verdict, Verdict::down);
  EXPECT_EQ(reasons[1].verdict, Verdict::chosen);
  EXPECT_EQ(reasons[2].verdict, Verdict::behind);
}

TEST(Client, TheSubnetWinsUnlessItOptsOut) {
  ClientSubnet subnet;
  subnet.source_length = 8;
  subnet.address[0] = std::byte{10};
  const Address asker = *parse_address("2001:db8::53");

  EXPECT_EQ(to_text(client_of(&subnet, asker).address), "10.0.0.0");
  EXPECT_TRUE(client_of(&subnet, asker).ipv4);
  EXPECT_EQ(client_of(nullptr, asker).address, asker);
  subnet = {};
  EXPECT_EQ(client_of(&subnet, asker).address, asker);
  EXPECT_FALSE(client_of(&subnet, asker).ipv4);
}

}  // namespace
}  // namespace hither::dns
