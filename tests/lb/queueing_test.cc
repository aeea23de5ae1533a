// SPDX-License-Identifier: Apache-2.0
//
// The algorithms against closed forms. First the simulation itself is held against the forms that
// are exact (M/M/1, Erlang C, E_n/M/1), then the algorithms against each other and the limit for
// many servers. Everything is seeded, so what passes passes always.
#include "tests/lb/queueing.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hither::lb::test {
namespace {

using topology::Balance;

std::vector<double> equal_copies(std::size_t count) { return std::vector<double>(count, 1.0); }

Times run(const Plant& plant, Balance balance) {
  return simulate(plant, *ours(balance, plant.speeds.size(), 7));
}

/// Erlang's C: the chance to wait where `servers` share a queue.
double chance_to_wait(int servers, double load) {
  const double offered = servers * load;
  double term = 1;
  double sum = 1;
  for (int i = 1; i < servers; ++i) {
    term *= offered / i;
    sum += term;
  }
  const double last = term * offered / servers / (1 - load);
  return last / (sum + last);
}

/// The mean response of E_n/M/1, which is one of n copies served in turn.
double in_turn(int copies, double load) {
  double sigma = load;
  for (int i = 0; i < 10'000; ++i) {
    sigma = std::pow(copies * load / (copies * load + 1 - sigma), copies);
  }
  return 1 / (1 - sigma);
}

/// The mean response of the better of two drawn by lot, for many copies (Mitzenmacher; Vvedenskaya
/// and others, 1996): the sum of load^(2^i - 2).
double better_of_two(double load) {
  double sum = 0;
  for (int i = 1; i < 20; ++i) sum += std::pow(load, std::pow(2, i) - 2);
  return sum;
}

TEST(Queueing, TheFormsGiveTheKnownNumbers) {
  EXPECT_NEAR(1 + chance_to_wait(2, 0.9) / (2 * 0.1), 5.2632, 1e-4);
  EXPECT_NEAR(1 + chance_to_wait(10, 0.9) / (10 * 0.1), 1.6687, 1e-4);
  EXPECT_NEAR(in_turn(10, 0.9), 5.6603, 1e-4);
  EXPECT_NEAR(better_of_two(0.9), 2.6141, 1e-4);
}

TEST(Queueing, OneCopyIsMM1) {
  for (const double load : {0.3, 0.5, 0.7, 0.8}) {
    const Times times = simulate({.speeds = {1}, .load = load, .requests = 500'000}, *by_lot(1, 1));

    EXPECT_NEAR(times.mean * (1 - load), 1, 0.05) << load;
    EXPECT_NEAR(times.p99 * (1 - load) / std::log(100), 1, 0.06) << load;
  }
}

TEST(Queueing, OneQueueForAllIsErlangC) {
  for (const int servers : {2, 4, 10}) {
    for (const double load : {0.5, 0.8}) {
      const Times times =
          simulate_one_queue({.speeds = equal_copies(static_cast<std::size_t>(servers)),
                              .load = load,
                              .requests = 400'000});

      const double wanted = 1 + chance_to_wait(servers, load) / (servers * (1 - load));
      EXPECT_NEAR(times.mean / wanted, 1, 0.03) << servers << " at " << load;
    }
  }
}

TEST(Queueing, ChanceAloneIsManyTimesMM1) {
  const Times times =
      simulate({.speeds = equal_copies(10), .load = 0.8, .requests = 600'000}, *by_lot(10, 3));

  EXPECT_NEAR(times.mean, 5, 0.25);
}

TEST(Queueing, RoundRobinIsErlangArrivals) {
  for (const double load : {0.5, 0.8}) {
    const Times times =
        run({.speeds = equal_copies(10), .load = load, .requests = 500'000}, Balance::round_robin);

    EXPECT_NEAR(times.mean / in_turn(10, load), 1, 0.05) << load;
  }
}

TEST(Queueing, LeastRequestIsThePowerOfTwoChoices) {
  for (const double load : {0.7, 0.9}) {
    const Times times = run({.speeds = equal_copies(400), .load = load, .requests = 1'500'000},
                            Balance::least_request);

    EXPECT_NEAR(times.mean / better_of_two(load), 1, 0.03) << load;
  }
}

TEST(Queueing, MoreKnowledgeIsNeverWorse) {
  for (const double load : {0.5, 0.7, 0.8, 0.9}) {
    const Plant plant{.speeds = equal_copies(10), .load = load, .requests = 150'000};

    const double lot = simulate(plant, *by_lot(10, 3)).mean;
    const double turn = run(plant, Balance::round_robin).mean;
    const double two = run(plant, Balance::least_request).mean;
    const double shortest = simulate(plant, *shortest_queue(10)).mean;
    const double one_queue = simulate_one_queue(plant).mean;

    EXPECT_GE(lot, turn) << load;
    EXPECT_GE(turn, two) << load;
    EXPECT_GE(two, shortest) << load;
    EXPECT_GE(shortest, one_queue * 0.99) << load;
  }
}

/// Each request has a copy of its own by its hash, but none has many more than its part.
TEST(Queueing, HashesWithABoundAreNoWorseThanChance) {
  for (const double load : {0.5, 0.8, 0.9}) {
    const Plant plant{.speeds = equal_copies(10), .load = load, .requests = 150'000};
    const double lot = simulate(plant, *by_lot(10, 3)).mean;
    const double shortest = simulate(plant, *shortest_queue(10)).mean;

    for (const Balance balance : {Balance::maglev, Balance::source}) {
      const double mean = run(plant, balance).mean;

      EXPECT_LE(mean, lot) << load;
      EXPECT_GE(mean, shortest) << load;
    }
  }
}

/// Four copies, one of them ten times as slow.
Plant with_a_slow_copy(double load, std::uint64_t seed = 1) {
  return {.speeds = {1, 1, 1, 0.1}, .load = load, .requests = 100'000, .seed = seed};
}

class SlowCopy : public testing::TestWithParam<Balance> {};

TEST_P(SlowCopy, HardlyShowsInTheTail) {
  // In turn the slow copy gets a quarter of all: at a tenth of the load it still keeps up, at
  // six tenths it does not.
  for (const double load : {0.1, 0.3, 0.6}) {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
      const Plant plant = with_a_slow_copy(load, seed);

      const Times times = run(plant, GetParam());

      EXPECT_LT(times.p99, 0.2 * run(plant, Balance::round_robin).p99) << load << ", " << seed;
      EXPECT_LT(times.p99, 0.3 * run(plant, Balance::least_request).p99) << load << ", " << seed;
      if (load < 0.5) continue;  // Below it the fast ones are idle often enough for any rule.
      const double most = GetParam() == Balance::hot_cold ? 0.4 : 0.55;
      EXPECT_LT(times.p99, most * simulate(plant, *shortest_queue(4)).p99) << load << ", " << seed;
    }
  }
}

TEST_P(SlowCopy, IsPaidForLittleWhereAllAreEqual) {
  // What is drawn by response time is drawn by noise where there is no difference.
  for (const double load : {0.5, 0.8}) {
    const Plant plant{.speeds = equal_copies(10), .load = load, .requests = 200'000};

    EXPECT_LT(run(plant, GetParam()).mean, run(plant, Balance::round_robin).mean) << load;
  }
}

struct Figure {
  std::string_view name;
  double mean, p99;            ///< ten equal copies at 0.9
  double slow_mean, slow_p99;  ///< four, one of them slow, at 0.6
};

TEST(Queueing, TheFiguresInTheManualAreThese) {
  const Plant equal{.speeds = equal_copies(10), .load = 0.9, .requests = 300'000};
  for (const Figure& row :
       {Figure{"least-request", 3.0, 10.5, 3.1, 42}, Figure{"peak-ewma", 3.1, 10.7, 2.0, 9.2},
        Figure{"hot-cold", 1.9, 7.9, 1.5, 7.0}}) {
    const Balance balance = topology::balance_of(row.name).value_or(Balance::first);

    const Times times = run(equal, balance);
    const Times slow = run(with_a_slow_copy(0.6), balance);

    EXPECT_NEAR(times.mean / row.mean, 1, 0.05) << row.name;
    EXPECT_NEAR(times.p99 / row.p99, 1, 0.05) << row.name;
    EXPECT_NEAR(slow.mean / row.slow_mean, 1, 0.05) << row.name;
    EXPECT_NEAR(slow.p99 / row.slow_p99, 1, 0.1) << row.name;
  }
  const Times shortest = simulate(equal, *shortest_queue(10));
  EXPECT_NEAR(shortest.mean / 1.9, 1, 0.05);
  EXPECT_NEAR(shortest.p99 / 7.9, 1, 0.05);
  EXPECT_NEAR(simulate(with_a_slow_copy(0.6), *shortest_queue(4)).p99 / 21, 1, 0.1);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, SlowCopy,
                         testing::Values(Balance::peak_ewma, Balance::hot_cold),
                         [](const auto& row) {
                           return row.param == Balance::peak_ewma ? "PeakEwma" : "HotCold";
                         });

}  // namespace
}  // namespace hither::lb::test
