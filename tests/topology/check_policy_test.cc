// SPDX-License-Identifier: Apache-2.0
#include "topology/check_policy.h"

#include <gtest/gtest.h>

#include "tests/topology/worlds.h"
#include "topology/policy_tree.h"

namespace hither::topology::check_policy_test {
namespace {

using testing::mistakes_of;
using testing::read_sound;
using testing::two_rooms;
using testing::with;

/// What is added to the sound world of two rooms, and the mistakes that must come of it.
struct Case {
  std::string name;
  std::string more;
  std::string mistakes;

  friend std::ostream& operator<<(std::ostream& out, const Case& row) { return out << row.name; }
};

class CheckPolicy : public ::testing::TestWithParam<Case> {};

TEST_P(CheckPolicy, IsSaidWithPlaceAndCure) {
  EXPECT_EQ(mistakes_of(with(two_rooms, GetParam().more)), GetParam().mistakes);
}

// The addition begins in line 12.
const Case cases[] = {
    {"UnknownPolicy", "[name.\"a.example.test\"]\nfarm = 'web'\npolicy = 'neares'",
     "w:14:10: policy cannot be \"neares\"; did you mean 'nearest'?\n"},
    {"CalledLikeARule", "[policy.nearest]\nrule = 'ordered'",
     "w:12:9: policy 'nearest' is called like the rule nearest, which is a policy of all rooms; "
     "give it another name\n"},
    {"CalledLikeARoom", "[policy.fra]\nrule = 'ordered'",
     "w:12:9: policy 'fra' is called like a room; give it another name\n"},
    {"UnknownMember", "[policy.a]\nof = ['fra', 'iat']",
     "w:13:6: policy 'a' has the member 'iat', which is neither a room nor a policy; did you mean "
     "'iad'?\n"},
    {"MemberTwice", "[policy.a]\nof = ['fra', 'fra']",
     "w:13:6: policy 'a' has 'fra' twice; take one away\n"},
    {"InItself", "[policy.a]\nof = ['b', 'fra']\n[policy.b]\nof = ['a', 'iad']",
     "w:13:6: policy 'a' is a member of itself, on the way through its members; take it out of one "
     "of them\n"
     "w:15:6: policy 'b' is a member of itself, on the way through its members; take it out of one "
     "of them\n"},
    {"NoLocation", "[room.nrt]\n[policy.a]\nof = ['fra', 'nrt']",
     "w:12:7: room 'nrt' has no location, which policy 'a' with rule nearest needs; write location "
     "= [latitude, longitude]\n"
     "w:12:7: room 'nrt' has no location, which name 'www.example.test' with policy nearest needs; "
     "write location = [latitude, longitude]\n"},
    {"Weightless",
     "[policy.a]\nrule = 'weighted'\nof = ['b', 'c']\n[policy.b]\nweight = 0\n[policy.c]\n"
     "weight = 0",
     "w:12:9: policy 'a' has rule weighted, but every member has weight 0; give one more\n"},
    {"FenceOfNothing", "[[policy.a.fence]]\nfrom = 'DE'",
     "w:13:8: a fence needs rooms; write only = [\"ROOM\"] or never = [\"ROOM\"]\n"},
    {"FenceOfUnknown", "[[policy.a.fence]]\nfrom = 'DE'\nnever = 'frb'",
     "w:13:8: 'frb' in a fence is no room; did you mean 'fra'?\n"},
    {"FenceElsewhere", "[policy.a]\nof = ['fra']\n[[policy.a.fence]]\nfrom = 'DE'\nonly = 'iad'",
     "w:15:8: the fence of policy 'a' asks for room 'iad', which the policy does not have; add it "
     "to of, or take it out here\n"},
    {"TwoFencesForOne",
     "[[policy.a.fence]]\nfrom = ['DE', 'FR']\nonly = 'fra'\n[[policy.a.fence]]\nfrom = 'FR'\n"
     "never = 'iad'",
     "w:16:8: there are two fences for FR; put them together\n"},
    {"FenceWithoutARoom",
     "[name.\"a.example.test\"]\nfarm = 'web'\npolicy = 'a'\n[[policy.a.fence]]\nfrom = "
     "'10.0.0.0/8'\nnever = ['fra', 'iad']",
     "w:16:8: the fences of policy 'a' leave clients in 10.0.0.0/8 no room for name "
     "'a.example.test'; allow them one\n"},
    {"FencesThatMeet",
     "[name.\"a.example.test\"]\nfarm = 'web'\npolicy = 'a'\n[policy.a]\nrule = 'ordered'\n"
     "of = ['b']\nfence = [{ from = 'DE', never = 'fra' }]\n[policy.b]\n"
     "fence = [{ from = 'DE', only = 'fra' }]",
     "w:18:19: the fences of policy 'a' leave clients in DE no room for name 'a.example.test'; "
     "allow them one\n"},
    {"PreferNoMember", "[policy.a]\nof = ['fra']\n[[policy.a.prefer]]\nfrom = 'KZ'\norder = 'iad'",
     "w:16:9: 'iad' is no member of policy 'a'; the members are fra\n"},
    {"PreferTwice", "[[policy.a.prefer]]\nfrom = 'KZ'\norder = ['iad', 'iad']",
     "w:14:9: order has 'iad' twice; take one away\n"},
    {"NoSuchClient", "[[policy.a.prefer]]\nfrom = 'Kazakhstan'\norder = ['iad']",
     "w:13:8: from cannot be \"Kazakhstan\"; write a country such as \"DE\" or a network such as "
     "\"10.0.0.0/8\"\n"},
    {"LatencyToNowhere", "[[latency]]\nfrom = 'KZ'\nroom = 'ira'\nrtt = '80ms'",
     "w:14:8: 'ira' in a latency is no room; did you mean 'fra'?\n"},
    {"LatencyTwice",
     "[[latency]]\nfrom = 'KZ'\nroom = 'fra'\nrtt = '80ms'\n[[latency]]\nfrom = ['UZ', 'KZ']\n"
     "room = 'fra'\nrtt = '90ms'",
     "w:18:8: there are two latencies from KZ to room 'fra'; take one away\n"},
    {"LatencyWithoutAnything", "[[latency]]\nroom = 'fra'",
     "w:12:1: [[latency]] has no from; write from = \"DE\"\n"
     "w:12:1: [[latency]] has no rtt; write rtt = \"80ms\"\n"},
    {"SpillWithoutABand", "[farm.api]\nport = 81\nspill = { high = 0.5 }",
     "w:14:18: low 0.7 is not below high 0.5; between the two nothing is moved, so leave some "
     "room\n"},
    {"BiasTooFar", "[room.nrt]\nlocation = [1, 2]\nbias = 100",
     "w:14:8: bias is 100; write an integer from -99 to 99\n"},
};

INSTANTIATE_TEST_SUITE_P(All, CheckPolicy, ::testing::ValuesIn(cases),
                         [](const auto& row) { return row.param.name; });

TEST(CheckPolicy, DepthAndSizeHaveALimit) {
  std::string deep;
  for (int i = 0; i < policy_depth_max; ++i) {
    deep += "[policy.p" + std::to_string(i) + "]\nof = ['p" + std::to_string(i + 1) + "']\n";
  }
  const std::string last = "[policy.p" + std::to_string(policy_depth_max) + "]\nof = ['fra']\n";

  EXPECT_NE(mistakes_of(with(two_rooms, deep + last)).find("is more than 8 policies deep"),
            std::string::npos);
}

TEST(CheckPolicy, FreelyNestedIsSound) {
  const Description world = read_sound(with(two_rooms, R"(
[name."a.example.test"]
farm = "web"
policy = "world"
answers = 2
[policy.world]
rule = "ordered"
of = ["europe", "nearest"]
prefer = [{ from = ["KZ", "10.7.0.0/16"], order = "nearest" }]
[policy.europe]
rule = "weighted"
of = ["fra", "both"]
fence = [{ from = "RU", never = "fra" }]
[policy.both]
weight = 7
[[latency]]
from = "KZ"
room = "iad"
rtt = "95ms"
[farm.big]
port = 81
min_healthy = 0.5
spill = { high = 0.8, low = 0.6, per_second = 0.1 }
)"));

  EXPECT_EQ(world.names.at(1).policy, "world");
  EXPECT_EQ(world.names.at(1).answers, 2);
  EXPECT_EQ(world.policies.at(1).fences.at(0).never, std::vector<std::string>{"fra"});
  EXPECT_EQ(to_text(world.policies.at(0).prefers.at(0).from.at(1)), "10.7.0.0/16");
  EXPECT_EQ(world.policies.at(2).weight, 7);
  EXPECT_EQ(world.latencies.at(0).rtt, std::chrono::milliseconds(95));
  EXPECT_FALSE(world.rooms[0].find_farm("web")->spill);
  EXPECT_EQ(world.rooms[1].find_farm("big")->spill->high, 0.8);
  EXPECT_EQ(world.rooms[1].find_farm("big")->min_healthy, 0.5);
}

}  // namespace
}  // namespace hither::topology::check_policy_test
