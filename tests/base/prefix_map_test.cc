// SPDX-License-Identifier: Apache-2.0
#include "base/prefix_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "tests/support/sanitized.h"

namespace hither::prefix_map_test {
namespace {

Address address(const std::string& text) { return *parse_address(text); }
Prefix prefix(const std::string& text) { return *parse_prefix(text); }

constexpr std::uint32_t elsewhere = 0;

PrefixMap build(std::span<const PrefixStep> steps) {
  PrefixMapBuilder builder;
  for (const PrefixStep& step : steps) builder.step(step.first, step.value);
  return builder.finish();
}

PrefixMap build(const std::vector<PrefixBlock>& blocks) {
  return build(flatten(blocks, elsewhere));
}

/// What a reader of the definition would write: try every block.
std::uint32_t brute_force(const std::vector<PrefixBlock>& blocks, const Address& at) {
  const PrefixBlock* best = nullptr;
  for (const PrefixBlock& block : blocks) {
    if (!block.prefix.contains(at)) continue;
    if (best == nullptr || block.prefix.length >= best->prefix.length) best = &block;
  }
  return best == nullptr ? elsewhere : best->value;
}

/// The other half of the parent of a block.
Prefix sibling(const Prefix& block) {
  const Bits128 bit = Bits128{1} << static_cast<unsigned>(128 - block.length);
  return {to_address(to_bits(block.address) ^ bit), block.length};
}

struct Leaf {
  Prefix block;
  std::uint32_t value;
};

std::vector<Leaf> leaves_of(const PrefixMap& map) {
  std::vector<Leaf> leaves;
  map.walk([&](const Prefix& block, std::uint32_t value) { leaves.push_back({block, value}); });
  return leaves;
}

/// Both edges of every block, the addresses just outside, and some far away.
std::vector<Address> interesting(const std::vector<PrefixBlock>& blocks) {
  std::vector<Address> points = {address("::"),
                                 address("0.0.0.0"),
                                 address("255.255.255.255"),
                                 address("::fffe:ffff:ffff"),
                                 address("::1:0:0:0"),
                                 address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")};
  for (const PrefixBlock& block : blocks) {
    const Bits128 first = to_bits(block.prefix.address);
    const Bits128 last = block_last(first, block.prefix.length);
    for (const Bits128 bits : {first - 1, first, last, last + 1})
      points.push_back(to_address(bits));
  }
  return points;
}

std::string in_words(const std::vector<PrefixBlock>& blocks) {
  std::string words;
  for (const PrefixBlock& block : blocks) {
    words += to_text(block.prefix) + "=" + std::to_string(block.value) + " ";
  }
  return words;
}

/// Where a family has its place, the runs say what find() does at their edges.
void expect_runs(const PrefixMap& map, Family family, const std::string& hint) {
  const auto none_of_it = [&](Bits128 bits) {
    return family == Family::v6 && bits >= v4_first && bits <= v4_last;
  };
  std::vector<std::pair<Bits128, std::uint32_t>> runs;
  map.walk_runs(family, [&](Bits128 first, std::uint32_t value) {
    ASSERT_TRUE(runs.empty() || first > runs.back().first) << hint;
    runs.emplace_back(first, value);
  });
  ASSERT_FALSE(runs.empty()) << hint;
  EXPECT_EQ(to_text(to_address(runs.front().first)), family == Family::v4 ? "0.0.0.0" : "::");
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Bits128 end = family == Family::v4 ? v4_last + 1 : Bits128{0};
    const Bits128 last = (i + 1 < runs.size() ? runs[i + 1].first : end) - 1;
    for (const Bits128 bits : {runs[i].first, last}) {
      if (none_of_it(bits)) continue;
      EXPECT_EQ(map.find(to_address(bits)).value, runs[i].second) << hint;
    }
  }
}

/// The leaves tile the space, no two siblings are equal leaves, each leaf is what find() says of
/// its edges.
void expect_normal(const PrefixMap& map, const std::string& hint) {
  const std::vector<Leaf> leaves = leaves_of(map);
  EXPECT_EQ(leaves.size(), map.leaves()) << hint;
  expect_runs(map, Family::v4, hint);
  expect_runs(map, Family::v6, hint);
  Bits128 next = 0;
  std::map<Prefix, std::uint32_t> values;
  for (const Leaf& leaf : leaves) {
    const Bits128 first = to_bits(leaf.block.address);
    ASSERT_EQ(to_text(leaf.block.address), to_text(to_address(next))) << hint;
    ASSERT_EQ(leaf.block.address, leaf.block.address.masked(leaf.block.length)) << hint;
    const Bits128 last = block_last(first, leaf.block.length);
    const PrefixMap::Match match{leaf.value, leaf.block.length};
    EXPECT_EQ(map.find(to_address(last)), match) << hint << to_text(leaf.block);
    EXPECT_EQ(map.find(to_address(first + (last - first) / 3)), match)
        << hint << to_text(leaf.block);
    values[leaf.block] = leaf.value;
    next = last + 1;
  }
  EXPECT_EQ(next, Bits128{0}) << hint;
  const Prefix v4_left = prefix("0.0.0.0/1");
  for (const auto& [block, value] : values) {
    if (block == v4_left || block.length == 0) continue;
    const auto other = values.find(sibling(block));
    if (other == values.end() || block == sibling(v4_left)) continue;
    EXPECT_NE(other->second, value) << hint << to_text(block) << " could be wider";
  }
}

void expect_right(const std::vector<PrefixBlock>& blocks) {
  const std::string hint = in_words(blocks);
  const PrefixMap map = build(blocks);
  for (const Address& at : interesting(blocks)) {
    const PrefixMap::Match match = map.find(at);
    EXPECT_EQ(match.value, brute_force(blocks, at)) << hint << "at " << to_text(at);
    EXPECT_GE(match.depth, at.is_v4() ? 97 : 1) << hint << "at " << to_text(at);
  }
  expect_normal(map, hint);
}

TEST(PrefixMap, SaysOneThingOfEverythingWithoutBlocks) {
  const PrefixMap map = build(std::vector<PrefixBlock>{});

  EXPECT_EQ(map.find(address("192.0.2.1")), (PrefixMap::Match{elsewhere, 97}));
  EXPECT_EQ(map.find(address("2001:db8::1")), (PrefixMap::Match{elsewhere, 3}));
  expect_right({});
}

TEST(PrefixMap, LongestBlockWins) {
  const PrefixMap map = build({{prefix("10.0.0.0/8"), 1}, {prefix("10.1.0.0/16"), 2}});

  EXPECT_EQ(map.find(address("10.1.2.3")), (PrefixMap::Match{2, 96 + 16}));
  EXPECT_EQ(map.find(address("10.0.0.1")), (PrefixMap::Match{1, 96 + 16}));
  EXPECT_EQ(map.find(address("10.128.0.1")), (PrefixMap::Match{1, 96 + 9}));
}

// RFC 7871 s7.2.1 has this very example.
TEST(PrefixMap, DeaggregatesAroundAHole) {
  const PrefixMap map = build({{prefix("1.2.0.0/20"), 1}, {prefix("1.2.3.0/24"), 2}});

  EXPECT_EQ(map.find(address("1.2.3.1")).depth, 96 + 24);
  EXPECT_EQ(map.find(address("1.2.2.1")).depth, 96 + 24);
  EXPECT_EQ(map.find(address("1.2.0.1")).depth, 96 + 23);
  EXPECT_EQ(map.find(address("1.2.4.1")).depth, 96 + 22);
  EXPECT_EQ(map.find(address("1.2.8.1")).depth, 96 + 21);
}

TEST(PrefixMap, EqualNeighboursJoin) {
  const PrefixMap map = build({{prefix("10.0.0.0/9"), 1}, {prefix("10.128.0.0/9"), 1}});

  EXPECT_EQ(map.find(address("10.200.0.1")), (PrefixMap::Match{1, 96 + 8}));
}

TEST(PrefixMap, FamiliesNeverShareALeaf) {
  const PrefixMap map = build({{prefix("::/0"), 7}});

  EXPECT_EQ(map.find(address("0.0.0.0")), (PrefixMap::Match{7, 97}));
  EXPECT_EQ(map.find(address("255.255.255.255")), (PrefixMap::Match{7, 97}));
  EXPECT_EQ(map.find(address("8000::")), (PrefixMap::Match{7, 1}));
  EXPECT_EQ(map.find(address("::1")), (PrefixMap::Match{7, 81}));
}

TEST(PrefixMap, IsRightOnAdversarialBlocks) {
  const std::vector<std::vector<PrefixBlock>> tables = {
      {{prefix("::/0"), 3}},
      {{prefix("0.0.0.0/0"), 3}},
      {{prefix("::/0"), 3}, {prefix("0.0.0.0/0"), 4}},
      {{prefix("::/0"), 3}, {prefix("0.0.0.0/0"), 3}},
      {{prefix("::/1"), 3}, {prefix("8000::/1"), 3}},
      {{prefix("::/80"), 3}, {prefix("10.0.0.0/8"), 4}},
      {{prefix("::/96"), 3}, {prefix("::1:0:0:0/96"), 4}},
      {{prefix("::1:0:0:0/112"), 4}, {prefix("255.255.255.255/32"), 4}},
      {{prefix("::fffe:0:0/96"), 5}, {prefix("0.0.0.0/1"), 5}},
      {{prefix("::/128"), 1}, {prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"), 2}},
      {{prefix("0.0.0.0/32"), 1}, {prefix("255.255.255.255/32"), 2}},
      {{prefix("10.0.0.0/32"), 1}, {prefix("10.0.0.1/32"), 1}, {prefix("10.0.0.2/31"), 1}},
      {{prefix("10.0.0.0/8"), 1}, {prefix("10.0.0.0/8"), 2}},
      {{prefix("10.0.0.0/8"), 1}, {prefix("10.0.0.0/9"), 0}, {prefix("10.0.0.0/10"), 1}},
      {{prefix("255.0.0.0/8"), 1}, {prefix("255.255.0.0/16"), 2}, {prefix("255.255.255.0/24"), 1}},
      {{prefix("ff00::/8"), 1}, {prefix("ffff::/16"), 2}, {prefix("ffff:ffff::/32"), 1}},
      {{prefix("2001:db8::/64"), 1},
       {prefix("2001:db8::1/128"), 2},
       {prefix("2001:db8::8000:0:0:0/65"), 3}},
      {{prefix("2001:db8::/127"), 1},
       {prefix("2001:db8::2/127"), 1},
       {prefix("2001:db8:0:1::/64"), 1}},
      {{prefix("2001:db8:0:1:ffff:ffff:ffff:ffff/128"), 1}, {prefix("2001:db8:0:2::/64"), 1}},
  };
  for (const auto& table : tables) expect_right(table);
}

TEST(PrefixMap, TakesAHundredNestedBlocks) {
  std::vector<PrefixBlock> blocks;
  const Address inner = address("2001:db8:5555:aaaa:3333:cccc:1:fffe");
  for (int length = 0; length <= 128; ++length) {
    blocks.push_back({prefix_of(inner, length), static_cast<std::uint32_t>(length % 5)});
  }
  expect_right(blocks);
}

/// Blocks that overlap, touch and nest far more often than chance would have it.
std::vector<PrefixBlock> crowded(Rng& rng) {
  std::vector<PrefixBlock> blocks;
  const bool v4 = rng.below(2) == 0;
  const int base = v4 ? 96 : static_cast<int>(rng.below(100));
  const Bits128 corner = v4 ? v4_first : to_bits(address("2001:db8:f00d:beef:1234:5678:9abc:def0"));
  const std::uint64_t count = 1 + rng.below(40);
  for (std::uint64_t i = 0; i < count; ++i) {
    const int length = std::min(128, base + static_cast<int>(rng.below(12)));
    const auto shift = static_cast<unsigned>(128 - std::min(128, base + 11));
    const Bits128 bits = corner + (Bits128{rng.below(1U << 11U)} << shift);
    blocks.push_back(
        {prefix_of(to_address(bits), length), static_cast<std::uint32_t>(rng.below(4))});
  }
  return blocks;
}

TEST(PrefixMap, AgreesWithBruteForceOnRandomBlocks) {
  Rng rng(20260617);
  for (int round = 0; round < 400; ++round) {
    expect_right(crowded(rng));
    if (HasFailure()) return;
  }
}

TEST(PrefixMap, ScopesNeverOverlap) {
  Rng rng(7871);
  const std::vector<PrefixBlock> blocks = crowded(rng);
  const PrefixMap map = build(blocks);
  std::vector<Prefix> scopes;
  for (const Address& at : interesting(blocks)) scopes.push_back(prefix_of(at, map.find(at).depth));
  for (const Prefix& one : scopes) {
    for (const Prefix& other : scopes) {
      EXPECT_TRUE(one == other || (!one.contains(other.address) && !other.contains(one.address)));
    }
  }
}

TEST(PrefixMap, TakesStepsInsideBothHalvesOfAnAddress) {
  const std::vector<PrefixStep> steps = {{address("::"), 1},
                                         {address("2001:db8::5"), 2},
                                         {address("2001:db8::9"), 3},
                                         {address("2001:db8:0:1::"), 4},
                                         {address("2001:db8:0:1::1"), 4},
                                         {address("2001:db8:0:3::8000"), 5}};
  const PrefixMap map = build(steps);

  EXPECT_EQ(map.find(address("2001:db8::4")).value, 1U);
  EXPECT_EQ(map.find(address("2001:db8::8")), (PrefixMap::Match{2, 128}));
  EXPECT_EQ(map.find(address("2001:db8::a")).value, 3U);
  EXPECT_EQ(map.find(address("2001:db8:0:3::7fff")).value, 4U);
  EXPECT_EQ(map.find(address("9.9.9.9")).value, 1U);
  EXPECT_EQ(map.find(address("ffff::")), (PrefixMap::Match{5, 1}));
  expect_normal(map, "");
}

/// Like a database: dense and thin parts, blocks of all lengths, some longer than /64.
std::vector<PrefixStep> crowd(Rng& rng) {
  std::vector<Bits128> firsts = {0};
  const auto add = [&](Bits128 block, int length, int depth, std::uint64_t count) {
    for (std::uint64_t i = 0; i < (hither::test::sanitized ? count / 4 : count); ++i) {
      const Bits128 inside = bits128(rng.next(), rng.next()) & (block_last(0, length));
      firsts.push_back(to_bits(to_address(block | inside).masked(depth)));
    }
  };
  add(v4_first, 96, 96 + 24, 12'000);
  add(v4_first, 96, 96 + 32, 2'000);
  add(to_bits(address("10.1.0.0")), 96 + 16, 96 + 32, 4'000);
  add(to_bits(address("2000::")), 3, 32, 2'000);
  add(to_bits(address("2409:8000::")), 32, 48, 20'000);
  for (int i = 0; i < 40; ++i) {
    const Bits128 block = to_bits(to_address(bits128(rng.next(), 0) >> 3U).masked(32));
    add(block | to_bits(address("2000::")), 32, 36 + static_cast<int>(rng.below(30)), 200);
  }
  add(to_bits(address("2001:db8:1:2::")), 64, 128, 3'000);
  std::ranges::sort(firsts);
  firsts.erase(std::unique(firsts.begin(), firsts.end()), firsts.end());
  std::vector<PrefixStep> steps;
  for (const Bits128 first : firsts) {
    steps.push_back({to_address(first), static_cast<std::uint32_t>(rng.below(500))});
  }
  return steps;
}

TEST(PrefixMap, FindsEveryRunOfManyAtBothItsEdges) {
  Rng rng(48);
  const std::vector<PrefixStep> steps = crowd(rng);

  const PrefixMap map = build(steps);

  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Bits128 end = i + 1 < steps.size() ? to_bits(steps[i + 1].first) : Bits128{0};
    ASSERT_EQ(map.find(steps[i].first).value, steps[i].value) << to_text(steps[i].first);
    ASSERT_EQ(map.find(to_address(end - 1)).value, steps[i].value) << to_text(steps[i].first);
  }
  expect_normal(map, "many");
}

TEST(Flatten, NeighboursDiffer) {
  const auto steps = flatten(
      std::vector<PrefixBlock>{
          {prefix("10.0.0.0/8"), 1}, {prefix("10.0.0.0/16"), 1}, {prefix("11.0.0.0/8"), 1}},
      elsewhere);

  EXPECT_EQ(steps, (std::vector<PrefixStep>{
                       {address("::"), 0}, {address("10.0.0.0"), 1}, {address("12.0.0.0"), 0}}));
}

TEST(Flatten, OfEqualBlocksTheLaterWins) {
  const auto steps = flatten(
      std::vector<PrefixBlock>{{prefix("8000::/1"), 1}, {prefix("8000::/1"), 2}}, elsewhere);

  EXPECT_EQ(steps, (std::vector<PrefixStep>{{address("::"), 0}, {address("8000::"), 2}}));
}

}  // namespace
}  // namespace hither::prefix_map_test
