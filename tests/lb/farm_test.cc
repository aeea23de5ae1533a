// SPDX-License-Identifier: Apache-2.0
#include "lb/farm.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "lb/picker.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

TEST(Lease, CountsInFlightExactlyWhileItLives) {
  const auto farm = make_farm(1);
  Picker picker(*farm, 0, 1);
  const Gauge& in_flight = farm->server(0).in_flight();
  {
    Lease lease = picker.pick();
    EXPECT_EQ(in_flight.level(), 1U);
    Lease moved = std::move(lease);
    EXPECT_EQ(in_flight.level(), 1U);
    moved = picker.pick();
    EXPECT_EQ(in_flight.level(), 1U);
  }
  EXPECT_EQ(in_flight.level(), 0U);
}

TEST(Lease, APendingConnectEndsWithIt) {
  const auto farm = make_farm(1);
  Picker picker(*farm, 0, 1);
  {
    Lease lease = picker.pick();
    lease.connect_begins();
    EXPECT_EQ(farm->server(0).connecting().level(), 1U);
  }
  EXPECT_EQ(farm->server(0).connecting().level(), 0U);
}

TEST(Farm, CapacityIsThatOfTheCopiesThatAreUp) {
  const auto farm = make_farm(3);
  farm->set_usable(2, false);
  Picker picker(*farm, 0, 1);
  const Lease lease = picker.pick();

  const FarmReport report = farm->report();

  EXPECT_EQ(report,
            (FarmReport{.farm = "web", .copies = 3, .usable = 2, .capacity = 200, .load = 1}));
}

TEST(Lease, AResponseTellsHowLongTheServerTook) {
  const auto farm = make_farm(2);
  Picker picker(*farm, 0, 1);
  const Instant now{1h};
  ResponseHead head;
  head.status = 200;

  picker.pick({}, now).answered(head, now + 40ms);

  EXPECT_NEAR(seconds(farm->server(0).feedback().peak(now + 40ms)), 0.040, 1e-6);
  EXPECT_EQ(farm->server(1).feedback().peak(now + 40ms), Duration::zero());
}

TEST(Lease, TheClientsSlowBodyIsNotTheServersTime) {
  const auto farm = make_farm(1);
  Picker picker(*farm, 0, 1);
  const Instant now{1h};
  ResponseHead head;
  head.status = 200;
  Lease lease = picker.pick({}, now);

  lease.request_sent(now + 9s);
  lease.answered(head, now + 9s + 40ms);

  EXPECT_NEAR(seconds(farm->server(0).feedback().mean(now + 9s + 40ms)), 0.040, 1e-6);
}

TEST(Lease, FailuresAreExpensive) {
  const Instant now{1h};
  ResponseHead busy;
  busy.status = 503;
  busy.fields.add({"Retry-After", "20"});
  ResponseHead dated = busy;
  dated.fields.clear();
  dated.fields.add({"Retry-After", "Wed, 25 Nov 2026 20:00:00 GMT"});
  const auto farm = make_farm(4);
  Picker picker(*farm, 0, 1);

  picker.pick({}, now).answered(busy, now + 1ms);
  picker.pick({}, now).answered(dated, now + 1ms);
  picker.pick({}, now).failed(now + 1ms);
  picker.pick({}, now).took(now + 1ms);

  const double costs[] = {20, 5, 5, 0.001};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(seconds(farm->server(i).feedback().peak(now + 1ms)), costs[i], 1e-5) << i;
  }
}

TEST(Farm, WeightZeroIsNoCapacity) {
  const auto farm = make_farm(3);

  farm->set_weight(1, 0);

  EXPECT_EQ(farm->report().usable, 2U);
  EXPECT_EQ(farm->report().capacity, 200);
}

TEST(Server, IsWhereItsNameLedToLast) {
  Server server({.name = "web-1", .address = "web.internal:80"}, 1);
  EXPECT_FALSE(server.endpoint());

  server.resolve({.address = Address::v4(0x0a000001), .port = 80});
  EXPECT_EQ(to_text(*server.endpoint()), "10.0.0.1:80");
  server.resolve({.address = Address::v4(0x0a000002), .port = 80});
  EXPECT_EQ(to_text(*server.endpoint()), "10.0.0.2:80");
}

Farm::Copies copies(const std::vector<std::string>& addresses) {
  Farm::Copies copies;
  for (const std::string& address : addresses) {
    copies.emplace_back("web-" + std::to_string(copies.size() + 1), address);
  }
  return copies;
}

void change(Farm& farm, const topology::Farm& settings, const Farm::Copies& wanted) {
  farm.change(settings, *farm.plan(settings, wanted));
}

TEST(FarmChange, ACopyThatLeavesGetsNothingNewAndFinishesWhatItHas) {
  Farm farm("fra", round_robin_farm(), copies({"10.0.0.1:80", "10.0.0.2:80"}), 1);
  farm.set_usable(0, true);
  farm.set_usable(1, true);
  Picker picker(farm, 0, 1);
  const Lease held = picker.take(1, {});

  change(farm, round_robin_farm(), copies({"10.0.0.1:80"}));

  for (int i = 0; i < 10; ++i) EXPECT_EQ(picker.pick().index(), 0U);
  EXPECT_EQ(farm.server(1).in_flight().level(), 1U);
  EXPECT_FALSE(farm.server(1).present());
  EXPECT_EQ(farm.report().copies, 1);
  EXPECT_EQ(farm.report().load, 1) << "the room still works on it";
}

TEST(FarmChange, ACopyThatJoinsIsPickedOnceItIsUp) {
  Farm farm("fra", round_robin_farm(), copies({"10.0.0.1:80"}), 1);
  farm.set_usable(0, true);
  Picker picker(farm, 0, 1);
  EXPECT_EQ(picker.pick().index(), 0U);

  change(farm, round_robin_farm(), copies({"10.0.0.1:80", "10.0.0.2:80"}));
  EXPECT_EQ(picker.pick().index(), 0U);
  farm.set_usable(1, true);

  std::set<std::uint32_t> picked;
  for (int i = 0; i < 10; ++i) picked.insert(picker.pick().index());
  EXPECT_EQ(picked, (std::set<std::uint32_t>{0, 1}));
}

TEST(FarmChange, ACopyThatIsCalledOtherwiseStaysUp) {
  Farm farm("fra", round_robin_farm(), copies({"10.0.0.1:80", "10.0.0.2:80"}), 1);
  farm.set_usable(1, true);

  change(farm, round_robin_farm(), copies({"10.0.0.2:80"}));

  ASSERT_EQ(farm.order().size(), 1U);
  const Server& now = farm.server(farm.order()[0]);
  EXPECT_EQ(now.name(), "web-1");
  EXPECT_TRUE(now.usable());
}

TEST(FarmChange, ACopyThatIsCalledOtherwiseIsWhatItWas) {
  Farm farm("fra", round_robin_farm(), copies({"10.0.0.1:80", "b.internal:80"}), 1);
  const Endpoint there{.address = Address::v4(0x0a000002), .port = 80};
  const Instant now{1h};
  for (const std::size_t copy : {0U, 1U}) farm.set_usable(copy, true);
  farm.server(1).resolve(there);
  farm.inherit_feedback(1, {.peak = 80ms, .mean = 20ms, .pace = 5ms}, now);
  farm.set_standing(1, Standing::ejected);

  change(farm, round_robin_farm(), copies({"b.internal:80"}));

  const std::size_t heir = farm.order().at(0);
  EXPECT_EQ(farm.server(heir).endpoint(), there);
  EXPECT_TRUE(farm.server(heir).healthy());
  EXPECT_EQ(farm.server(heir).standing(), Standing::ejected);
  EXPECT_EQ(farm.server(1).standing(), Standing::good);
  EXPECT_NEAR(seconds(farm.server(heir).feedback().peak(now)), 0.080, 1e-6);
  EXPECT_NEAR(seconds(farm.server(heir).feedback().mean(now)), 0.020, 1e-6);
  EXPECT_NEAR(seconds(farm.server(heir).feedback().pace(now)), 0.005, 1e-6);
}

TEST(FarmChange, ACopyOnProbationIsTriedByItsNewName) {
  Farm farm("fra", round_robin_farm(), copies({"10.0.0.1:80", "10.0.0.2:80"}), 1);
  for (const std::size_t copy : {0U, 1U}) farm.set_usable(copy, true);
  farm.set_standing(1, Standing::ejected);
  farm.set_standing(1, Standing::probation);

  change(farm, round_robin_farm(), copies({"10.0.0.2:80"}));

  Server& heir = farm.server(farm.order().at(0));
  EXPECT_EQ(heir.standing(), Standing::probation);
  EXPECT_TRUE(heir.trial().claim());
  EXPECT_FALSE(farm.server(1).trial().claim());
}

TEST(FarmChange, NothingOfBeforeHoldsForOneThatReturns) {
  const Instant now{1h};
  Farm farm("fra", round_robin_farm(), copies({"10.0.0.1:80", "b.internal:80"}), 1);
  for (const std::size_t copy : {0U, 1U}) farm.set_usable(copy, true);
  farm.server(1).resolve({.address = Address::v4(0x0a000002), .port = 80});
  Picker picker(farm, 0, 1);
  std::vector<Lease> held;
  for (int i = 0; i < 5; ++i) held.push_back(picker.take(1, now));
  EXPECT_TRUE(farm.take_seen()[1].present);

  change(farm, round_robin_farm(), copies({"10.0.0.1:80"}));
  EXPECT_FALSE(farm.take_seen()[1].present);
  for (Lease& lease : held) lease.failed(now);
  change(farm, round_robin_farm(), copies({"10.0.0.1:80", "b.internal:80"}));

  EXPECT_FALSE(farm.server(1).endpoint()) << "its name has not been asked for since";
  farm.set_usable(1, true);
  picker.take(1, now).failed(now);
  EXPECT_EQ(farm.take_seen()[1].streak, 1U);
}

TEST(FarmChange, ReturningIsNoHealth) {
  Farm farm("fra", round_robin_farm(), copies({"10.0.0.1:80", "10.0.0.2:80"}), 1);
  farm.set_usable(1, true);
  change(farm, round_robin_farm(), copies({"10.0.0.1:80"}));

  change(farm, round_robin_farm(), copies({"10.0.0.1:80", "10.0.0.2:80"}));

  EXPECT_EQ(farm.size(), 2U);
  EXPECT_TRUE(farm.server(1).present());
  EXPECT_FALSE(farm.server(1).usable());
}

TEST(FarmChange, AlgorithmAndWeightsHoldAtOnce) {
  topology::Farm settings = round_robin_farm();
  Farm farm("fra", settings, copies({"10.0.0.1:80", "10.0.0.2:80"}), 1);
  farm.set_usable(0, true);
  farm.set_usable(1, true);
  Picker picker(farm, 0, 1);
  EXPECT_TRUE(picker.pick());

  settings.balance = topology::Balance::first;
  settings.weights["web-1"] = {.weight = 0};
  change(farm, settings, copies({"10.0.0.1:80", "10.0.0.2:80"}));

  for (int i = 0; i < 5; ++i) EXPECT_EQ(picker.pick().index(), 1U);
  settings.weights.clear();
  change(farm, settings, copies({"10.0.0.1:80", "10.0.0.2:80"}));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(picker.pick().index(), 0U);
}

TEST(FarmChange, PlacesEndAndThenAChangeIsRefused) {
  Farm farm("fra", round_robin_farm(), {}, 1);
  Farm::Copies many;
  for (std::size_t i = 0; i < servers_max; ++i) many.emplace_back("web-1", std::to_string(i));
  change(farm, round_robin_farm(), many);

  const Result<CopyPlan> one_more = farm.plan(round_robin_farm(), {{"web-1", "another"}});
  ASSERT_FALSE(one_more);
  EXPECT_NE(one_more.error().message.find("4097 different copies"), std::string::npos)
      << one_more.error().message;
  EXPECT_TRUE(farm.plan(round_robin_farm(), {{"web-1", "17"}})) << "that one is known";
}

// ---- Headroom, as the DNS hears of it

class Headroom : public testing::Test {
 protected:
  Headroom() {
    settings_.capacity = 40;
    settings_.concurrency.most = 50;
    settings_.slow_start = 10s;
  }
  void begin() {
    farm_ = make_farm(2, settings_);
    step(0s);
  }
  void step(Duration time) { farm_->step_allotments(now_ += time, /*known=*/true); }

  Instant now_{1h};
  topology::Farm settings_ = round_robin_farm();
  std::unique_ptr<Farm> farm_;
};

TEST_F(Headroom, GrowsWithACopyThatRamps) {
  begin();
  EXPECT_EQ(farm_->report().capacity, 80);
  EXPECT_EQ(farm_->report().limit, 100);
  farm_->set_usable(1, false);
  step(1s);
  EXPECT_EQ(farm_->report().capacity, 40);
  EXPECT_EQ(farm_->report().limit, 50);
  farm_->set_usable(1, true);
  EXPECT_EQ(farm_->report().capacity, 41) << "at once, before any step";
  step(200ms);
  step(5s);
  EXPECT_EQ(farm_->report().capacity, 60);
  EXPECT_EQ(farm_->report().limit, 75);
  EXPECT_EQ(farm_->report().usable, 2);
  step(5s);
  EXPECT_EQ(farm_->report().capacity, 80);
}

TEST_F(Headroom, GrowsWithoutALimitToo) {
  settings_.concurrency.most = 0;
  begin();
  farm_->set_usable(1, false);
  step(1s);
  farm_->set_usable(1, true);
  step(200ms);
  step(2500ms);
  EXPECT_EQ(farm_->report().capacity, 50);
  EXPECT_EQ(farm_->report().limit, 0);
}

TEST_F(Headroom, IsNoMoreThanALimitThatFell) {
  settings_.concurrency = {.most = 200, .adaptive = true, .least = 4};
  begin();
  EXPECT_EQ(farm_->report().limit, 80) << "both begin with the capacity";
  Picker picker(*farm_, 0, 1);
  ResponseHead head;
  head.status = 200;
  const auto serve = [&](Duration took, int steps) {
    for (int i = 0; i < steps; ++i) {
      std::vector<Lease> held;
      for (Lease one = picker.pick({}, now_); one; one = picker.pick({}, now_)) {
        held.push_back(std::move(one));
      }
      for (Lease& one : held) one.answered(head, now_ + took);
      step(200ms);
    }
  };
  serve(10ms, 20);
  EXPECT_EQ(farm_->report().capacity, 80);
  EXPECT_GT(farm_->report().limit, 100);

  serve(100ms, 30);

  EXPECT_LT(farm_->report().limit, 80);
  EXPECT_EQ(farm_->report().capacity, farm_->report().limit);
}

TEST_F(Headroom, IsThatOfUsableCopiesInPanic) {
  settings_.panic.below = 0.9;
  begin();
  farm_->set_usable(1, false);
  step(1s);
  EXPECT_TRUE(farm_->panic().active());
  EXPECT_EQ(farm_->report(),
            (FarmReport{.farm = "web", .copies = 2, .usable = 1, .capacity = 40, .limit = 50}));
}

TEST(FarmChange, ARampGoesOnThroughIt) {
  topology::Farm settings = round_robin_farm();
  settings.slow_start = 10s;
  settings.concurrency.most = 50;
  const Farm::Copies both = copies({"10.0.0.1:80", "10.0.0.2:80"});
  Farm farm("fra", settings, both, 1);
  Instant now{1h};
  const auto up = [&](bool usable) {
    farm.set_usable(1, usable);
    farm.step_allotments(now += 1s, true);
  };
  farm.set_usable(0, true);
  up(true);
  up(false);
  up(true);
  farm.step_allotments(now += 5s, true);
  ASSERT_EQ(farm.server(1).weight(), 50U);

  settings.concurrency.most = 100;
  change(farm, settings, both);

  EXPECT_EQ(farm.server(1).weight(), 50U);
  EXPECT_EQ(farm.server(1).limit(), 50U);
  EXPECT_EQ(farm.server(0).limit(), 100U);
}

TEST(FarmGeneration, ARampMovesItTenTimesAtMostAndALimitNever) {
  topology::Farm settings = round_robin_farm();
  settings.slow_start = 10s;
  settings.concurrency.most = 50;
  const auto farm = make_farm(2, settings);
  Instant now{1h};
  farm->step_allotments(now, true);
  farm->set_usable(1, false);
  farm->step_allotments(now += 200ms, true);
  farm->set_usable(1, true);
  const std::uint64_t before = farm->generation();

  for (int i = 0; i < 100; ++i) farm->step_allotments(now += 200ms, true);

  EXPECT_EQ(farm->server(1).weight(), 100U);
  EXPECT_EQ(farm->server(1).limit(), 50U);
  EXPECT_EQ(farm->generation() - before, 9U);
}

}  // namespace
}  // namespace hither::lb::test
