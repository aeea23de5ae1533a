// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_maglev.h"

#include <gtest/gtest.h>

#include "tests/lb/candidates.h"

namespace hither::lb::test {
namespace {

Maglev algorithm_of(std::span<const Candidate> candidates) {
  Maglev algorithm;
  algorithm.set_candidates(candidates);
  return algorithm;
}

std::uint64_t weights_of(std::span<const Candidate> candidates) {
  std::uint64_t sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.weight;
  return sum;
}

std::uint64_t in_flight_of(std::span<const Candidate> candidates) {
  std::uint64_t sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.in_flight();
  return sum;
}

TEST(Maglev, EqualRequestsMeetTheSameServer) {
  Rng rng(1);
  const Servers servers = random_servers(rng, {.least = 6, .loads = 1});
  Maglev algorithm = algorithm_of(servers.all());
  // Another thread, or another process.
  Maglev other = algorithm_of(servers.all());

  for (int i = 0; i < 10'000; ++i) {
    const Ask ask{.hash = rng.next(), .now = {}};
    const std::size_t picked = algorithm.pick(servers.all(), ask, rng);
    ASSERT_EQ(algorithm.pick(servers.all(), ask, rng), picked);
    ASSERT_EQ(other.pick(servers.all(), ask, rng), picked);
  }
}

TEST(Maglev, ThoseOfAServerThatIsNotLeftGoToOthersAndNobodyElseMoves) {
  // A second attempt: the table is the same, and one is not offered.
  Rng rng(2);
  const Servers servers = random_servers(rng, {.least = 6, .loads = 1});
  Maglev algorithm = algorithm_of(servers.all());
  for (std::size_t left_out = 0; left_out < servers.size(); ++left_out) {
    const std::vector<Candidate> rest = servers.without(left_out);
    for (int i = 0; i < 1000; ++i) {
      const Ask ask{.hash = rng.next(), .now = {}};
      const std::uint32_t owner = servers[algorithm.pick(servers.all(), ask, rng)].server;
      const std::uint32_t picked = rest[algorithm.pick(rest, ask, rng)].server;
      if (owner != left_out) {
        ASSERT_EQ(picked, owner);
      }
    }
  }
}

TEST(Maglev, NobodyEverHoldsMoreThanItsBound) {
  // One key, over and over: without a bound one server would get all of it.
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Rng rng(seed);
    Servers servers = random_servers(rng, {.least = 2, .loads = 1});
    Maglev algorithm = algorithm_of(servers.all());
    const std::uint64_t weights = weights_of(servers.all());
    const std::uint64_t popular = rng.next();
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t before = in_flight_of(servers.all());
      const std::uint64_t hash = rng.below(4) == 0 ? rng.next() : popular;
      const std::size_t picked = algorithm.pick(servers.all(), {.hash = hash, .now = {}}, rng);
      servers.load(picked).raise();

      ASSERT_LE(servers[picked].in_flight(), bound_of(servers[picked].weight, weights, before))
          << "seed " << seed;

      if (rng.below(3) > 0) continue;
      const std::size_t done = rng.below(servers.size());
      if (servers[done].in_flight() > 0) servers.load(done).lower();
    }
  }
}

TEST(Maglev, ARequestBeyondTheBoundAlwaysMeetsTheSameNext) {
  Servers servers({0, 0, 0, 0, 0});
  Maglev algorithm = algorithm_of(servers.all());
  Rng rng(3);
  const Ask ask{.hash = 12345, .now = {}};
  const std::size_t owner = algorithm.pick(servers.all(), ask, rng);
  for (int i = 0; i < 3; ++i) servers.load(owner).raise();

  const std::size_t next = algorithm.pick(servers.all(), ask, rng);

  EXPECT_NE(next, owner);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(algorithm.pick(servers.all(), ask, rng), next);
}

TEST(Maglev, TheBoundIsAShareAndAQuarter) {
  EXPECT_EQ(bound_of(100, 400, 0), 1U);    // ceil(1.25 x 1 / 4)
  EXPECT_EQ(bound_of(100, 400, 15), 5U);   // 1.25 x 16 / 4
  EXPECT_EQ(bound_of(100, 400, 16), 6U);   // rounded up
  EXPECT_EQ(bound_of(300, 400, 15), 15U);  // three quarters of 20
  EXPECT_EQ(bound_of(100, 100, 7), 10U);   // alone: never in the way
}

}  // namespace
}  // namespace hither::lb::test
