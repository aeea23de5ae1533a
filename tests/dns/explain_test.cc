// SPDX-License-Identifier: Apache-2.0
#include "dns/explain.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dns/protocol.h"
#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::World;

Explanation explained(const World& world, const std::string& name, const std::string& from,
                      const std::string& type = "") {
  return explain(*world.snapshot(), world.geography(),
                 *parse_question({.name = name, .from = from, .type = type}));
}

Result<Question> parse(std::string_view name, std::string_view from, std::string_view type,
                       std::string_view resolver = "") {
  return parse_question({.name = name, .from = from, .type = type, .resolver = resolver});
}

TEST(Question, TakesAddressesAndNetworks) {
  EXPECT_EQ(to_text(parse("a.test", "10.3.0.1", "")->from), "10.3.0.1/32");
  EXPECT_EQ(to_text(parse("a.test", "2001:db8::/32", "aaaa")->from), "2001:db8::/32");
  EXPECT_EQ(parse("a.test", "10.0.0.0/8", "AAAA")->type, Type::aaaa);
  EXPECT_EQ(parse("a.test", "10.0.0.0/8", "a")->type, Type::a);
  EXPECT_EQ(parse("a.test", "10.3.0.1", "")->resolver, std::nullopt);
  EXPECT_EQ(parse("a.test", "10.3.0.1", "", "::1")->resolver, *parse_address("::1"));
}

TEST(Question, RefusesWhatItDoesNotUnderstand) {
  EXPECT_FALSE(parse("", "10.3.0.1", ""));
  EXPECT_FALSE(parse("a.test", "here", ""));
  EXPECT_FALSE(parse("a.test", "10.3.0.1/8", "")) << "bits behind the length";
  EXPECT_FALSE(parse("a.test", "", ""));
  EXPECT_FALSE(parse("a.test", "10.3.0.1", "TXT"));
  EXPECT_FALSE(parse("a.test", "10.3.0.1", "", "10.0.0.0/8")) << "a resolver is one address";
}

TEST(Explain, SaysWhereTheClientIsAndHowFarTheRooms) {
  const Explanation result = explained(World(), "www.example.test", "10.3.7.0/24");

  ASSERT_TRUE(result.network);
  EXPECT_EQ(to_text(result.network->block), "10.3.0.0/16");
  EXPECT_EQ(result.network->place.title, "10.3.0.0/16");
  ASSERT_EQ(result.rooms.size(), 3U);
  EXPECT_EQ(result.rooms[0].name, "nrt");
  EXPECT_NEAR(*result.rooms[0].km, 0, 1);
  EXPECT_NEAR(*result.rooms[1].km, 9350, 100) << "Tokyo to Frankfurt";
  EXPECT_EQ(result.addresses, std::vector<std::string>{"127.12.0.1"});
  EXPECT_EQ(to_text(*result.scope), "10.3.0.0/16");
}

TEST(Explain, SaysWhatWasSkippedAndWhatSetTheTtl) {
  World world;
  world.down = {"nrt"};
  world.holds_for = std::chrono::milliseconds(600);

  const Explanation result = explained(world, "www.example.test", "10.3.0.1");

  EXPECT_EQ(result.rooms[0].verdict, Verdict::down);
  EXPECT_EQ(result.rooms[1].verdict, Verdict::chosen);
  EXPECT_EQ(result.addresses, std::vector<std::string>{"127.10.0.1"});
  EXPECT_EQ(result.ttl, 1U);
  EXPECT_EQ(result.ttl_because,
            "the state of nrt can change within 600ms; the name's ttl is 20s; never less than 1s");
}

TEST(Explain, SaysWhenTheNamesTtlIsTheBound) {
  World world;
  world.holds_for = std::chrono::seconds(60);
  const Explanation result = explained(world, "www.example.test", "10.3.0.1");
  EXPECT_EQ(result.ttl, 20U);
  EXPECT_EQ(result.ttl_because, "the name's ttl is 20s; no state that matters can change sooner");
}

TEST(Explain, AgreesWithTheServer) {
  World world;
  world.down = {"iad"};
  for (const std::string name :
       {"www.example.test", "shop.example.test", "spare.example.test", "nothing.example.test"}) {
    for (const std::string from :
         {"10.1.0.0/16", "10.2.3.0/24", "9.9.9.0/24", "2001:db8:2::/48", "0.0.0.0/0", "::/0"}) {
      const testing::Reply reply = world.respond(testing::ask(name).subnet(from), "10.3.0.1");
      const Explanation result =
          explain(*world.snapshot(), world.geography(), *parse(name, from, "", "10.3.0.1"));
      EXPECT_EQ(static_cast<int>(result.rcode), reply.rcode);
      EXPECT_EQ(result.scope ? result.scope->family_length() : 0, reply.scope()) << name << from;
      if (reply.answer.empty()) continue;
      EXPECT_EQ(result.addresses, std::vector<std::string>{reply.only_data()}) << name << from;
    }
  }
}

/// A world that leaves private client subnets to the resolver.
World world_by_resolver() {
  World world;
  world.protocol =
      make_protocol({.private_subnets = topology::DnsProtocol::PrivateSubnets::resolver},
                    {.secrets = {SipKey{}}});
  return world;
}

TEST(Explain, AgreesWithTheServerWherePrivateSubnetsAreLeftToTheResolver) {
  const World world = world_by_resolver();
  for (const std::string from :
       {"10.3.7.0/24", "192.168.1.0/24", "fd00:1234::/32", "9.9.9.0/24", "2001:db8:3:400::/56"}) {
    for (const std::string resolver : {"2001:db8:1::1", "2001:db8:3::1", "10.2.0.1"}) {
      const testing::Reply reply =
          world.respond(testing::ask("www.example.test").subnet(from), resolver);
      const Explanation result = explain(*world.snapshot(), world.geography(),
                                         *parse("www.example.test", from, "", resolver));

      EXPECT_EQ(result.addresses, std::vector<std::string>{reply.only_data()}) << from << resolver;
      ASSERT_TRUE(result.scope) << from << resolver;
      EXPECT_EQ(result.scope->family_length(), reply.scope()) << from << resolver;
      EXPECT_EQ(to_text(result.scope->address),
                to_text(parse_prefix(from)->address.masked(result.scope->length)));
    }
  }
}

TEST(Explain, SaysThatAPrivateSubnetIsNotLookedAt) {
  const World world = world_by_resolver();
  const auto rules = [&](const std::string& from, const std::string& resolver) {
    return explain(*world.snapshot(), world.geography(),
                   *parse("www.example.test", from, "", resolver))
        .rules;
  };

  EXPECT_EQ(rules("10.3.7.0/24", "2001:db8:1::1"),
            std::vector<std::string>{
                "client subnets of 10.0.0.0/8 are private and not looked at (dns.private_subnets): "
                "the resolver's address 2001:db8:1::1 decides"});
  EXPECT_EQ(rules("10.3.7.0/24", ""),
            std::vector<std::string>{
                "client subnets of 10.0.0.0/8 are private and not looked at (dns.private_subnets): "
                "no resolver is named, so the client's own 10.3.7.0 decides"});
  EXPECT_TRUE(rules("2001:db8:3::/48", "10.2.0.1").empty());
}

TEST(Explain, ZoneDataIsTheSameForEverybody) {
  const Explanation result = explained(World(), "ns1.example.test", "10.3.0.1");
  EXPECT_FALSE(result.steered);
  EXPECT_FALSE(result.scope);
  EXPECT_EQ(result.addresses, std::vector<std::string>{"127.0.0.1"});
}

TEST(Explain, SaysWhatEveryRuleDid) {
  topology::Description description = testing::make_description();
  description.rooms[0].bias = 50;
  description.networks[3].country = "JP";
  description.latencies = {{.from = {{.country = "JP", .network = {}}},
                            .room = "fra",
                            .rtt = std::chrono::milliseconds(100)}};
  description.policies = {
      {.name = "p",
       .of = {"fra", "iad", "q"},
       .fences = {{.from = {{.country = "JP", .network = {}}}, .never = {"iad"}}},
       .prefers = {{.from = {{.country = {}, .network = *parse_prefix("10.3.0.0/16")}},
                    .order = {"fra"}}}},
      {.name = "q", .rule = topology::Rule::weighted, .of = {"nrt", "fra"}}};
  description.names[0].policy = "p";
  World world(description);

  const Explanation result = explained(world, "www.example.test", "10.3.7.0/24");

  EXPECT_EQ(result.policy, "p");
  EXPECT_EQ(result.rules,
            (std::vector<std::string>{"a fence of policy p lets clients of JP go to fra, nrt only",
                                      "policy p has an order of its own for clients of 10.3.0.0/16",
                                      "policy q chooses by weight for each /24 or /56"}));
  ASSERT_EQ(result.rooms.size(), 3U);
  EXPECT_EQ(result.rooms[0].name, "fra");
  EXPECT_EQ(result.rooms[0].rtt, std::chrono::milliseconds(100));
  EXPECT_EQ(result.rooms[0].bias, 50);
  EXPECT_NEAR(*result.rooms[0].cost_km, 3500, 1) << "7,000 km for 100 ms, half of it by the bias";
  EXPECT_NEAR(*result.rooms[0].km, 9350, 100);
  EXPECT_EQ(result.rooms[2].name, "iad");
  EXPECT_EQ(result.rooms[2].verdict, Verdict::fenced);
}

topology::Origin from(const std::string& network) {
  return {.country = {}, .network = *parse_prefix(network)};
}

TEST(Explain, NamesTheNetworkOfTheRuleItself) {
  topology::Description description = testing::make_description();
  description.latencies = {
      {.from = {from("10.20.0.0/16")}, .room = "fra", .rtt = std::chrono::milliseconds(9)}};
  description.policies = {{.name = "p",
                           .fences = {{.from = {from("10.0.0.0/8")}, .only = {"fra"}}},
                           .prefers = {{.from = {from("10.16.0.0/12")}, .order = {"fra"}}}}};
  description.names[0].policy = "p";

  EXPECT_EQ(
      explained(World(description), "www.example.test", "10.20.7.0/24").rules,
      (std::vector<std::string>{"a fence of policy p lets clients of 10.0.0.0/8 go to fra only",
                                "policy p has an order of its own for clients of 10.16.0.0/12"}));
}

TEST(Explain, SaysNothingOfAnOrderWhoseRoomsAreBehindAFence) {
  topology::Description description = testing::make_description();
  const topology::Prefer prefer{.from = {from("10.0.0.0/8")}, .order = {"iad"}};
  description.policies = {{.name = "p",
                           .of = {"q", "nrt", "r"},
                           .fences = {{.from = {from("10.0.0.0/8")}, .never = {"iad"}}},
                           .prefers = {{.from = {from("10.0.0.0/8")}, .order = {"r"}}}},
                          {.name = "q", .of = {"fra", "iad"}, .prefers = {prefer}},
                          {.name = "r", .of = {"iad"}}};
  description.names[0].policy = "p";
  const std::string fence = "a fence of policy p lets clients of 10.0.0.0/8 go to fra, nrt only";

  EXPECT_EQ(explained(World(description), "www.example.test", "10.20.7.0/24").rules,
            std::vector<std::string>{fence});

  description.policies[1].prefers[0].order = {"iad", "fra"};
  EXPECT_EQ(explained(World(description), "www.example.test", "10.20.7.0/24").rules,
            (std::vector<std::string>{
                fence, "policy q has an order of its own for clients of 10.0.0.0/8"}));
}

TEST(Explain, AFenceIsAboutTheRoomsOfItsOwnPolicy) {
  topology::Description description = testing::make_description();
  description.policies = {
      {.name = "p", .of = {"q", "r", "nrt"}},
      {.name = "q",
       .of = {"fra", "iad"},
       .fences = {{.from = {from("10.0.0.0/8")}, .never = {"iad"}}}},
      {.name = "r", .of = {"iad"}, .fences = {{.from = {from("10.0.0.0/8")}, .never = {"iad"}}}}};
  description.names[0].policy = "p";

  EXPECT_EQ(explained(World(description), "www.example.test", "10.20.7.0/24").rules,
            (std::vector<std::string>{
                "a fence of policy q lets clients of 10.0.0.0/8 go to fra only",
                "a fence of policy r lets clients of 10.0.0.0/8 go to none of its rooms"}));
}

TEST(Explain, ARoomWithoutALocationIsNoDistanceAway) {
  topology::Description description = testing::make_description();
  description.rooms[2].location = {};
  description.rooms[2].has_location = false;
  description.policies = {{.name = "p", .rule = topology::Rule::ordered, .of = {"nrt", "q"}},
                          {.name = "q", .of = {"fra", "iad"}}};
  description.names[0].policy = "p";
  const auto json = [&] {
    return nlohmann::json::parse(to_json(
        explained(World(description), "www.example.test", "10.1.0.0/16"), Instant{}))["rooms"];
  };

  EXPECT_EQ(json()[0]["room"], "nrt");
  EXPECT_TRUE(json()[0]["km"].is_null());
  EXPECT_TRUE(json()[0]["cost_km"].is_null());
  EXPECT_EQ(json()[1]["room"], "fra");
  EXPECT_EQ(json()[1]["km"], 0);
  EXPECT_EQ(json()[1]["cost_km"], 0);

  description.latencies = {
      {.from = {from("10.0.0.0/8")}, .room = "nrt", .rtt = std::chrono::milliseconds(10)}};
  EXPECT_EQ(json()[0]["cost_km"], 700) << "a measured one needs no location";
}

TEST(Explain, SaysWhenTheOrderOfTheFileIsAllThatIsLeft) {
  const auto file_order = [](const topology::Description& description, const std::string& client) {
    return explained(World(description), "www.example.test", client).file_order;
  };
  topology::Description description = testing::make_description();
  EXPECT_TRUE(file_order(description, "9.9.9.9"));
  EXPECT_FALSE(file_order(description, "10.1.0.1")) << "its place is known";
  EXPECT_FALSE(explained(World(), "ns1.example.test", "9.9.9.9").file_order) << "not steered";

  description.latencies = {
      {.from = {from("9.9.0.0/16")}, .room = "fra", .rtt = std::chrono::milliseconds(9)}};
  EXPECT_FALSE(file_order(description, "9.9.9.9")) << "a room was measured";
  EXPECT_TRUE(file_order(description, "9.8.9.9")) << "but not from there";
  description.policies = {{.name = "p", .of = {"iad", "q"}}, {.name = "q", .of = {"nrt"}}};
  description.names[0].policy = "p";
  EXPECT_TRUE(file_order(description, "9.9.9.9")) << "but it is none of these";
  description.policies[0].prefers = {{.from = {from("9.0.0.0/8")}, .order = {"iad"}}};
  EXPECT_FALSE(file_order(description, "9.9.9.9"));
  EXPECT_TRUE(file_order(description, "8.9.9.9"));
  description.policies[0].fences = {{.from = {from("8.0.0.0/8")}, .only = {"nrt"}}};
  EXPECT_FALSE(file_order(description, "8.9.9.9"));
  for (const char* policy : {"weighted", "ordered"}) {
    description.names[0].policy = policy;
    EXPECT_FALSE(file_order(description, "9.9.9.9")) << policy;
  }
}

TEST(Explain, SaysWhatSharesDid) {
  topology::Description description = testing::make_description();
  description.rooms[0].farms[0].spill = topology::Spill{};
  World world(description);
  world.draining = {"iad"};
  world.shares = Shares(3, 1);
  world.shares.at(2, 0).shed = RoomShare::all;
  world.shares.at(0, 0).open = 0;
  world.shares.at(1, 0) = {.drained = RoomShare::all / 4 * 3, .ttl_most = std::chrono::seconds(2)};
  world.holds_for = std::chrono::seconds(60);
  const auto note = [&](const std::string& from, std::size_t room) {
    return explained(world, "www.example.test", from).rooms[room].note;
  };

  EXPECT_EQ(note("10.3.7.0/24", 0),
            "sheds 100 % of its clients, but no other room takes this block");
  EXPECT_EQ(note("10.3.7.0/24", 1), "takes 0 % of what others shed");
  world.shares.at(0, 0).open = RoomShare::all;
  EXPECT_EQ(note("10.3.7.0/24", 0), "sheds 100 % of its clients, this block too");
  int left = 0;
  for (int block = 0; block < 40; ++block) {
    const std::string from = "10.2." + std::to_string(block + 10) + ".0/24";
    const Explanation result = explained(world, "www.example.test", from);
    const bool leaves = result.rooms[0].verdict == Verdict::draining;
    left += leaves;
    EXPECT_EQ(result.rooms[0].note, leaves ? "drains: 75 % of its clients have left, this block too"
                                           : "drains: 75 % of its clients have left");
    if (leaves) continue;
    EXPECT_EQ(result.ttl, 2U);
    EXPECT_EQ(result.ttl_because,
              "iad is being drained, so answers that name it are short; the name's ttl is 20s");
  }
  EXPECT_NEAR(left, 30, 12);
}

TEST(Explain, IsJsonWithEverything) {
  const auto json = nlohmann::json::parse(
      to_json(explained(World(), "www.example.test", "10.3.0.0/16"), Instant{}));
  EXPECT_EQ(json["name"], "www.example.test");
  EXPECT_EQ(json["rcode"], "NOERROR");
  EXPECT_EQ(json["policy"], "nearest");
  EXPECT_EQ(json["rooms"][0]["room"], "nrt");
  EXPECT_EQ(json["rooms"][0]["verdict"], "chosen");
  EXPECT_EQ(json["rooms"][0]["state"], "up");
  EXPECT_EQ(json["scope"], "10.3.0.0/16");
  EXPECT_EQ(json["network"]["source"], "[[network]]");

  const auto unknown =
      nlohmann::json::parse(to_json(explained(World(), "www.example.test", "9.9.9.9"), Instant{}));
  EXPECT_TRUE(unknown["network"].is_null());
  EXPECT_EQ(unknown["file_order"], true);
  EXPECT_TRUE(unknown["rooms"][0]["km"].is_null());
}

}  // namespace
}  // namespace hither::dns
