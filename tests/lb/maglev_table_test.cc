// SPDX-License-Identifier: Apache-2.0
#include "lb/maglev_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/rng.h"

namespace hither::lb {
namespace {

using Members = std::vector<MaglevTable::Member>;

Members members(std::size_t count, Rng& rng, std::uint64_t weights = 1) {
  Members members;
  for (std::size_t i = 0; i < count; ++i) {
    members.push_back({.identity = rng.next(),
                       .weight = static_cast<std::uint32_t>(1 + rng.below(weights)),
                       .value = static_cast<std::uint16_t>(i)});
  }
  return members;
}

std::vector<int> slots_of(const MaglevTable& table, std::size_t count) {
  std::vector<int> slots(count);
  for (std::size_t i = 0; i < MaglevTable::slots; ++i) ++slots[table.at(i)];
  return slots;
}

TEST(MaglevTable, EqualMembersOwnEqualParts) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Rng rng(seed);
    const std::size_t count = 1 + rng.below(100);

    const auto slots = slots_of(MaglevTable(members(count, rng)), count);

    // Everyone takes one slot a round, so nobody is ahead by more than one.
    const auto [least, most] = std::ranges::minmax(slots);
    ASSERT_LE(most - least, 1) << "seed " << seed;
  }
}

TEST(MaglevTable, PartsFollowWeightsWithinOnePercent) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Rng rng(seed);
    const std::size_t count = 2 + rng.below(30);
    const Members all = members(count, rng, 500);
    std::uint64_t weights = 0;
    for (const MaglevTable::Member& member : all) weights += member.weight;

    const auto slots = slots_of(MaglevTable(all), count);

    for (std::size_t i = 0; i < count; ++i) {
      const double share = static_cast<double>(all[i].weight) / static_cast<double>(weights);
      const double wanted = share * MaglevTable::slots;
      ASSERT_NEAR(slots[i], wanted, 0.01 * wanted + all[i].weight / 100.0 + 2) << "seed " << seed;
    }
  }
}

TEST(MaglevTable, ALostMembersSlotsAreSharedAndFewOthersMove) {
  double all_moved = 0;
  int rounds = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed, ++rounds) {
    Rng rng(seed);
    const std::size_t count = 3 + rng.below(40);
    Members all = members(count, rng);
    const MaglevTable before(all);
    const auto lost = static_cast<std::uint16_t>(rng.below(count));
    all.erase(all.begin() + lost);
    const MaglevTable after(all);
    int moved = 0;
    int orphaned = 0;

    for (std::size_t i = 0; i < MaglevTable::slots; ++i) {
      moved += before.at(i) != after.at(i) ? 1 : 0;
      orphaned += before.at(i) == lost ? 1 : 0;
    }

    const double share = moved / double{MaglevTable::slots};
    ASSERT_GE(moved, orphaned);
    ASSERT_LE(share, 2.1 / static_cast<double>(count)) << "seed " << seed << ", of " << count;
    all_moved += share * static_cast<double>(count);
  }
  EXPECT_LT(all_moved / rounds, 1.8);
}

TEST(MaglevTable, ALostMemberOfOtherWeightMovesLittleMoreThanItsPart) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Rng rng(seed);
    const std::size_t count = 4 + rng.below(20);
    Members all = members(count, rng, 4);
    const MaglevTable before(all);
    const auto lost = static_cast<std::uint16_t>(rng.below(count));
    const double part = slots_of(before, count)[lost] / double{MaglevTable::slots};
    all.erase(all.begin() + lost);
    const MaglevTable after(all);
    int moved = 0;

    for (std::size_t i = 0; i < MaglevTable::slots; ++i) {
      moved += before.at(i) != after.at(i) ? 1 : 0;
    }

    ASSERT_LE(moved / double{MaglevTable::slots}, part + 1.7 / static_cast<double>(count))
        << "seed " << seed << ", of " << count;
  }
}

TEST(MaglevTable, AnyOrderOfMembersFillsTheSame) {
  // A process that has seen copies come and go knows them in another order than its successor.
  Rng rng(9);
  Members all = members(10, rng);
  const MaglevTable one(all);
  std::ranges::reverse(all);
  const MaglevTable other(all);
  int differ = 0;

  for (std::size_t i = 0; i < MaglevTable::slots; ++i) differ += one.at(i) != other.at(i) ? 1 : 0;

  EXPECT_EQ(differ, 0);
}

TEST(MaglevTable, IsTheSameOnEveryMachine) {
  // The paper's promise: balancers that do not know of each other agree. So a table is what it was
  // when this was written, whatever the compiler, the process and the day.
  Members all;
  for (std::uint16_t i = 0; i < 7; ++i) {
    all.push_back({.identity = mix64(i + 1U), .weight = i % 2U + 1, .value = i});
  }
  const MaglevTable table(all);
  std::uint64_t print = 0;

  for (std::size_t i = 0; i < MaglevTable::slots; ++i) print = hash_pair(print, table.at(i));

  EXPECT_EQ(print, 7203908560201518217ULL);
}

TEST(MaglevTable, TakesExtremeWeights) {
  Rng rng(2);
  Members all = members(1000, rng);
  for (MaglevTable::Member& member : all) member.weight = 1;
  all[7].weight = 10'000;

  const auto slots = slots_of(MaglevTable(all), all.size());

  const double wanted = MaglevTable::slots * 10'000.0 / 10'999;
  EXPECT_NEAR(slots[7], wanted, 0.01 * wanted);
}

TEST(MaglevTable, StepsRoundItsEnd) {
  EXPECT_EQ(MaglevTable::slot_after(MaglevTable::slots - 1), 0U);
  EXPECT_EQ(MaglevTable::slot_after(5), 6U);
  EXPECT_LT(MaglevTable::slot_of(~std::uint64_t{0}), MaglevTable::slots);
}

}  // namespace
}  // namespace hither::lb
