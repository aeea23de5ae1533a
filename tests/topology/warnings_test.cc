// SPDX-License-Identifier: Apache-2.0
#include "topology/warnings.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/topology/worlds.h"
#include "topology/private_space.h"

namespace hither::topology::warnings_test {
namespace {

using testing::read_sound;
using testing::replaced;
using testing::two_rooms;
using testing::with;

/// As the lines people see.
std::string warnings_of(std::string_view text) {
  std::string lines;
  for (const Mistake& warning : find_warnings(read_sound(text))) {
    lines += warning_text(warning, "w") + "\n";
  }
  return lines;
}

/// What is added to the sound world of two rooms, and the warnings that must come of it.
struct Case {
  std::string name;
  std::string more;
  std::string warnings;

  friend std::ostream& operator<<(std::ostream& out, const Case& row) { return out << row.name; }
};

std::string network(const std::string& prefix, const std::string& more = "") {
  return fmt::format("[[network]]\nprefix = '{}'\nlocation = [1, 2]\n{}", prefix, more);
}

class Warnings : public ::testing::TestWithParam<Case> {};

TEST_P(Warnings, AreSaidWithPlaceAndCure) {
  EXPECT_EQ(warnings_of(with(two_rooms, GetParam().more)), GetParam().warnings);
}

const std::string policy_a =
    "[policy.a]\n[name.\"a.example.test\"]\nfarm = 'web'\npolicy = 'a'\n";  // lines 12 to 15

std::string too_fine(int length) {
  return fmt::format(
      " is finer than /{}, the most that public resolvers send of a client's address: it decides ",
      length);
}
std::string only_resolvers_of(int length) {
  return fmt::format(
      "only for resolvers that send none and lie in it; clients in one /{} cannot be told apart\n",
      length);
}
const std::string only_resolvers = only_resolvers_of(24);
std::string all_of(const std::string& block) {
  return fmt::format("for all that they send from {}; clients in one /24 cannot be told apart\n",
                     block);
}

// The addition begins in line 12.
const Case cases[] = {
    {"NothingMore", "", ""},
    {"Network24", network("192.0.2.0/24"), ""},
    {"Network25", network("192.0.2.128/25"),
     "w:13:10: warning: network 192.0.2.128/25" + too_fine(24) + only_resolvers},
    {"Network25AtTheFront", network("192.0.2.0/25"),
     "w:13:10: warning: network 192.0.2.0/25" + too_fine(24) + all_of("192.0.2.0/24")},
    {"AnAddressIsAResolver", network("192.0.2.53/32") + network("2001:db8::53/128"), ""},
    {"ButNotTheFirstOne", network("192.0.2.0/32"),
     "w:13:10: warning: network 192.0.2.0/32" + too_fine(24) + all_of("192.0.2.0/24")},
    {"Network56", network("2001:db8:0:ff00::/56"), ""},
    {"Network57", network("2001:db8:0:ff80::/57"),
     "w:13:10: warning: network 2001:db8:0:ff80::/57" + too_fine(56) + only_resolvers_of(56)},
    {"PrivateNetworksMayBeFine", network("10.1.2.3/32") + network("fd00::1/128"), ""},
    {"FineFence", policy_a + "[[policy.a.fence]]\nfrom = ['DE', '192.0.2.0/25']\nnever = 'fra'",
     "w:17:8: warning: the fence for 192.0.2.0/25" + too_fine(24) + all_of("192.0.2.0/24")},
    {"FenceForAnAddress", policy_a + "[[policy.a.fence]]\nfrom = '192.0.2.53/32'\nnever = 'fra'",
     "w:17:8: warning: the fence for 192.0.2.53/32" + too_fine(24) + only_resolvers},
    {"FinePreference",
     policy_a + "[[policy.a.prefer]]\nfrom = '192.0.2.128/25'\norder = ['fra', 'iad']",
     "w:18:9: warning: the preference for 192.0.2.128/25" + too_fine(24) + only_resolvers},
    {"PreferenceOfAResolver",
     policy_a + "[[policy.a.prefer]]\nfrom = '192.0.2.53/32'\norder = ['fra', 'iad']", ""},
    {"FineLatency", "[[latency]]\nfrom = '192.0.2.0/25'\nroom = 'fra'\nrtt = '1ms'",
     "w:14:8: warning: the latency from 192.0.2.0/25" + too_fine(24) + all_of("192.0.2.0/24")},
    {"LatencyOfAResolver", "[[latency]]\nfrom = '192.0.2.53/32'\nroom = 'fra'\nrtt = '1ms'", ""},
    {"NotThatOfItsOuter",
     network("192.0.0.0/16") + "[[network]]\nprefix = '192.0.2.0/24'\nlocation = [1, 3]\n" +
         network("198.51.100.0/24"),
     ""},
    {"TheSameAsItsOuter", network("192.0.0.0/16") + network("192.0.2.0/24"),
     "w:16:10: warning: network 192.0.2.0/24 is where 192.0.0.0/16 around it is, so it changes "
     "nothing; take it out, or write what is different\n"},
    // Who follows every warning must not lose the location.
    {"HalvesThatSayTheSame",
     network("192.0.2.0/23") + network("192.0.2.0/24") + network("192.0.3.0/24"),
     "w:16:10: warning: network 192.0.2.0/24 is where 192.0.2.0/23 around it is, so it changes "
     "nothing; take it out, or write what is different\n"
     "w:19:10: warning: network 192.0.3.0/24 is where 192.0.2.0/23 around it is, so it changes "
     "nothing; take it out, or write what is different\n"},
    {"HalvesOfWhichOneSaysTheSame",
     network("192.0.2.0/23") + network("192.0.2.0/24") +
         network("192.0.3.0/24", "country = 'DE'\n"),
     "w:16:10: warning: network 192.0.2.0/24 is where 192.0.2.0/23 around it is, so it changes "
     "nothing; take it out, or write what is different\n"},
    {"TheSameWithOthersInIt",
     network("192.0.0.0/22") + network("192.0.0.0/23") +
         network("192.0.0.0/24", "country = 'DE'\n") + network("192.0.1.0/24", "country = 'FR'\n") +
         network("192.0.2.0/23", "country = 'IT'\n"),
     "w:13:10: warning: network 192.0.0.0/22 decides for nobody, because longer ones cover all of "
     "it; take it out, or one of those\n"
     "w:16:10: warning: network 192.0.0.0/23 is where 192.0.0.0/22 around it is, so it changes "
     "nothing; take it out, or write what is different\n"},
    {"AnotherCountry", network("192.0.0.0/16") + network("192.0.2.0/24", "country = 'DE'\n"), ""},
    {"AnotherTitle", network("192.0.0.0/16") + network("192.0.2.0/24", "title = 'Paris'\n"), ""},
    {"TheSameAsTheNextOuterOnly",
     network("192.0.0.0/16") + network("192.0.0.0/20", "country = 'DE'\n") +
         network("192.0.2.0/24"),
     ""},
    {"CoveredByTwoHalves",
     network("192.0.2.0/23") + network("192.0.3.0/24", "country = 'DE'\n") +
         network("192.0.2.0/24", "country = 'FR'\n"),
     "w:13:10: warning: network 192.0.2.0/23 decides for nobody, because longer ones cover all of "
     "it; take it out, or one of those\n"},
    {"CoveredByThreeAtTheEndOfTheSpace",
     network("ffff:ffff:ffff:fe00::/55") + network("ffff:ffff:ffff:fe00::/56", "country = 'DE'\n") +
         network("ffff:ffff:ffff:ff00::/56", "country = 'FR'\n"),
     "w:13:10: warning: network ffff:ffff:ffff:fe00::/55 decides for nobody, because longer ones "
     "cover all of it; take it out, or one of those\n"},
    {"AHoleIsLeft",
     network("192.0.0.0/22") + network("192.0.0.0/24", "country = 'DE'\n") +
         network("192.0.2.0/23", "country = 'FR'\n"),
     ""},
    // A client is away for the detection and the TTL together: a short one is no mistake.
    {"AShortTtl", "[name.\"a.example.test\"]\nfarm = 'web'\nttl = '1s'\n[dns.health]\nfall = 9",
     ""},
    {"UnusedPolicies", "[policy.a]\nof = ['b']\n[policy.b]\nof = ['fra', 'iad']",
     "w:12:9: warning: policy 'a' is used by no name; write policy = \"a\" in one, or take it "
     "out\n"
     "w:14:9: warning: policy 'b' is used by no name; write policy = \"b\" in one, or take it "
     "out\n"},
    {"PolicyInsideAnother",
     policy_a + "[policy.b]\nof = ['fra']\n[policy.c]\nof = ['iad', 'b']\n"
                "[name.\"c.example.test\"]\nfarm = 'web'\npolicy = 'c'",
     ""},
    {"UnusedFarm", "[farm.api]\nport = 8081",
     "w:13:8: warning: farm 'api' is used by no name, so the DNS sends nobody to it; write farm = "
     "\"api\" in a name, or take it out\n"},
    {"FarmThatRunsNowhere",
     "[farm.api]\nport = 8081\ncopies = 0\n[name.\"api.example.test\"]\nfarm = 'api'",
     "w:14:10: warning: farm 'api' runs in no room, because copies is 0 everywhere; write how "
     "many, "
     "or servers\n"},
    {"FarmThatRunsInOneRoom",
     "farm.api.copies = 1\n[farm.api]\nport = 8081\ncopies = 0\n"
     "[name.\"api.example.test\"]\nfarm = 'api'",
     ""},
    {"MoreAnswersThanRooms",
     "[name.\"a.example.test\"]\nfarm = 'web'\npolicy = 'a'\nanswers = 2\n[policy.a]\nof = ['fra']",
     "w:12:7: warning: name 'a.example.test' wants 2 rooms in an answer, and its policy has 1; "
     "write answers = 1\n"},
};

INSTANTIATE_TEST_SUITE_P(Topology, Warnings, ::testing::ValuesIn(cases),
                         [](const auto& test) { return test.param.name; });

TEST(WarningsOf, PrivateNetworksByTheResolver) {
  const std::string world = "dns.private_subnets = 'resolver'\n" + std::string(two_rooms);
  EXPECT_EQ(
      warnings_of(with(world, network("10.0.0.0/8") + network("8.0.0.0/5", "country = 'US'"))),
      "w:14:10: warning: network 10.0.0.0/8 is private, and by dns.private_subnets = "
      "\"resolver\" such client subnets do not decide: it holds only for who asks from there "
      "itself; write private_subnets = \"use\", or take it out\n");
  EXPECT_EQ(warnings_of(with(world,
                             "[[latency]]\nfrom = '192.168.1.0/24'\nroom = 'fra'\n"
                             "rtt = '1ms'")),
            "w:15:8: warning: the latency from 192.168.1.0/24 is private, and by "
            "dns.private_subnets = \"resolver\" such client subnets do not decide: it holds only "
            "for who asks from there itself; write private_subnets = \"use\", or take it out\n");
}

TEST(WarningsOf, ARoomThatNoNameLeadsTo) {
  const std::string world = replaced(two_rooms, "farm = \"web\"", "farm = \"web\"\npolicy = \"a\"");
  EXPECT_EQ(warnings_of(with(world, "[policy.a]\nof = ['fra']")),
            "w:11:7: warning: room 'iad' is in the policy of no name, so nobody is sent there; add "
            "it to 'of' in one, or take it out\n");
  EXPECT_EQ(warnings_of(with(world, "[policy.a]\nof = ['fra', 'nearest']")), "");
}

TEST(WarningsOf, AWorldWithoutNamesSteersNobodyAndSaysNothingOfIt) {
  EXPECT_EQ(warnings_of(replaced(two_rooms, "[name.\"www.example.test\"]\nfarm = \"web\"\n", "")),
            "");
}

/// [farm.web] spills, from line 6 on.
std::string spilling(const std::string& keys) {
  return replaced(two_rooms, "copies = 2", "copies = 2\nspill = {}\n" + keys);
}

TEST(WarningsOf, SpillByACapacityThatNobodyWrote) {
  const std::string said =
      "w:8:1: warning: farm 'web' spills by a capacity that is not written, and 100 requests at "
      "once for each copy is a guess; write capacity, what one copy carries\n";
  EXPECT_EQ(warnings_of(spilling("")), said);
  EXPECT_EQ(warnings_of(spilling("concurrency = { most = 500 }")), said);
  EXPECT_EQ(warnings_of(spilling("capacity = 100")), "");
  EXPECT_EQ(warnings_of(spilling("concurrency = { most = 40 }")), "") << "which it then is";
  EXPECT_EQ(warnings_of(spilling("concurrency = { adaptive = 'gradient' }")), "");
  EXPECT_EQ(warnings_of(with(spilling(""), "farm.web.capacity = 50")), said) << "iad alone says it";
}

TEST(WarningsOf, SpillAmongRoomsThatTellNoLoad) {
  EXPECT_EQ(warnings_of(with(spilling("capacity = 50"), "farm.web.probe.kind = 'tcp'")),
            "w:8:1: warning: farm 'web' spills, but a probe of kind \"tcp\" does not tell the load "
            "of room 'iad'; write kind = \"report\" there, or take spill out\n");
}

TEST(WarningsOf, TheyComeInTheOrderOfTheFileAndNotWithoutEnd) {
  std::string many(two_rooms);
  many += "[policy.unused]\n";
  for (int i = 0; i < 200; ++i) many += network(fmt::format("192.0.{}.128/25", i));
  const auto warnings = find_warnings(read_sound(many));
  ASSERT_EQ(warnings.size(), mistakes_max);
  EXPECT_EQ(warnings[0].where.line, 12);
  for (std::size_t i = 1; i < warnings.size(); ++i) {
    EXPECT_EQ(warnings[i].where.line, 14 + 3 * (static_cast<int>(i) - 1));
  }
}

TEST(WarningsOf, TheExamplesHaveNone) {
  int examples = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(HITHER_SOURCE_DIR "/topology/examples")) {
    if (entry.path().extension() != ".toml") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    EXPECT_EQ(warnings_of(text.str()), "") << entry.path();
    ++examples;
  }
  EXPECT_GE(examples, 3);
}

TEST(PrivateSpace, HoldsWholeBlocksOnly) {
  for (const char* inside : {"10.0.0.0/8", "10.255.255.255/32", "172.31.0.0/16", "127.1.0.0/16",
                             "100.127.0.0/16", "fd00::/8", "fe80::/64", "::1/128"}) {
    EXPECT_TRUE(is_private(*parse_prefix(inside))) << inside;
  }
  for (const char* outside : {"0.0.0.0/0", "8.0.0.0/5", "11.0.0.0/8", "172.32.0.0/16", "::/0",
                              "fe00::/8", "2001:db8::/32", "::/127"}) {
    EXPECT_FALSE(is_private(*parse_prefix(outside))) << outside;
  }
}

}  // namespace
}  // namespace hither::topology::warnings_test
