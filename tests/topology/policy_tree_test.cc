// SPDX-License-Identifier: Apache-2.0
#include "topology/policy_tree.h"

#include <gtest/gtest.h>

#include "tests/topology/worlds.h"

namespace hither::topology {
namespace {

using testing::read_sound;
using testing::two_rooms;
using testing::with;

ClientKind kind(std::string_view country, std::string_view network = "") {
  ClientKind kind{.country = country, .network = {}};
  if (!network.empty()) kind.network = *parse_prefix(network);
  return kind;
}

TEST(PolicyTree, ARuleIsAPolicyOfAllRooms) {
  const Description world = read_sound(two_rooms);

  const auto tree = resolve_policy(world, "weighted");

  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->nodes.size(), 1U);
  EXPECT_EQ(tree->nodes[0].rule, Rule::weighted);
  EXPECT_EQ(tree->nodes[0].members.size(), 2U);
  EXPECT_TRUE(tree->same_for_all());
  EXPECT_FALSE(resolve_policy(world, "nothing"));
  EXPECT_FALSE(resolve_policy(world, "nearest")->same_for_all());
}

TEST(PolicyTree, APolicyThatIsReachedTwiceIsOneNode) {
  const Description world = read_sound(with(two_rooms, R"(
[policy.a]
rule = "ordered"
of = ["b", "c"]
[policy.b]
of = ["c", "fra"]
[policy.c]
rule = "ordered"
weight = 3
)"));

  const auto tree = resolve_policy(world, "a");

  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->nodes.size(), 3U);
  EXPECT_EQ(tree->nodes[0].members[1].weight, 3);
  EXPECT_TRUE(tree->uses_nearest());
}

TEST(PolicyTree, EqualPoliciesAreEqualUnlessTheirNameIsHashed) {
  const Description world = read_sound(with(two_rooms, R"(
[policy.a]
[policy.b]
[policy.c]
rule = "weighted"
[policy.d]
rule = "weighted"
)"));

  EXPECT_EQ(resolve_policy(world, "a"), resolve_policy(world, "b"));
  EXPECT_EQ(resolve_policy(world, "a"), resolve_policy(world, "nearest"));
  EXPECT_NE(resolve_policy(world, "c"), resolve_policy(world, "d"));
}

TEST(PolicyTree, TheLongestNetworkWinsOverShorterOnesAndOverTheCountry) {
  const std::vector<OriginRule> rules = {
      {.origin = {.country = "DE", .network = {}}, .entry = 0},
      {.origin = {.country = {}, .network = *parse_prefix("10.0.0.0/8")}, .entry = 1},
      {.origin = {.country = {}, .network = *parse_prefix("10.1.0.0/16")}, .entry = 2}};

  EXPECT_EQ(find_rule(rules, kind("FR")), -1);
  EXPECT_EQ(find_rule(rules, kind("DE")), 0);
  EXPECT_EQ(find_rule(rules, kind("")), -1);
  EXPECT_EQ(find_rule(rules, kind("DE", "10.0.0.0/8")), 1);
  EXPECT_EQ(find_rule(rules, kind("", "10.1.0.0/16")), 2);
  EXPECT_EQ(find_rule(rules, kind("DE", "11.0.0.0/8")), 0);
  EXPECT_EQ(rule_for(rules, kind("DE", "10.2.0.0/16")), &rules[1]);
  EXPECT_EQ(rule_for(rules, kind("FR")), nullptr);
}

TEST(PolicyTree, FencesInsideAndOutsideBothHold) {
  const Description world = read_sound(with(two_rooms, R"(
[room.nrt]
location = [35.76, 140.39]
[policy.a]
of = ["b"]
fence = [{ from = "DE", never = "iad" }]
[policy.b]
fence = [{ from = ["DE", "FR"], only = ["fra", "iad"] }]
)"));
  const auto tree = resolve_policy(world, "a");

  EXPECT_EQ(tree->rooms(0, kind("US")).to_ulong(), 0b111U);
  EXPECT_EQ(tree->rooms(0, kind("FR")).to_ulong(), 0b011U);
  EXPECT_EQ(tree->rooms(0, kind("DE")).to_ulong(), 0b001U);
  EXPECT_EQ(tree->origins().size(), 2U);
}

TEST(PolicyTree, PreferencesAreIndexesOfMembers) {
  const Description world = read_sound(with(two_rooms, R"(
[policy.a]
of = ["nearest", "iad"]
prefer = [{ from = "DE", order = ["iad", "nearest"] }]
[policy.b]
prefer = [{ from = "DE", order = "iad" }]
)"));

  EXPECT_EQ(resolve_policy(world, "a")->nodes[0].prefers[0], (std::vector<std::uint16_t>{1, 0}));
  EXPECT_EQ(resolve_policy(world, "b")->nodes[0].prefers[0], (std::vector<std::uint16_t>{1}));
}

}  // namespace
}  // namespace hither::topology
