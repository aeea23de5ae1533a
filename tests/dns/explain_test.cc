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
    for (const std::string from : {"10.1.0.0/16", "10.2.3.0/24", "9.9.9.0/24", "2001:db8:2::/48"}) {
      const testing::Reply reply = world.respond(testing::ask(name).subnet(from));
      const Explanation result = explained(world, name, from);
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
            (std::vector<std::string>{
                "a fence of policy p lets clients of JP in 10.3.0.0/16 go to fra, nrt only",
                "policy p has an order of its own for clients of JP in 10.3.0.0/16",
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
  EXPECT_TRUE(unknown["rooms"][0]["km"].is_null());
}

}  // namespace
}  // namespace hither::dns
