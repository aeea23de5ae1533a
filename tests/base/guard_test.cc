// SPDX-License-Identifier: Apache-2.0
#include "base/guard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "base/rng.h"

namespace hither {
namespace {

using namespace std::chrono_literals;
using Change = Guard::Change;

Instant at(Duration since_start) { return Instant{} + since_start; }

/// One letter a member: u(p), d(own: no answer), r(eports that it is down), o(ut of the count).
std::vector<Guard::Seen> see(std::string_view letters) {
  std::vector<Guard::Seen> seen;
  for (const char c : letters) {
    seen.push_back({.counts = c != 'o', .down = c != 'u', .own_word = c == 'r'});
  }
  return seen;
}

/// What is believed: u(p) or d(own).
std::string believed(const Guard& guard, std::string_view letters) {
  std::string result;
  const auto seen = see(letters);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    result += guard.held(i) || !seen[i].down ? 'u' : 'd';
  }
  return result;
}

constexpr GuardRule rule{.percent = 50, .members = 2, .window = 1s, .hold = 60s};

Guard guard_of(std::string_view letters, GuardRule with = rule) {
  Guard guard(with, letters.size());
  EXPECT_EQ(guard.step(see(letters), at(0s)), Change::none);
  return guard;
}

TEST(Guard, FewFailuresAreBelieved) {
  Guard guard = guard_of("uuuuu");
  EXPECT_EQ(guard.step(see("dduuu"), at(1s)), Change::none);
  EXPECT_EQ(believed(guard, "dduuu"), "dduuu");
}

TEST(Guard, MostMembersAtOnceAreHeld) {
  Guard guard = guard_of("uuuuu");
  EXPECT_EQ(guard.step(see("duuuu"), at(10s)), Change::none);
  EXPECT_EQ(guard.step(see("dduuu"), at(10500ms)), Change::none);
  EXPECT_EQ(guard.step(see("dduud"), at(10600ms)), Change::begins);
  EXPECT_EQ(believed(guard, "dduud"), "uuuuu");
  EXPECT_EQ(guard.members_held(), 3U);

  EXPECT_EQ(guard.step(see("ddudd"), at(20s)), Change::none);
  EXPECT_EQ(believed(guard, "ddudd"), "uuuuu") << "what fails meanwhile is held too";
}

TEST(Guard, MembersThatReportTheirDeathAreBelievedHoweverMany) {
  Guard guard = guard_of("uuu");
  EXPECT_EQ(guard.step(see("rru"), at(1s)), Change::none);
  EXPECT_EQ(believed(guard, "rru"), "ddu");
  EXPECT_EQ(guard.step(see("rrr"), at(1200ms)), Change::none);
  EXPECT_EQ(believed(guard, "rrr"), "ddd");
}

TEST(Guard, ReportedDeathsMakeNoMajorityOfSilence) {
  Guard guard = guard_of("uuuuu");
  EXPECT_EQ(guard.step(see("rrduu"), at(1s)), Change::none) << "one of three fell silent";
  EXPECT_EQ(believed(guard, "rrduu"), "ddduu");

  EXPECT_EQ(guard.step(see("rrddu"), at(1100ms)), Change::begins) << "two of three";
  EXPECT_EQ(believed(guard, "rrddu"), "dduuu");
}

TEST(Guard, AMemberThatIsHeldAndThenReportsItsDeathIsBelieved) {
  Guard guard = guard_of("uuuu");
  ASSERT_EQ(guard.step(see("dddu"), at(1s)), Change::begins);

  EXPECT_EQ(guard.step(see("rddu"), at(2s)), Change::none) << "two of three are still most";
  EXPECT_EQ(believed(guard, "rddu"), "duuu");
  EXPECT_EQ(guard.step(see("rrdu"), at(3s)), Change::ends_members_back);
  EXPECT_EQ(believed(guard, "rrdu"), "dddu");
}

TEST(Guard, SilenceAfterAReportIsNoNewFailure) {
  Guard guard = guard_of("uuu");
  ASSERT_EQ(guard.step(see("rru"), at(1s)), Change::none);
  EXPECT_EQ(guard.step(see("ddu"), at(1500ms)), Change::none);
  EXPECT_EQ(guard.step(see("ddd"), at(1600ms)), Change::none) << "one, not most of three";
  EXPECT_EQ(believed(guard, "ddd"), "ddd");
}

TEST(Guard, FailuresFarApartAreBelieved) {
  Guard guard = guard_of("uuu");
  EXPECT_EQ(guard.step(see("duu"), at(10s)), Change::none);
  EXPECT_EQ(guard.step(see("ddu"), at(11001ms)), Change::none);
  EXPECT_EQ(guard.step(see("ddd"), at(13s)), Change::none);
  EXPECT_EQ(believed(guard, "ddd"), "ddd");
}

TEST(Guard, HalfIsNotMostAndOneMemberIsNotSome) {
  Guard four = guard_of("uuuu");
  EXPECT_EQ(four.step(see("dduu"), at(1s)), Change::none);
  Guard one = guard_of("u");
  EXPECT_EQ(one.step(see("d"), at(1s)), Change::none);
  Guard two = guard_of("uu");
  EXPECT_EQ(two.step(see("dd"), at(1s)), Change::begins);
}

TEST(Guard, OnlyMembersThatWereUpCanFail) {
  Guard guard = guard_of("duuddd");
  EXPECT_EQ(guard.step(see("dduddd"), at(1s)), Change::none);
  EXPECT_EQ(guard.step(see("dddddd"), at(1s)), Change::begins) << "both of the two that were up";
  EXPECT_EQ(believed(guard, "dddddd"), "duuddd");
}

TEST(Guard, EndsWhenMembersComeBack) {
  Guard guard = guard_of("uuu");
  ASSERT_EQ(guard.step(see("ddd"), at(1s)), Change::begins);
  EXPECT_EQ(guard.step(see("udd"), at(2s)), Change::none) << "two of three are still most";
  EXPECT_EQ(believed(guard, "udd"), "uuu");

  EXPECT_EQ(guard.step(see("uud"), at(3s)), Change::ends_members_back);
  EXPECT_EQ(believed(guard, "uud"), "uud");
  EXPECT_EQ(guard.deadline(), never);
}

TEST(Guard, EndsWhenItsTimeIsOverAndDoesNotBeginAgainByItself) {
  Guard guard = guard_of("uuu");
  ASSERT_EQ(guard.step(see("ddd"), at(1s)), Change::begins);
  EXPECT_EQ(guard.deadline(), at(61s));
  EXPECT_EQ(guard.step(see("ddd"), at(60999ms)), Change::none);

  EXPECT_EQ(guard.step(see("ddd"), at(61s)), Change::ends_time_over);
  EXPECT_EQ(believed(guard, "ddd"), "ddd");
  EXPECT_EQ(guard.step(see("ddd"), at(61100ms)), Change::none);

  guard.step(see("uuu"), at(70s));
  EXPECT_EQ(guard.step(see("ddd"), at(71s)), Change::begins) << "a new failure is a new one";
}

TEST(Guard, EndsWhenMembersDoNotCountAnyMore) {
  Guard guard = guard_of("uuuu");
  ASSERT_EQ(guard.step(see("dddu"), at(1s)), Change::begins);

  EXPECT_EQ(guard.step(see("oodu"), at(2s)), Change::ends_members_back);
  EXPECT_EQ(believed(guard, "oodu"), "dddu");
}

TEST(Guard, CanBeTurnedOff) {
  for (const GuardRule& off :
       {GuardRule{.percent = 50, .members = 2, .window = 1s, .hold = 0s},
        GuardRule{.percent = 100, .members = 2, .window = 1s, .hold = 60s}}) {
    Guard guard = guard_of("uuu", off);
    EXPECT_EQ(guard.step(see("ddd"), at(1s)), Change::none);
    EXPECT_EQ(believed(guard, "ddd"), "ddd");
  }
}

TEST(Guard, OutlivesAChangeOfTheMembers) {
  Guard guard = guard_of("uuu");
  ASSERT_EQ(guard.step(see("ddd"), at(1s)), Change::begins);

  // The first member went, one came in front, and the other two have changed places.
  const std::vector<std::optional<std::size_t>> before = {std::nullopt, 2, 1};
  Guard moved = guard.moved_to(rule, before);

  EXPECT_EQ(moved.step(see("ddd"), at(2s)), Change::none);
  EXPECT_EQ(believed(moved, "ddd"), "duu");
  EXPECT_EQ(moved.deadline(), at(61s));
}

// Whatever happens: what is up is never held, nor what a member says of itself, and a hold ends.
TEST(Guard, NeverHoldsBackGoodNewsAndAlwaysEnds) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    const std::size_t members = 1 + rng.below(8);
    Guard guard(rule, members);
    Instant now{};
    Instant held_since = never;
    for (int i = 0; i < 300; ++i) {
      now += std::chrono::milliseconds(rng.below(3000));
      std::string letters;
      for (std::size_t r = 0; r < members; ++r) letters += "uuudddro"[rng.below(8)];
      guard.step(see(letters), now);
      for (std::size_t r = 0; r < members; ++r) {
        if (letters[r] != 'd') {
          ASSERT_FALSE(guard.held(r)) << "seed " << seed;
        }
      }
      held_since = guard.holding() ? std::min(held_since, now) : never;
      if (guard.holding()) {
        ASSERT_LT(now - held_since, rule.hold) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace hither
