// SPDX-License-Identifier: Apache-2.0
#include "lb/probe.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hither::lb {
namespace {

using namespace std::chrono_literals;
using Servers = std::vector<std::size_t>;

constexpr Instant start{1h};
const HealthLimits limits{
    .interval = 1s, .fast_interval = 100ms, .timeout = 800ms, .fall = 3, .rise = 2};
const ProbeResult pass{.passed = true, .silent = false, .reason = {}};
const ProbeResult refused{.passed = false, .silent = false, .reason = "Connection refused"};
const ProbeResult silence{.passed = false, .silent = true, .reason = "timed out"};

ProbeResult judge(const topology::HealthRule& rule, int status, std::string_view body = "") {
  return judge_http(rule, {.status = status, .body = body, .error = {}});
}

TEST(Probe, PassesOnAny2xxAndNothingElseUnlessTheRuleSaysSo) {
  const topology::HealthRule usual;
  EXPECT_TRUE(judge(usual, 200).passed);
  EXPECT_TRUE(judge(usual, 299).passed);
  EXPECT_EQ(judge(usual, 301).reason, "status 301");
  EXPECT_EQ(judge(usual, 503).reason, "status 503");
  EXPECT_FALSE(judge(usual, 199).passed);

  const topology::HealthRule own{
      .path = "/", .host = {}, .status = {{401, 401}, {500, 503}}, .body = {}};
  EXPECT_TRUE(judge(own, 401).passed);
  EXPECT_TRUE(judge(own, 502).passed);
  EXPECT_EQ(judge(own, 200).reason, "status 200");
}

TEST(Probe, WantsTheTextOfTheRuleInTheFirst64KiB) {
  const topology::HealthRule rule{.path = "/", .host = {}, .status = {{}}, .body = "ready"};
  EXPECT_TRUE(judge(rule, 200, "all is ready now").passed);
  EXPECT_EQ(judge(rule, 200, "Ready").reason, "status 200, but no \"ready\" in its body");
  EXPECT_EQ(judge(rule, 503, "ready").reason, "status 503") << "the status comes first";

  const std::string far = std::string(probe_body_bytes - 4, '.') + "ready";
  EXPECT_FALSE(judge(rule, 200, far).passed);
  EXPECT_TRUE(judge(rule, 200, far.substr(1)).passed);
}

TEST(Probe, TellsSilenceFromTheCopysOwnWord) {
  const auto none = [](std::string_view error, bool silent) {
    return judge_http({}, {.status = 0, .body = {}, .error = error, .silent = silent});
  };
  EXPECT_TRUE(none("timed out", true).silent);
  EXPECT_FALSE(none("Connection refused", false).silent);
  EXPECT_EQ(none("Connection refused", false).reason, "Connection refused");
  EXPECT_FALSE(judge({}, 503).silent);
}

TEST(Probe, TellsWhatWeLackedFromSilence) {
  const auto none = [](bool ours) {
    return judge_http({}, {.status = 0, .body = {}, .error = "no", .silent = true, .ours = ours});
  };
  EXPECT_TRUE(none(true).ours);
  EXPECT_FALSE(none(false).ours);
}

/// "0 up;2 held;guard begins"
std::string told(const Prober::News& news) {
  std::string text;
  for (const Prober::Change& change : news.changes) {
    text += std::to_string(change.server) + (change.to == Prober::Belief::up     ? " up;"
                                             : change.to == Prober::Belief::held ? " held;"
                                                                                 : " down;");
  }
  if (news.guard == Guard::Change::begins) text += "guard begins";
  if (news.guard == Guard::Change::ends_members_back) text += "guard ends, members back";
  if (news.guard == Guard::Change::ends_time_over) text += "guard ends, time over";
  return text;
}

/// Probes every server that is due, or the one that is named, and says what came of it.
std::string probe_all(Prober& prober, const ProbeResult& result, Instant now) {
  std::string text;
  for (const std::size_t i : prober.due(now)) text += told(prober.on_result(i, result, now));
  return text;
}

TEST(Prober, AsksAllAtOnceAtTheStart) {
  Prober prober(limits, 3, start);

  EXPECT_EQ(prober.due(start), (Servers{0, 1, 2}));
  EXPECT_TRUE(prober.due(start).empty()) << "one probe at a time";
  EXPECT_EQ(prober.next(), never);
}

TEST(Prober, KnowsTheRoomAfterTheLastFirstResult) {
  Prober prober(limits, 2, start);
  prober.due(start);

  prober.on_result(1, refused, start);
  EXPECT_FALSE(prober.first_round_done());
  prober.on_result(0, pass, start);
  EXPECT_TRUE(prober.first_round_done());
}

TEST(Prober, BelievesTheFirstPassAtOnce) {
  Prober prober(limits, 1, start);
  prober.due(start);

  EXPECT_EQ(told(prober.on_result(0, pass, start)), "0 up;");
}

TEST(Prober, SpreadsTheSecondProbesOverTheInterval) {
  Prober prober(limits, 4, start);
  for (const std::size_t i : prober.due(start)) prober.on_result(i, pass, start);

  EXPECT_EQ(prober.due(start + 249ms), Servers{});
  EXPECT_EQ(prober.due(start + 250ms), Servers{0});
  EXPECT_EQ(prober.due(start + 500ms), Servers{1});
  EXPECT_EQ(prober.due(start + 750ms), Servers{2});
  EXPECT_EQ(prober.due(start + 1s), Servers{3});
}

/// The waits between the probes of one server that always passes.
std::vector<Duration> waits(Prober& prober, int probes) {
  std::vector<Duration> waits;
  Instant now = prober.next();
  for (int i = 0; i < probes; ++i) {
    for (const std::size_t server : prober.due(now)) prober.on_result(server, pass, now);
    waits.push_back(prober.next() - now);
    now = prober.next();
  }
  return waits;
}

TEST(Prober, ShortensWaitsByChanceSoThatNothingStaysInStep) {
  Prober prober(limits, 1, start, {}, 7);
  std::vector<Duration> seen = waits(prober, 1000);
  seen.erase(seen.begin());  // The share of the first round.

  EXPECT_GE(*std::ranges::min_element(seen), 900ms);
  EXPECT_LE(*std::ranges::max_element(seen), 1s) << "detection is promised by the interval";
  EXPECT_LT(*std::ranges::min_element(seen), 910ms) << "all of the tenth is used";
  EXPECT_GT(*std::ranges::max_element(seen), 990ms);
}

TEST(Prober, TheSpreadIsThatOfItsSeed) {
  Prober one(limits, 1, start, {}, 7);
  Prober same(limits, 1, start, {}, 7);
  Prober other(limits, 1, start, {}, 8);

  const std::vector<Duration> seen = waits(one, 20);
  EXPECT_EQ(seen, waits(same, 20));
  EXPECT_NE(seen, waits(other, 20));
}

TEST(Prober, ServersThatWereAskedInOneInstantDriftApart) {
  Prober prober({.interval = 1s, .fast_interval = 100ms, .timeout = 800ms}, 2, start, {}, 3);
  probe_all(prober, pass, start);
  for (const std::size_t i : {0U, 1U}) prober.hurry(i, start + 100ms);
  EXPECT_EQ(prober.due(start + 100ms), (Servers{0, 1}));
  for (const std::size_t i : {0U, 1U}) prober.on_result(i, pass, start + 100ms);

  const Instant next = prober.next();

  EXPECT_EQ(prober.due(next).size(), 1U);
}

// One that refuses from some moment on is down after interval + (fall - 1) x fast_interval.
TEST(Prober, TheSpreadLeavesThePromiseOfDetectionAlone) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prober prober(limits, 3, start, {}, seed);
    const Instant death = start + 1s + std::chrono::milliseconds(seed * 97);
    Instant now = start;
    while (prober.health(1).up() || now < death) {
      for (const std::size_t server : prober.due(now)) {
        const bool dead = server == 1 && now >= death;
        prober.on_result(server, dead ? refused : pass, now);
      }
      if (now >= death && !prober.health(1).up()) break;
      now = prober.next();
    }
    ASSERT_LE(now - death, 1s + 2 * 100ms) << "seed " << seed;
  }
}

TEST(Prober, AsksSeldomWhatIsDownForGood) {
  HealthLimits seldom = limits;
  seldom.down_interval = 10s;
  Prober prober(seldom, 1, start);
  probe_all(prober, pass, start);
  Instant now = prober.next();
  for (int i = 0; i < 3; ++i) {
    probe_all(prober, refused, now);
    if (i < 2) now += 100ms;
  }
  ASSERT_FALSE(prober.health(0).up());

  EXPECT_GE(prober.next(), now + 9s);
  EXPECT_LE(prober.next(), now + 10s);
  now = prober.next();
  probe_all(prober, pass, now);
  EXPECT_EQ(prober.next(), now + 100ms) << "a pass contradicts, so it hurries";
}

TEST(Prober, AsksSeldomWhatHasNeverBeenUpAfterAsManyFailures) {
  HealthLimits seldom = limits;
  seldom.down_interval = 10s;
  Prober prober(seldom, 1, start);
  Instant now = start;
  for (int i = 0; i < 2; ++i) {
    probe_all(prober, refused, now);
    EXPECT_LE(prober.next(), now + 100ms);
    now = prober.next();
  }

  probe_all(prober, refused, now);

  EXPECT_GE(prober.next(), now + 9s);
}

TEST(Prober, HurriesWhileResultsDisagree) {
  Prober prober(limits, 1, start);
  prober.due(start);
  prober.on_result(0, pass, start);
  prober.due(start + 1s);

  prober.on_result(0, refused, start + 1s);

  EXPECT_EQ(prober.next(), start + 1100ms);
  prober.due(start + 1100ms);
  EXPECT_EQ(told(prober.on_result(0, refused, start + 1100ms)), "");
  prober.due(start + 1200ms);
  EXPECT_EQ(told(prober.on_result(0, refused, start + 1200ms)), "0 down;");
  EXPECT_EQ(prober.last_failure(0), "Connection refused");
}

// ---- Most copies at once

constexpr GuardRule guard{.percent = 50, .members = 2, .window = 2s, .hold = 10s};
const HealthLimits once{
    .interval = 1s, .fast_interval = 100ms, .timeout = 800ms, .fall = 1, .rise = 1};

/// All of three servers are up, and their next probes are under way.
Prober three_up() {
  Prober prober(once, 3, start, guard);
  probe_all(prober, pass, start);
  prober.due(start + 1s);
  return prober;
}

TEST(ProberGuard, HoldsMostCopiesThatFallSilentAtOnce) {
  Prober prober = three_up();

  EXPECT_EQ(told(prober.on_result(0, silence, start + 1s)), "0 down;");
  EXPECT_EQ(told(prober.on_result(1, silence, start + 1s)), "0 held;1 held;guard begins");
  EXPECT_EQ(told(prober.on_result(2, silence, start + 1s)), "2 held;");

  EXPECT_EQ(prober.belief(2), Prober::Belief::held);
  EXPECT_FALSE(prober.health(2).up()) << "what was measured stays to be seen";
  EXPECT_EQ(prober.holds(), 1U);
}

TEST(ProberGuard, BelievesCopiesThatRefuseHoweverManyAndAtOnce) {
  Prober prober = three_up();

  EXPECT_EQ(told(prober.on_result(0, refused, start + 1s)), "0 down;");
  EXPECT_EQ(told(prober.on_result(1, refused, start + 1s)), "1 down;");
  EXPECT_EQ(told(prober.on_result(2, refused, start + 1s)), "2 down;");
}

TEST(ProberGuard, BelievesAHeldCopyThatRefuses) {
  Prober prober = three_up();
  for (const std::size_t i : {0U, 1U, 2U}) prober.on_result(i, silence, start + 1s);
  prober.due(start + 2s);

  EXPECT_EQ(told(prober.on_result(1, refused, start + 2s)), "1 down;");
  EXPECT_EQ(told(prober.on_result(2, refused, start + 2s)),
            "0 down;2 down;guard ends, members back")
      << "one that is silent is not most, nor some";
}

TEST(ProberGuard, EndsWhenTheyAnswerAgain) {
  Prober prober = three_up();
  for (const std::size_t i : {0U, 1U, 2U}) prober.on_result(i, silence, start + 1s);
  prober.due(start + 2s);

  EXPECT_EQ(told(prober.on_result(0, pass, start + 2s)), "0 up;");
  EXPECT_EQ(told(prober.on_result(1, pass, start + 2s)), "1 up;2 down;guard ends, members back");
}

TEST(ProberGuard, EndsWhenItsTimeIsOver) {
  Prober prober = three_up();
  for (const std::size_t i : {0U, 1U, 2U}) prober.on_result(i, silence, start + 1s);

  EXPECT_EQ(told(prober.on_time(start + 10999ms)), "");
  EXPECT_LE(prober.next(), start + 11s);
  EXPECT_EQ(told(prober.on_time(start + 11s)), "0 down;1 down;2 down;guard ends, time over");
}

TEST(ProberGuard, HoldsOnlyWhatHasBeenUp) {
  Prober prober(once, 3, start, guard);

  EXPECT_EQ(probe_all(prober, silence, start), "");
  EXPECT_EQ(prober.belief(0), Prober::Belief::down);
}

TEST(ProberGuard, OutlivesAChangeOfTheCopies) {
  Prober prober = three_up();
  for (const std::size_t i : {0U, 1U, 2U}) prober.on_result(i, silence, start + 1s);
  CopyPlan plan;
  plan.joins.push_back({.place = 3, .identity = {}, .heir_of = 1});
  plan.leaves = {1};

  prober.change(once, guard, plan, start + 2s);

  EXPECT_EQ(prober.belief(3), Prober::Belief::held);
  prober.due(start + 2s);
  EXPECT_EQ(told(prober.on_result(3, silence, start + 2s)), "");
  EXPECT_EQ(told(prober.on_time(start + 11s)), "0 down;2 down;3 down;guard ends, time over");
}

// ---- We lacked the means ourselves

const ProbeResult lacking{
    .passed = false, .silent = true, .ours = true, .reason = "Too many open files"};

TEST(ProberLacking, WhoWasNotAskedIsWhatItWasHoweverLongThatLasts) {
  Prober prober = three_up();
  Instant now = start + 1s;
  for (int i = 0; i < 10; ++i) {
    for (const std::size_t server : {0U, 1U, 2U}) {
      EXPECT_EQ(told(prober.on_result(server, lacking, now)), "");
    }
    EXPECT_EQ(prober.next(), now + 100ms) << "the fast interval";
    now += 100ms;
    EXPECT_EQ(prober.due(now), (Servers{0, 1, 2}));
  }

  EXPECT_EQ(prober.last_failure(0), "");
  EXPECT_EQ(prober.repeated(), 30U);
  EXPECT_EQ(told(prober.on_result(0, refused, now)), "0 down;") << "now it was asked";
}

TEST(ProberLacking, ItIsNoResultAmongOthers) {
  Prober prober(limits, 1, start);
  probe_all(prober, pass, start);
  const auto probe = [&prober](const ProbeResult& result) {
    const Instant now = prober.next();
    return probe_all(prober, result, now);
  };

  EXPECT_EQ(probe(refused) + probe(lacking) + probe(refused) + probe(lacking), "");
  EXPECT_EQ(probe(refused), "0 down;") << "the third of three";
}

TEST(ProberLacking, ItIsNoFirstResult) {
  Prober prober(limits, 1, start);

  EXPECT_EQ(probe_all(prober, lacking, start), "");

  EXPECT_FALSE(prober.first_round_done());
  EXPECT_EQ(probe_all(prober, pass, start + 100ms), "0 up;");
}

// ---- We were late ourselves

TEST(ProberLate, SilenceProvesNothingWhenWeWereLate) {
  Prober prober = three_up();

  prober.was_late(401ms);  // Of a timeout of 800 ms.

  EXPECT_EQ(told(prober.on_result(0, silence, start + 2s)), "");
  EXPECT_EQ(prober.next(), start + 2s) << "it is repeated at once";
  EXPECT_EQ(prober.repeated(), 1U);
  EXPECT_EQ(prober.last_failure(0), "");
}

TEST(ProberLate, ALittleLateIsNoExcuse) {
  Prober prober = three_up();

  prober.was_late(400ms);

  EXPECT_EQ(told(prober.on_result(0, silence, start + 2s)), "0 down;");
  EXPECT_EQ(prober.repeated(), 0U);
}

TEST(ProberLate, WhatACopySaysCountsHoweverLateWeAre) {
  Prober prober = three_up();
  prober.was_late(5s);

  EXPECT_EQ(told(prober.on_result(0, refused, start + 2s)), "0 down;");
  EXPECT_EQ(told(prober.on_result(1, pass, start + 2s)), "");
}

TEST(ProberLate, BeingLateExcusesOnlyTheProbesOfThatTime) {
  Prober prober = three_up();
  prober.was_late(5s);
  prober.on_result(0, silence, start + 2s);

  prober.due(start + 2s);

  EXPECT_EQ(told(prober.on_result(0, silence, start + 3s)), "0 down;");
}

TEST(ProberLate, OneThatIsAlwaysLateFindsOutAllTheSame) {
  Prober prober = three_up();
  std::string changes;
  int results = 0;
  while (changes.empty() && results < 100) {
    prober.was_late(5s);
    changes = told(prober.on_result(0, silence, start + 2s));
    prober.due(start + 2s);
    ++results;
  }

  EXPECT_EQ(changes, "0 down;");
  EXPECT_EQ(results, Prober::repeats_max + 1);
}

}  // namespace
}  // namespace hither::lb
