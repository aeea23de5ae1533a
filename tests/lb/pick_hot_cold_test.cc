// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_hot_cold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/lb/candidates.h"
#include "tests/lb/start.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

void observe(Servers& servers, std::size_t i, Duration took) {
  servers.feedback(i).observe({.took = took, .cost = took}, start);
}

TEST(RecentQuantile, IsTheRankAmongTheLastNumbers) {
  RecentQuantile recent(0.84);

  // 1 to 128 in some order, and before them what should be forgotten.
  for (int i = 0; i < 1008; ++i) recent.add(1e6);
  for (int i = 0; i < 129; ++i) recent.add(1 + i * 37 % 128);

  EXPECT_EQ(recent.level(), 108);  // ceil(0.84 x 128)
}

TEST(RecentQuantile, IsAboveEverythingBeforeTheFirst) {
  EXPECT_GT(RecentQuantile(0.84).level(), 1e18);
}

/// How long one request more would take for its weight, twice that if the candidate is hot.
double time_of(const Candidate& candidate, const HotCold& algorithm) {
  const double time =
      static_cast<double>(candidate.feedback->pace(start).count()) * candidate.busyness();
  return candidate.busyness() > algorithm.hot_above() ? 2 * time : time;
}

/// Farms of up to 16, so that all candidates are looked at, with a history of picks.
TEST(HotCold, PicksTheSoonestWhereAHotOneCountsTwice) {
  int hot_against_cold = 0;
  int hot_picked = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    Rng rng(seed);
    Servers servers = random_servers(rng, {.least = 2, .most = HotCold::drawn_max});
    for (std::size_t i = 0; i < servers.size(); ++i) {
      observe(servers, i, Duration(1'000'000 + rng.below(50'000'000)));
    }
    HotCold algorithm;
    for (int i = 0; i < 60; ++i) {
      const std::size_t picked = algorithm.pick(servers.all(), {.now = start}, rng);

      const auto hot = [&](const Candidate& candidate) {
        return candidate.busyness() > algorithm.hot_above();
      };
      const bool any_hot = std::ranges::any_of(servers.all(), hot);
      const bool all_hot = std::ranges::all_of(servers.all(), hot);
      hot_against_cold += any_hot && !all_hot ? 1 : 0;
      hot_picked += hot(servers[picked]) && !all_hot ? 1 : 0;
      for (const Candidate& other : servers.all()) {
        ASSERT_LE(time_of(servers[picked], algorithm), time_of(other, algorithm)) << seed;
      }
      servers.load(picked).raise();
      if (rng.below(2) == 0) servers.load(rng.below(servers.size())).raise();
    }
  }
  EXPECT_GT(hot_against_cold, 10'000);
  EXPECT_GT(hot_picked, 1000);  // Neither is it only among the cold.
}

/// Two, of which the second is hot: it has two in flight, and hardly anybody had more than none.
class AHotOne : public testing::Test {
 protected:
  AHotOne() {
    Servers idle({0, 0});
    for (int i = 0; i < 128; ++i) algorithm_.pick(idle.all(), {.now = start}, rng_);
  }
  std::size_t pick(Duration cold, Duration hot) {
    observe(two_, 0, cold);
    observe(two_, 1, hot);
    return algorithm_.pick(two_.all(), {.now = start}, rng_);
  }

 private:
  Rng rng_{1};
  HotCold algorithm_;
  Servers two_{{0, 2}};
};

TEST_F(AHotOne, IsLeftAloneWhereTheColdOneIsNotMuchSlower) { EXPECT_EQ(pick(50ms, 10ms), 0U); }

TEST_F(AHotOne, IsTakenWhereTheColdOneIsColdBecauseItIsSlow) { EXPECT_EQ(pick(100ms, 10ms), 1U); }

TEST(HotCold, WeightsAreSharesOfWhatIsInFlight) {
  Servers servers;
  for (const std::uint32_t weight : {100U, 50U, 10U}) servers.add({.weight = weight});
  for (std::size_t i = 0; i < servers.size(); ++i) observe(servers, i, 10ms);
  HotCold algorithm;
  Rng rng(1);

  for (int i = 0; i < 160; ++i) {
    servers.load(algorithm.pick(servers.all(), {.now = start}, rng)).raise();
  }

  EXPECT_NEAR(servers[0].in_flight(), 100, 3);
  EXPECT_NEAR(servers[1].in_flight(), 50, 3);
  EXPECT_NEAR(servers[2].in_flight(), 10, 1);
}

/// It is the least busy of all, for it has done with each request at once.
TEST(HotCold, OneThatFailsFastIsNoRefugeFromTheHot) {
  Servers servers({9, 9, 0});
  observe(servers, 0, 10ms);
  observe(servers, 1, 10ms);
  servers.feedback(2).observe({.took = 1ms, .cost = cost_of(503, 1ms, 0s)}, start);
  HotCold algorithm;
  Rng rng(1);

  for (int i = 0; i < 100; ++i) {
    EXPECT_NE(algorithm.pick(servers.all(), {.now = start}, rng), 2U);
  }
}

TEST(HotCold, LooksAtSixteenDifferentOnesOfMany) {
  Servers servers(std::vector<int>(50, 0));
  for (std::size_t i = 0; i < servers.size(); ++i) {
    observe(servers, i, Duration(1'000'000 * (i + 1)));
  }
  HotCold algorithm;
  Rng rng(1);
  std::vector<int> counts(50);
  constexpr int picks = 20'000;

  for (int i = 0; i < picks; ++i) ++counts[algorithm.pick(servers.all(), {.now = start}, rng)];

  // The fastest is among 16 of 50 in 32 of 100 cases; the 15 slowest are never the best of 16.
  EXPECT_NEAR(counts[0], picks * 0.32, 350);
  for (std::size_t i = 35; i < 50; ++i) EXPECT_EQ(counts[i], 0) << i;
}

TEST(HotCold, AnUnknownServerGetsOneRequestAndNoMore) {
  Servers three({0, 0, 0});
  observe(three, 0, 10ms);
  observe(three, 1, 10ms);
  HotCold algorithm;
  Rng rng(1);

  EXPECT_EQ(algorithm.pick(three.all(), {.now = start}, rng), 2U);
  three.load(2).raise();
  for (int i = 0; i < 100; ++i) EXPECT_NE(algorithm.pick(three.all(), {.now = start}, rng), 2U);
}

}  // namespace
}  // namespace hither::lb::test
