// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_least_request.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/lb/candidates.h"

namespace hither::lb::test {
namespace {

std::size_t pick(const Servers& servers, Rng& rng) {
  LeastRequest algorithm;
  return algorithm.pick(servers.all(), {}, rng);
}

std::vector<int> shares(const Servers& servers, int picks) {
  Rng rng(7);
  std::vector<int> counts(servers.size());
  for (int i = 0; i < picks; ++i) ++counts[pick(servers, rng)];
  return counts;
}

TEST(LeastRequest, NeverPicksTheBusierOfTwo) {
  // With replacement the busier one would be drawn twice in a quarter of the cases.
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Rng rng(seed);
    const Servers two = random_servers(rng, {.least = 2, .most = 2});
    for (int i = 0; i < 10; ++i) {
      const std::size_t picked = pick(two, rng);
      ASSERT_FALSE(busier(two[picked], two[1 - picked])) << "seed " << seed;
    }
  }
}

TEST(LeastRequest, NeverPicksTheBusiestOfMany) {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    Rng rng(seed);
    const Servers many = random_servers(rng, {.least = 3});
    std::size_t busiest = 0;
    bool alone = true;
    for (std::size_t i = 1; i < many.size(); ++i) {
      if (busier(many[i], many[busiest])) {
        busiest = i;
        alone = true;
      } else if (!busier(many[busiest], many[i])) {
        alone = false;
      }
    }
    if (!alone) continue;
    for (int i = 0; i < 30; ++i) ASSERT_NE(pick(many, rng), busiest) << "seed " << seed;
  }
}

TEST(LeastRequest, IsFairAmongEquals) {
  const Servers four({2, 2, 2, 2});
  constexpr int picks = 40'000;

  const std::vector<int> counts = shares(four, picks);

  // Five standard deviations of a binomial count.
  const double allowed = 5 * std::sqrt(picks * 0.25 * 0.75);
  for (const int count : counts) EXPECT_NEAR(count, picks / 4, allowed);
}

TEST(LeastRequest, PicksByRankAsTheTheorySays) {
  // Of n with all loads different, the one with k busier ones wins k of n(n-1)/2 pairs.
  const Servers four({0, 1, 2, 3});
  constexpr int picks = 60'000;

  const std::vector<int> counts = shares(four, picks);

  for (int rank = 0; rank < 4; ++rank) {
    const double share = (3 - rank) / 6.0;
    const double allowed = 5 * std::sqrt(picks * share * (1 - share)) + 1;
    EXPECT_NEAR(counts[static_cast<std::size_t>(rank)], picks * share, allowed) << rank;
  }
}

TEST(LeastRequest, KeepsServersLevelByWeight) {
  // Thrown into bins two choices at a time, balls lie within a few of each other; thrown at random
  // the spread would be some sixty.
  Servers ten;
  for (std::uint32_t i = 0; i < 10; ++i) ten.add({.weight = i < 5 ? 100U : 200U});
  Rng rng(3);

  for (int i = 0; i < 15'000; ++i) ten.load(pick(ten, rng)).raise();

  for (std::size_t i = 0; i < 10; ++i) EXPECT_NEAR(ten.load(i).level(), i < 5 ? 1000 : 2000, 10);
}

}  // namespace
}  // namespace hither::lb::test
