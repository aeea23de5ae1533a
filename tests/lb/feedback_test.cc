// SPDX-License-Identifier: Apache-2.0
#include "lb/feedback.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "tests/lb/start.h"

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

TEST(PeakAverage, APeakCountsAtOnce) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    Rng rng(seed);
    MovingAverage average(10s, true);
    Instant now = start;
    for (int i = 0; i < 20; ++i) {
      now += Duration(rng.below(3'000'000'000));
      const Duration sample(1'000'000 + rng.below(100'000'000));
      average.observe(sample, now);
      ASSERT_GE(milliseconds(average.level(now)), milliseconds(sample) * 0.999999) << seed;
    }
  }
}

TEST(PeakAverage, FallsAsTheFormulaSays) {
  MovingAverage average(10s, true);
  average.observe(100ms, start);

  average.observe(20ms, start + 5s);

  const double kept = std::exp(-0.5);
  EXPECT_NEAR(milliseconds(average.level(start + 5s)), 20 * (1 - kept) + 100 * kept, 0.1);
}

TEST(PeakAverage, IsForgottenWithoutSamples) {
  MovingAverage average(10s, true);
  average.observe(100ms, start);

  EXPECT_NEAR(milliseconds(average.level(start)), 100, 0.01);
  EXPECT_NEAR(milliseconds(average.level(start + 10s)), 100 / std::exp(1), 0.1);
  EXPECT_NEAR(milliseconds(average.level(start + 100s)), 0, 0.01);
}

TEST(MeanAverage, ComesToTheMeanOfManySamples) {
  MovingAverage average(1s, false);
  Rng rng(4);
  Instant now = start;
  double sum = 0;
  constexpr int rounds = 200;
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 200; ++i) {
      now += 10ms;
      average.observe(Duration(static_cast<std::int64_t>(rng.exponential(20e6))), now);
    }
    sum += milliseconds(average.level(now));
  }

  EXPECT_NEAR(sum / rounds, 20, 0.6);
}

TEST(MeanAverage, NoPeakJumps) {
  MovingAverage average(1s, false);
  average.observe(10ms, start);

  average.observe(1s, start + 10ms);

  EXPECT_LT(average.level(start + 10ms), 30ms);
}

TEST(MovingAverage, IsNothingBeforeTheFirstSample) {
  const MovingAverage average(1s, true);

  EXPECT_EQ(average.level(start), Duration::zero());
}

TEST(MovingAverage, AFirstSampleOfNothingIsASample) {
  MovingAverage average(1s, true);

  average.observe(0ns, start);

  EXPECT_GT(average.level(start), Duration::zero());
}

TEST(MovingAverage, TakesInstantsOutOfOrder) {
  MovingAverage average(10s, true);
  average.observe(100ms, start + 50ms);

  average.observe(10ms, start);

  EXPECT_NEAR(milliseconds(average.level(start)), 100, 0.01);
}

TEST(MovingAverage, WorksAcrossTheWrapOfItsTicks) {
  MovingAverage average(10s, true);
  const Instant wrap{Duration(std::int64_t{1} << 52U)};  // 2^32 ticks of 2^20 ns
  average.observe(100ms, wrap - 5s);

  EXPECT_NEAR(milliseconds(average.level(wrap + 5s)), 100 / std::exp(1), 0.1);
}

TEST(Feedback, PaceIsTheTimeForEachThatWasThere) {
  Feedback feedback;

  feedback.observe({.took = 60ms, .cost = 60ms, .crowd = 3}, start);

  EXPECT_NEAR(milliseconds(feedback.pace(start)), 20, 0.01);
  EXPECT_NEAR(milliseconds(feedback.mean(start)), 60, 0.01);
  EXPECT_NEAR(milliseconds(feedback.peak(start)), 60, 0.01);
}

TEST(Feedback, AFailureInACrowdIsAsExpensive) {
  Feedback feedback;

  feedback.observe({.took = 1ms, .cost = 5s, .crowd = 100}, start);

  EXPECT_NEAR(milliseconds(feedback.pace(start)), 5000, 0.1);
}

TEST(Feedback, ThreadsTellAndAskAtOnce) {
  Feedback feedback;
  std::vector<std::thread> threads;
  for (int number = 1; number <= 4; ++number) {
    threads.emplace_back([&feedback, number] {
      for (int i = 0; i < 20'000; ++i) {
        const Instant now = start + i * 1ms;
        feedback.observe({.took = number * 10ms, .cost = number * 10ms}, now);
        const Duration peak = feedback.peak(now);
        ASSERT_TRUE(peak > 1ms && peak < 41ms) << peak.count();
      }
    });
  }

  for (std::thread& thread : threads) thread.join();

  const Instant end = start + 20s;
  EXPECT_GT(feedback.mean(end), 5ms);
  EXPECT_LT(feedback.mean(end), 41ms);
}

struct Cost {
  int status;
  Duration took;
  Duration retry_after;
  Duration cost;
};

TEST(Feedback, FailuresAreExpensive) {
  for (const Cost& row : {
           Cost{200, 10ms, 0s, 10ms},
           Cost{404, 10ms, 0s, 10ms},
           Cost{501, 10ms, 0s, 10ms},  // The request's fault.
           Cost{505, 10ms, 0s, 10ms},
           Cost{500, 1ms, 0s, 5s},
           Cost{503, 1ms, 30s, 30s},
           Cost{429, 1ms, 2s, 5s},
           Cost{503, 1ms, 24h, 5min},
           Cost{504, 20s, 0s, 20s},
           Cost{200, 10ms, 30s, 10ms},
       }) {
    EXPECT_EQ(cost_of(row.status, row.took, row.retry_after), row.cost) << row.status;
  }
  EXPECT_EQ(cost_of_failure(1ms), 5s);
  EXPECT_EQ(cost_of_failure(30s), 30s);
}

}  // namespace
}  // namespace hither::lb
