// SPDX-License-Identifier: Apache-2.0
#include "backend/model.h"

#include <gtest/gtest.h>

#include <vector>

namespace hither::backend::model_test {
namespace {

using namespace std::chrono_literals;
using Outcome = Model::Outcome;

constexpr Instant start{};

Behaviour fixed(Duration mean, std::size_t concurrency = 0, std::size_t queue_max = 1024) {
  return {.service = {.mean = mean}, .concurrency = concurrency, .queue_max = queue_max};
}

TEST(Model, WithoutALimitAllAreServedAtOnce) {
  Model model(fixed(5ms));

  for (int i = 0; i < 100; ++i) {
    const auto admission = model.on_request(start);
    ASSERT_EQ(admission.start, start);
    ASSERT_EQ(admission.finish, start + 5ms);
  }
  EXPECT_EQ(model.serving(start), 100U);
  EXPECT_EQ(model.waiting(start), 0U);
}

TEST(Model, BeyondTheLimitTheyWaitInOneLine) {
  Model model(fixed(10ms, 2));

  EXPECT_EQ(model.on_request(start).finish, start + 10ms);
  EXPECT_EQ(model.on_request(start + 4ms).finish, start + 14ms);
  const auto third = model.on_request(start + 5ms);
  const auto fourth = model.on_request(start + 5ms);

  EXPECT_EQ(third.start, start + 10ms);
  EXPECT_EQ(third.finish, start + 20ms);
  EXPECT_EQ(fourth.start, start + 14ms);
  EXPECT_EQ(model.serving(start + 5ms), 2U);
  EXPECT_EQ(model.waiting(start + 5ms), 2U);
}

TEST(Model, TheFirstComeIsServedFirst) {
  Model model({.service = {.kind = ServiceTime::Kind::exponential, .mean = 10ms},
               .concurrency = 3,
               .queue_max = 10'000});
  Instant before = start;
  for (int i = 0; i < 1000; ++i) {
    const auto admission = model.on_request(start + i * 1ms);
    ASSERT_GE(admission.start, before);
    before = admission.start;
  }
}

TEST(Model, NeverServesMoreThanItsLimit) {
  Model model({.service = {.kind = ServiceTime::Kind::lognormal, .mean = 10ms, .sigma = 1.0},
               .concurrency = 4,
               .queue_max = 10'000});
  for (int i = 0; i < 2000; ++i) {
    const Instant now = start + i * 2ms;
    model.on_request(now);
    ASSERT_LE(model.serving(now), 4U);
    ASSERT_TRUE(model.waiting(now) == 0 || model.serving(now) == 4) << "waits with a free server";
  }
}

TEST(Model, AFullLineRefusesAtOnce) {
  Model model(fixed(10ms, 1, 2));
  for (int i = 0; i < 3; ++i) ASSERT_EQ(model.on_request(start).outcome, Outcome::served);

  const auto refused = model.on_request(start + 1ms);

  EXPECT_EQ(refused.outcome, Outcome::refused);
  EXPECT_EQ(refused.finish, start + 1ms);
  EXPECT_EQ(model.waiting(start + 1ms), 2U);
}

TEST(Model, ALineOfNoneRefusesWhenAllAreBusy) {
  Model model(fixed(10ms, 1, 0));

  EXPECT_EQ(model.on_request(start).outcome, Outcome::served);
  EXPECT_EQ(model.on_request(start + 9ms).outcome, Outcome::refused);
  EXPECT_EQ(model.on_request(start + 10ms).outcome, Outcome::served);
}

TEST(Model, ARefusedRequestTakesNoRoom) {
  Model model(fixed(10ms, 1, 1));
  model.on_request(start);
  model.on_request(start);
  for (int i = 0; i < 5; ++i) model.on_request(start + 1ms);

  const auto later = model.on_request(start + 10ms);

  EXPECT_EQ(later.outcome, Outcome::served);
  EXPECT_EQ(later.start, start + 20ms);
}

TEST(Model, AllIsQuietInTheEnd) {
  Model model(
      {.service = {.kind = ServiceTime::Kind::exponential, .mean = 10ms}, .concurrency = 2});
  for (int i = 0; i < 50; ++i) model.on_request(start + i * 1ms);

  EXPECT_EQ(model.serving(start + 1h), 0U);
  EXPECT_EQ(model.waiting(start + 1h), 0U);
}

TEST(Model, ErrorsComeAtTheirRate) {
  Behaviour behaviour = fixed(0ms);
  behaviour.error_rate = 0.25;
  Model model(behaviour);

  int failed = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (model.on_request(start).outcome == Outcome::failed) ++failed;
  }

  EXPECT_NEAR(failed, 5000, 250);
}

TEST(Model, RatesOfZeroAndOneAreExact) {
  Model model(fixed(0ms));
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(model.on_request(start).outcome, Outcome::served);

  model.set_faults({.error = 1.0});
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(model.on_request(start).outcome, Outcome::failed);
}

TEST(Model, AFailedRequestTakesItsTimeToo) {
  Model model(fixed(10ms, 1));
  model.set_faults({.error = 1.0});

  EXPECT_EQ(model.on_request(start).finish, start + 10ms);
  EXPECT_EQ(model.on_request(start).finish, start + 20ms);
}

TEST(Model, SlowAddsToRequestsThatArriveLater) {
  Model model(fixed(5ms));
  const Instant before = model.on_request(start).finish;

  model.set_faults({.slow = 100ms});

  EXPECT_EQ(before, start + 5ms);
  EXPECT_EQ(model.on_request(start).finish, start + 105ms);
  model.set_faults({});
  EXPECT_EQ(model.on_request(start).finish, start + 5ms);
}

TEST(Model, TheSameSeedGivesTheSameDay) {
  const Behaviour behaviour = {.service = {.kind = ServiceTime::Kind::exponential, .mean = 10ms},
                               .concurrency = 2,
                               .error_rate = 0.1,
                               .seed = 99};
  Model one(behaviour);
  Model other(behaviour);
  for (int i = 0; i < 500; ++i) {
    const auto first = one.on_request(start + i * 3ms);
    const auto second = other.on_request(start + i * 3ms);
    ASSERT_EQ(first.finish, second.finish);
    ASSERT_EQ(first.outcome, second.outcome);
  }
}

TEST(Model, AFaultDoesNotShiftWhatLaterRequestsDraw) {
  const Behaviour behaviour = {.service = {.kind = ServiceTime::Kind::exponential, .mean = 10ms}};
  Model healthy(behaviour);
  Model hurt(behaviour);
  hurt.set_faults({.slow = 1s, .error = 0.5});
  for (int i = 0; i < 10; ++i) {
    healthy.on_request(start);
    hurt.on_request(start);
  }

  hurt.set_faults({});

  EXPECT_EQ(hurt.on_request(start).finish, healthy.on_request(start).finish);
}

/// Mean time from arrival to finish of an M/M/c model with unit service rate.
double mean_sojourn_ms(std::size_t servers, double load) {
  Model model({.service = {.kind = ServiceTime::Kind::exponential, .mean = 1ms},
               .concurrency = servers,
               .queue_max = 1'000'000,
               .seed = 3});
  Rng arrivals(8);
  Instant now = start;
  double sum = 0;
  constexpr int requests = 400'000;
  for (int i = 0; i < requests; ++i) {
    const double gap_ns = arrivals.exponential(1e6 / (load * static_cast<double>(servers)));
    now += Duration(static_cast<std::int64_t>(gap_ns));
    sum += std::chrono::duration<double, std::milli>(model.on_request(now).finish - now).count();
  }
  return sum / requests;
}

TEST(Model, AgreesWithTheClosedFormOfMM1) {
  EXPECT_NEAR(mean_sojourn_ms(1, 0.7), 1 / (1 - 0.7), 0.12);
}

TEST(Model, AgreesWithErlangsFormulaForTwoServers) {
  // M/M/2 at load r: mean time = 1 / (1 - r^2) service times.
  EXPECT_NEAR(mean_sojourn_ms(2, 0.8), 1 / (1 - 0.64), 0.12);
}

}  // namespace
}  // namespace hither::backend::model_test
