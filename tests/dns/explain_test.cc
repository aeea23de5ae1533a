// SPDX-License-Identifier: Apache-2.0
#include "dns/explain.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::World;

Explanation explained(const World& world, const std::string& name, const std::string& from,
                      const std::string& type = "") {
  return explain(*world.snapshot(), world.geography(), *parse_question(name, from, type));
}

TEST(Question, TakesAddressesAndNetworks) {
  EXPECT_EQ(to_text(parse_question("a.test", "10.3.0.1", "")->from), "10.3.0.1/32");
  EXPECT_EQ(to_text(parse_question("a.test", "2001:db8::/32", "aaaa")->from), "2001:db8::/32");
  EXPECT_EQ(parse_question("a.test", "10.0.0.0/8", "AAAA")->type, Type::aaaa);
  EXPECT_EQ(parse_question("a.test", "10.0.0.0/8", "a")->type, Type::a);
}

TEST(Question, RefusesWhatItDoesNotUnderstand) {
  EXPECT_FALSE(parse_question("", "10.3.0.1", ""));
  EXPECT_FALSE(parse_question("a.test", "here", ""));
  EXPECT_FALSE(parse_question("a.test", "10.3.0.1/8", "")) << "bits behind the length";
  EXPECT_FALSE(parse_question("a.test", "", ""));
  EXPECT_FALSE(parse_question("a.test", "10.3.0.1", "TXT"));
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

TEST(Explain, ZoneDataIsTheSameForEverybody) {
  const Explanation result = explained(World(), "ns1.example.test", "10.3.0.1");
  EXPECT_FALSE(result.steered);
  EXPECT_FALSE(result.scope);
  EXPECT_EQ(result.addresses, std::vector<std::string>{"127.0.0.1"});
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
