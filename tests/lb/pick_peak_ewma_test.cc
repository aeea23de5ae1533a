// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_peak_ewma.h"

#include <gtest/gtest.h>

#include "tests/lb/candidates.h"
#include "tests/lb/start.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

void observe(Servers& servers, std::size_t i, Duration cost, Instant now) {
  servers.feedback(i).observe({.took = cost, .cost = cost}, now);
}

std::size_t pick(const Servers& servers, Instant now, Rng& rng) {
  PeakEwma algorithm;
  return algorithm.pick(servers.all(), {.now = now}, rng);
}

TEST(PeakEwma, NeverPicksTheDearerOfTwo) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Rng rng(seed);
    Servers two = random_servers(rng, {.least = 2, .most = 2});
    double price[2];
    for (std::size_t i = 0; i < 2; ++i) {
      observe(two, i, Duration(1'000'000 + rng.below(50'000'000)), start);
      price[i] = static_cast<double>(two.feedback(i).peak(start).count()) * two[i].busyness();
    }
    for (int i = 0; i < 5; ++i) {
      const std::size_t picked = pick(two, start, rng);
      ASSERT_LE(price[picked], price[1 - picked]) << "seed " << seed;
    }
  }
}

TEST(PeakEwma, AnUnknownServerGetsOneRequestAndNoMore) {
  Servers two({0, 0});
  observe(two, 0, 1s, start);
  Rng rng(1);

  EXPECT_EQ(pick(two, start, rng), 1U);
  two.load(1).raise();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(pick(two, start, rng), 0U);
    two.load(0).raise();
  }
}

TEST(PeakEwma, AServerThatFailsFastDrawsNobody) {
  Servers two({9, 0});
  observe(two, 0, 50ms, start);
  observe(two, 1, cost_of(500, 1ms, 0s), start);
  Rng rng(1);

  for (int i = 0; i < 100; ++i) EXPECT_EQ(pick(two, start, rng), 0U);
}

TEST(PeakEwma, GivesAServerItAvoidedAnotherChance) {
  Servers two({0, 0});
  observe(two, 0, 10ms, start);
  observe(two, 1, 1s, start);
  Rng rng(1);
  Instant now = start;
  while (pick(two, now, rng) == 0 && now < start + 10min) {
    now += 100ms;
    observe(two, 0, 10ms, now);
  }

  // 1 s falls to 10 ms in ln(100) times 10 s.
  EXPECT_GT(now, start + 40s);
  EXPECT_LT(now, start + 50s);
}

}  // namespace
}  // namespace hither::lb::test
