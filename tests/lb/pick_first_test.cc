// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_first.h"

#include <gtest/gtest.h>

#include "tests/lb/candidates.h"

namespace hither::lb::test {
namespace {

std::size_t pick(std::span<const Candidate> candidates) {
  First algorithm;
  Rng rng(1);
  return algorithm.pick(candidates, {}, rng);
}

TEST(First, FillsOneAfterTheOther) {
  Servers three;
  for (int i = 0; i < 3; ++i) three.add({.room = 2});
  std::vector<std::size_t> picked;

  for (int i = 0; i < 6; ++i) {
    picked.push_back(pick(three.all()));
    three.load(picked.back()).raise();
  }

  EXPECT_EQ(picked, (std::vector<std::size_t>{0, 0, 1, 1, 2, 2}));
}

TEST(First, NobodyBeforeThePickedHasRoom) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Rng rng(seed);
    Servers servers;
    for (std::size_t i = 0; i < 1 + seed % 9; ++i) {
      servers.add({.load = static_cast<int>(rng.below(6)),
                   .room = static_cast<std::uint32_t>(1 + rng.below(5))});
    }
    const std::size_t picked = pick(servers.all());

    const auto has_room = [&](std::size_t i) { return servers[i].in_flight() < servers[i].room; };
    for (std::size_t i = 0; i < picked; ++i) {
      ASSERT_TRUE(!has_room(i) || !has_room(picked)) << "seed " << seed;
    }
    if (has_room(picked)) continue;
    for (std::size_t i = 0; i < servers.size(); ++i) {  // All are full.
      ASSERT_FALSE(has_room(i)) << "seed " << seed;
      ASSERT_FALSE(busier(servers[picked], servers[i])) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace hither::lb::test
