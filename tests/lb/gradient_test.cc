// SPDX-License-Identifier: Apache-2.0
//
// The formula step by step, and then what it does to a copy with a queue before it.
#include "lb/gradient.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{1h};
constexpr topology::Concurrency bounds{.most = 200, .adaptive = true, .least = 4};

/// Feeds one limit with answers that all take the same.
class Gradient : public testing::Test {
 protected:
  Gradient() {
    limit_.change(bounds, 20);
    limit_.step({}, 0, true, now_);
  }
  /// A step with enough answers.
  std::uint32_t step(Duration each, std::uint32_t in_flight, std::uint64_t answers = 10) {
    now_ += 200ms;
    answers_.count += answers;
    answers_.took += each * static_cast<std::int64_t>(answers);
    limit_.step(answers_, in_flight, true, now_);
    return limit_.limit();
  }

  Instant now_ = start;
  Answers answers_;
  GradientLimit limit_;
};

TEST_F(Gradient, GrowsByItsAllowanceWhileTheCopyIsAsFastAsUsual) {
  EXPECT_EQ(step(10ms, 20), 20U) << "20 + 0.2 * sqrt(20)";
  EXPECT_EQ(step(10ms, 20), 21U);
  for (int i = 0; i < 5; ++i) step(14ms, 20);
  EXPECT_EQ(limit_.limit(), 26U) << "1.5 times the usual is still usual";
}

TEST_F(Gradient, GoesOnInAnotherProcessAsIfNothingHadBeen) {
  for (int i = 0; i < 100; ++i) step(10ms, 20);
  GradientLimit other;
  other.change(bounds, 20);
  other.inherit(limit_.learned());
  Answers its_own;
  other.step(its_own, 0, true, now_);

  for (int i = 0; i < 20; ++i) {
    its_own.count += 10;
    its_own.took += 10 * 30ms;
    other.step(its_own, 60, true, now_ + 200ms);
    step(30ms, 60);
    ASSERT_EQ(other.limit(), limit_.limit()) << i;
    ASSERT_EQ(other.usual() / 1us, limit_.usual() / 1us) << i;
  }
  EXPECT_LT(other.limit(), 60U) << "it knows that 30 ms are slow";
}

TEST_F(Gradient, TakesNoNonsenseFromAnotherProcess) {
  for (const GradientLimit::Learned& learned :
       {GradientLimit::Learned{.limit = 90, .usual = 1ms, .samples = 0},
        GradientLimit::Learned{.limit = 90, .usual = 0ms, .samples = 5},
        GradientLimit::Learned{.limit = 0, .usual = 1ms, .samples = 5},
        GradientLimit::Learned{.limit = -7, .usual = 1ms, .samples = 5}}) {
    limit_.inherit(learned);
    EXPECT_EQ(limit_.limit(), 20U);
    EXPECT_EQ(limit_.usual(), 0s);
  }
  limit_.inherit({.limit = 1e300, .usual = 1ms, .samples = ~std::uint64_t{0}});
  EXPECT_EQ(limit_.limit(), 200U);
}

TEST_F(Gradient, ShrinksInProportionToTheHalfAtMost) {
  for (int i = 0; i < 50; ++i) step(10ms, 0);
  EXPECT_EQ(limit_.limit(), 20U);

  step(30ms, 20);  // 20 * (0.8 + 0.2 * about 1.5 * 10.07 / 30) + 0.2 * sqrt(20)
  EXPECT_EQ(limit_.limit(), 18U);
  GradientLimit other = limit_;
  const Answers slow{.count = answers_.count + 10, .took = answers_.took + 10 * 10s};
  other.step(slow, 20, true, now_ + 200ms);  // 18.9 * 0.9 + 0.2 * sqrt(18.9)
  EXPECT_EQ(other.limit(), 17U);
}

TEST_F(Gradient, StaysWhileLessThanHalfOfItIsInUse) {
  for (int i = 0; i < 100; ++i) step(10ms, 9);
  EXPECT_EQ(limit_.limit(), 20U);
  for (int i = 0; i < 100; ++i) step(1s, 9);
  EXPECT_EQ(limit_.limit(), 20U);
}

TEST_F(Gradient, StaysWithinItsBounds) {
  for (int i = 0; i < 1000; ++i) EXPECT_LE(step(10ms, 200), 200U);
  EXPECT_EQ(limit_.limit(), 200U);
  for (int i = 0; i < 60; ++i) EXPECT_GE(step(10s, 200), 4U);
}

TEST_F(Gradient, ForgetsBadTimesFasterThanItLearnsThem) {
  for (int i = 0; i < 20; ++i) step(1s, 20);
  EXPECT_EQ(limit_.usual(), 1s);

  for (int i = 0; i < 46; ++i) step(100ms, 20);

  EXPECT_LT(limit_.usual(), 201ms);
  EXPECT_GT(limit_.usual(), 150ms);
}

TEST_F(Gradient, WaitsForTenAnswersOrASecond) {
  step(10ms, 20);
  const Duration usual = limit_.usual();

  step(50ms, 20, 4);
  step(50ms, 20, 5);
  EXPECT_EQ(limit_.usual(), usual);
  step(50ms, 20, 1);
  EXPECT_GT(limit_.usual(), usual);

  const Duration then = limit_.usual();
  for (int i = 0; i < 4; ++i) step(500ms, 20, 1);
  EXPECT_EQ(limit_.usual(), then);
  step(500ms, 20, 1);
  EXPECT_GT(limit_.usual(), then) << "a second is over";
  const Duration last = limit_.latest();
  for (int i = 0; i < 20; ++i) step(1ms, 20, 0);
  EXPECT_EQ(limit_.latest(), last) << "nobody answered";
}

TEST_F(Gradient, LearnsNothingWhileTheCopyWarmsUp) {
  for (int i = 0; i < 20; ++i) step(10ms, 20);
  const std::uint32_t before = limit_.limit();

  answers_ = {.count = answers_.count + 1000, .took = answers_.took + 1000 * 1s};
  limit_.step(answers_, 20, /*learn=*/false, now_ += 200ms);
  step(10ms, 0);

  EXPECT_EQ(limit_.usual(), 10ms);
  EXPECT_EQ(limit_.limit(), before);
}

TEST_F(Gradient, CountsAnewWhereAnotherCountsOn) {
  for (int i = 0; i < 20; ++i) step(10ms, 20);
  limit_.count_anew();

  answers_ = {.count = 5, .took = 5 * 1h};
  limit_.step(answers_, 20, true, now_ += 200ms);
  step(10ms, 20);

  EXPECT_EQ(limit_.usual(), 10ms);
}

TEST(GradientBounds, KeepWhatWasLearnedWhereTheyCan) {
  GradientLimit limit;
  limit.change({.most = 0, .adaptive = true, .least = 4}, 100);
  EXPECT_EQ(limit.limit(), 100U);
  limit.change({.most = 0, .adaptive = true, .least = 150}, 100);
  EXPECT_EQ(limit.limit(), 150U);
  limit.change({.most = 50, .adaptive = true, .least = 10}, 20);
  EXPECT_EQ(limit.limit(), 50U);
  limit.change({.most = 2000, .adaptive = true, .least = 1}, 20);
  EXPECT_EQ(limit.limit(), 50U);
  limit.change({.most = 0, .adaptive = true, .least = 5000}, 20);
  EXPECT_EQ(limit.limit(), 5000U) << "more than the usual most";
}

// ---- With a copy behind it

/// A copy that serves `workers` requests at once, each in exponential time, and the others in the
/// order they came; before it the limit, and a queue of 100 that waits a second. Virtual time,
/// seeded; the limit is stepped every 200 ms, as the balancer does.
class Plant {
 public:
  std::size_t workers = 10;
  double service_s = 0.02;
  double rate = 100;  ///< that come, per second
  bool limited = true;

  explicit Plant(std::uint64_t seed, int first = 20) : rng_(seed) { limit_.change(bounds, first); }

  struct Seen {
    double served = 0;  ///< per second, and within a second of their coming
    double lowest = 0;  ///< of the limit
    double highest = 0;
  };
  /// What is seen in the last half of `seconds`.
  Seen run(double seconds) {
    const double end = now_ + seconds;
    const double half = now_ + seconds / 2;
    Seen seen{.lowest = 1e9};
    std::size_t good = 0;
    double arrival = now_ + rng_.exponential(1 / rate);
    while (now_ < end) {
      const double done = busy_.empty() ? 1e18 : busy_.top().first;
      now_ = std::min({arrival, done, step_});
      if (now_ == done) {
        if (finish() && now_ > half) ++good;
      } else if (now_ == arrival) {
        arrive();
        arrival = now_ + rng_.exponential(1 / rate);
      } else {
        limit_.step(answers_, in_flight_, true, start + std::chrono::nanoseconds(to_ns(now_)));
        step_ += 0.2;
        if (now_ < half) continue;
        seen.lowest = std::min(seen.lowest, double{1} * limit_.limit());
        seen.highest = std::max(seen.highest, double{1} * limit_.limit());
      }
      admit();
    }
    seen.served = static_cast<double>(good) / (seconds / 2);
    return seen;
  }
  std::uint32_t limit() const { return limit_.limit(); }

 private:
  struct Request {
    double came = 0;
    double given = 0;
  };
  static std::int64_t to_ns(double s) { return std::llround(s * 1e9); }

  void arrive() {
    if (!limited || waiting_.size() < 100) waiting_.push_back(now_);
  }
  void admit() {
    while (!waiting_.empty()) {
      if (limited && now_ - waiting_.front() > 1) {
        waiting_.pop_front();
        continue;
      }
      if (limited && in_flight_ >= limit_.limit()) return;
      ++in_flight_;
      at_copy_.push_back({.came = waiting_.front(), .given = now_});
      waiting_.pop_front();
      serve();
    }
  }
  void serve() {
    while (busy_.size() < workers && !at_copy_.empty()) {
      served_.push_back(at_copy_.front());
      busy_.emplace(now_ + rng_.exponential(service_s), served_.size() - 1);
      at_copy_.pop_front();
    }
  }
  /// Did its client still wait for it?
  bool finish() {
    const Request request = served_[busy_.top().second];
    busy_.pop();
    --in_flight_;
    ++answers_.count;
    answers_.took += std::chrono::nanoseconds(to_ns(now_ - request.given));
    serve();
    return now_ - request.came <= 1;
  }

  using Done = std::pair<double, std::size_t>;

  Rng rng_;
  GradientLimit limit_;
  Answers answers_;
  std::uint32_t in_flight_ = 0;
  double now_ = 0;
  double step_ = 0.2;
  std::deque<double> waiting_;
  std::deque<Request> at_copy_;
  std::vector<Request> served_;
  std::priority_queue<Done, std::vector<Done>, std::greater<>> busy_;
};

TEST(GradientPlant, GrowsToWhatAFastCopyIsAskedFor) {
  Plant plant(1);
  plant.workers = 1000;
  plant.service_s = 0.05;
  plant.rate = 2000;

  const Plant::Seen seen = plant.run(120);

  EXPECT_GT(seen.lowest, 105) << "a hundred are in flight on the average";
  EXPECT_NEAR(seen.served, 2000, 40);
}

TEST(GradientPlant, FallsWhenTheCopyGetsSlowAndRecovers) {
  Plant plant(2);
  plant.workers = 60;
  plant.rate = 2400;  // 48 of 60 workers are busy.
  plant.run(60);
  const std::uint32_t before = plant.limit();
  EXPECT_GT(before, 50U);

  plant.service_s = 0.2;  // 300 a second at best.
  const Plant::Seen slow = plant.run(20);
  EXPECT_LT(slow.highest, before / 2.0);
  EXPECT_GE(slow.lowest, 4);

  plant.service_s = 0.02;
  const Plant::Seen again = plant.run(120);
  EXPECT_GT(again.lowest, 45);
  EXPECT_NEAR(again.served, 2400, 60);
}

TEST(GradientPlant, KeepsGoodputNearCapacityUnderTwiceTheLoad) {
  for (const std::uint64_t seed : {3U, 4U, 5U}) {
    Plant plant(seed);
    plant.rate = 400;  // Of 500 that it can serve.
    plant.run(60);

    plant.rate = 1000;
    const Plant::Seen seen = plant.run(60);

    EXPECT_GT(seen.served, 0.95 * 500) << "seed " << seed;
    EXPECT_LE(seen.highest, 200) << "seed " << seed;
    EXPECT_GE(seen.lowest, 10) << "seed " << seed;
  }
}

TEST(GradientPlant, WithoutALimitTheSameLoadServesNobodyInTime) {
  Plant plant(3);
  plant.limited = false;
  plant.rate = 1000;

  EXPECT_LT(plant.run(60).served, 0.05 * 500);
}

}  // namespace
}  // namespace hither::lb::test
