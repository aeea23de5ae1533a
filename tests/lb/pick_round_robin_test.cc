// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_round_robin.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "tests/lb/candidates.h"

namespace hither::lb::test {
namespace {

class Turns {
 public:
  explicit Turns(const Servers& servers) : servers_(servers) {
    algorithm_.set_candidates(servers.all());
  }
  std::size_t next() { return algorithm_.pick(servers_.all(), {}, rng_); }
  std::vector<std::size_t> next(std::size_t count) {
    std::vector<std::size_t> turns(count);
    for (std::size_t& turn : turns) turn = next();
    return turns;
  }
  RoundRobin& algorithm() { return algorithm_; }
  Rng& rng() { return rng_; }

 private:
  const Servers& servers_;
  RoundRobin algorithm_;
  Rng rng_{1};
};

std::uint64_t weights_of(const Servers& servers) {
  std::uint64_t sum = 0;
  for (const Candidate& candidate : servers.all()) sum += candidate.weight;
  return sum;
}

TEST(RoundRobin, GivesEachItsTurn) {
  const Servers three({0, 9, 0});
  Turns turns(three);

  EXPECT_EQ(turns.next(6), (std::vector<std::size_t>{0, 1, 2, 0, 1, 2}));
}

TEST(RoundRobin, SpreadsTheTurnsOfTheHeavy) {
  // nginx's own example: 5, 1, 1 gives a a b a c a a, and not a a a a a b c.
  Servers three;
  three.add({.weight = 5});
  three.add({.weight = 1});
  three.add({.weight = 1});
  Turns turns(three);

  EXPECT_EQ(turns.next(7), (std::vector<std::size_t>{0, 0, 1, 0, 2, 0, 0}));
}

TEST(RoundRobin, AWholeRoundIsExact) {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    Rng rng(seed);
    const Servers servers = random_servers(rng, {.weights = 20});
    Turns turns(servers);
    turns.next(rng.below(50));  // Any window, not only the first.
    std::vector<std::uint64_t> counts(servers.size());

    for (std::uint64_t i = 0; i < weights_of(servers); ++i) ++counts[turns.next()];

    for (std::size_t i = 0; i < servers.size(); ++i) {
      ASSERT_EQ(counts[i], servers[i].weight) << "seed " << seed;
    }
  }
}

TEST(RoundRobin, NoWindowIsMoreThanTwoTurnsOff) {
  // From the start a server has had its share within one turn or so; between any two instants so it
  // has within the difference of these.
  double worst = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    Rng rng(seed);
    const Servers servers = random_servers(rng, {.weights = 40});
    Turns turns(servers);
    const auto weights = static_cast<double>(weights_of(servers));
    // The largest and smallest lead so far: a window's error is a difference of two leads.
    std::vector<double> lead(servers.size());
    std::vector<double> most(servers.size());
    std::vector<double> least(servers.size());
    for (int pick = 0; pick < 300; ++pick) {
      lead[turns.next()] += 1;
      for (std::size_t i = 0; i < servers.size(); ++i) {
        lead[i] -= servers[i].weight / weights;
        worst = std::max({worst, lead[i] - least[i], most[i] - lead[i]});
        most[i] = std::max(most[i], lead[i]);
        least[i] = std::min(least[i], lead[i]);
      }
    }
    ASSERT_LT(worst, 2) << "seed " << seed;
  }
  EXPECT_GT(worst, 1);  // What is asked for is not far from what there is.
}

TEST(RoundRobin, ManyChangesDoNotFavourTheFirst) {
  const Servers four({0, 0, 0, 0});
  Turns turns(four);
  std::vector<int> counts(4);

  for (int i = 0; i < 400; ++i) {
    ++counts[turns.next()];
    turns.algorithm().set_candidates(four.all());  // Somebody's weight, or another farm's probe.
  }

  EXPECT_EQ(counts, (std::vector<int>{100, 100, 100, 100}));
}

TEST(RoundRobin, AChangeLetsTheOthersGoOn) {
  for (std::size_t before = 0; before < 8; ++before) {
    const Servers four({0, 0, 0, 0});
    Turns turns(four);
    turns.next(before);
    const std::vector<Candidate> rest = four.without(before % 4);
    turns.algorithm().set_candidates(rest);
    std::vector<int> counts(4);

    for (int i = 0; i < 30; ++i) {
      const std::uint32_t turn = rest[turns.algorithm().pick(rest, {}, turns.rng())].server;
      ++counts[turn];
    }

    for (const Candidate& one : rest) EXPECT_NEAR(counts[one.server], 10, 1) << "after " << before;
  }
}

}  // namespace
}  // namespace hither::lb::test
