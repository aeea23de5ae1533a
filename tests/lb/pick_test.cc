// SPDX-License-Identifier: Apache-2.0
#include "lb/pick.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/lb/candidates.h"
#include "tests/lb/start.h"

namespace hither::lb::test {
namespace {

using topology::Balance;

/// What holds for each of them.
class EveryAlgorithm : public testing::TestWithParam<Balance> {};

TEST_P(EveryAlgorithm, PicksAPositionAmongAnyCandidates) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Rng rng(seed);
    const Servers servers = random_servers(rng, {.most = 40});
    const auto algorithm = make_algorithm(GetParam());
    algorithm->set_candidates(servers.all());
    for (int i = 0; i < 30; ++i) {
      const Ask ask{.hash = rng.next(), .now = start};

      ASSERT_LT(algorithm->pick(servers.all(), ask, rng), servers.size()) << "seed " << seed;

      if (servers.size() == 1) continue;
      const std::vector<Candidate> rest = servers.without(rng.below(servers.size()));
      ASSERT_LT(algorithm->pick(rest, ask, rng), rest.size()) << "seed " << seed;
    }
  }
}

TEST_P(EveryAlgorithm, TheSameSeedPicksTheSame) {
  Rng rng(42);
  const Servers servers = random_servers(rng, {.least = 5});
  Rng dice_of_one(7);
  Rng dice_of_other(7);
  const auto one = make_algorithm(GetParam());
  const auto other = make_algorithm(GetParam());
  one->set_candidates(servers.all());
  other->set_candidates(servers.all());

  for (int i = 0; i < 1000; ++i) {
    const Ask ask{.hash = rng.next(), .now = start};
    ASSERT_EQ(one->pick(servers.all(), ask, dice_of_one),
              other->pick(servers.all(), ask, dice_of_other));
  }
}

TEST_P(EveryAlgorithm, TakesAChangeOfCandidates) {
  Rng rng(3);
  Servers servers = random_servers(rng, {.least = 8, .most = 8});
  const auto algorithm = make_algorithm(GetParam());
  for (int round = 0; round < 100; ++round) {
    std::vector<Candidate> some;
    for (const Candidate& candidate : servers.all()) {
      if (rng.below(3) > 0) some.push_back(candidate);
    }
    if (some.empty()) continue;
    algorithm->set_candidates(some);
    for (int i = 0; i < 20; ++i) {
      ASSERT_LT(algorithm->pick(some, {.hash = rng.next(), .now = start}, rng), some.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Algorithms, EveryAlgorithm,
                         testing::Values(Balance::round_robin, Balance::least_request,
                                         Balance::peak_ewma, Balance::hot_cold, Balance::maglev,
                                         Balance::source, Balance::first),
                         [](const auto& row) {
                           std::string name(to_text(row.param));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(Pick, DrawsEveryPairAlike) {
  Rng rng(5);
  constexpr int draws = 60'000;
  std::map<std::pair<std::size_t, std::size_t>, int> counts;

  for (int i = 0; i < draws; ++i) {
    const Two two = draw_two(4, rng);
    ++counts[{two.one, two.other}];
  }

  ASSERT_EQ(counts.size(), 12U);  // Ordered pairs, none of one with itself.
  const double allowed = 5 * std::sqrt(draws / 12.0);
  for (const auto& [pair, count] : counts) EXPECT_NEAR(count, draws / 12, allowed);
}

TEST(Pick, LeastBusyCountsByWeight) {
  Servers servers;
  servers.add({.load = 3, .weight = 100});
  servers.add({.load = 5, .weight = 200});
  servers.add({.load = 5, .weight = 200});

  EXPECT_EQ(least_busy(servers.all()), 1U);
}

TEST(Pick, BusierIsExact) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    Rng rng(seed);
    const Servers two = random_servers(rng, {.least = 2, .most = 2});
    // 300 x 9 is far below what a double holds exactly; the quotients may still round.
    if (std::abs(two[0].busyness() - two[1].busyness()) < 1e-12) continue;
    EXPECT_EQ(busier(two[0], two[1]), two[0].busyness() > two[1].busyness()) << seed;
  }
}

}  // namespace
}  // namespace hither::lb::test
