// SPDX-License-Identifier: Apache-2.0
#include "lb/name_watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/rng.h"
#include "tests/lb/start.h"

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

Address at(std::uint32_t last) { return Address::v4(0x0a000000U + last); }

/// An answer that names 10.0.0.x for each digit.
NameWatch::News answer(NameWatch& name, const std::string& digits, Duration ttl, Instant now) {
  std::vector<Address> addresses;
  for (const char digit : digits) addresses.push_back(at(static_cast<std::uint32_t>(digit - '0')));
  name.asks();
  return name.on_answer(addresses, ttl, now);
}

NameWatch::News failure(NameWatch& name, Instant now) {
  name.asks();
  return name.on_failure("'web.internal' does not resolve: timeout", now);
}

TEST(NameWatch, IsAskedForAtOnceAndOnlyOnceAtATime) {
  NameWatch name("web.internal", start);

  EXPECT_EQ(name.next(), start);
  name.asks();
  EXPECT_EQ(name.next(), never);
  EXPECT_EQ(name.address(), std::nullopt);
  EXPECT_FALSE(name.kept());
}

TEST(NameWatch, AsksAgainByTtlWithinBounds) {
  const struct {
    const char* name;
    Duration ttl;
    Duration wait;
  } rows[] = {
      {"a usual one", 30s, 30s},     {"none, as of /etc/hosts", 0s, 1s},
      {"below a second", 200ms, 1s}, {"exactly the most", 60s, 60s},
      {"a day", 24h, 60s},
  };
  for (const auto& row : rows) {
    NameWatch name("web.internal", start);
    answer(name, "1", row.ttl, start);
    EXPECT_EQ(name.next(), start + row.wait) << row.name;
  }
}

TEST(NameWatch, PrefersTheAddressInUse) {
  const struct {
    const char* name;
    const char* first;
    const char* then;
    int used;
    bool moved;
  } rows[] = {
      {"the same answer", "1", "1", 1, false}, {"one more before it", "2", "12", 2, false},
      {"another order", "12", "21", 1, false}, {"it is gone", "12", "23", 2, true},
      {"all is new", "1", "7", 7, true},
  };
  for (const auto& row : rows) {
    NameWatch name("web.internal", start);
    EXPECT_TRUE(answer(name, row.first, 1s, start).moved) << row.name;

    const NameWatch::News news = answer(name, row.then, 1s, start + 1s);

    EXPECT_EQ(news.moved, row.moved) << row.name;
    EXPECT_EQ(name.address(), at(static_cast<std::uint32_t>(row.used))) << row.name;
  }
}

TEST(NameWatch, KeepsTheLastGoodAnswerThroughFailures) {
  NameWatch name("web.internal", start);
  answer(name, "12", 5s, start);

  EXPECT_TRUE(failure(name, start + 5s).fails);
  EXPECT_FALSE(failure(name, start + 6s).fails) << "said once";
  EXPECT_FALSE(answer(name, "", 5s, start + 8s).fails) << "an empty answer is a failure too";

  EXPECT_TRUE(name.kept());
  EXPECT_EQ(name.failure(), "it has no address");
  EXPECT_EQ(name.address(), at(1));
  EXPECT_EQ(name.addresses().size(), 2U);
  EXPECT_EQ(name.answered_at(), start);

  const NameWatch::News news = answer(name, "12", 5s, start + 9s);
  EXPECT_TRUE(news.recovers);
  EXPECT_FALSE(news.moved);
  EXPECT_FALSE(name.kept());
  EXPECT_EQ(name.failure(), "");
}

TEST(NameWatch, AsksEverMoreSeldomWhileItFails) {
  NameWatch name("web.internal", start);
  for (const Duration wait : {1s, 2s, 4s, 8s, 10s, 10s}) {
    failure(name, start);
    EXPECT_EQ(name.next(), start + wait);
  }
  for (int i = 0; i < 100; ++i) failure(name, start);
  EXPECT_EQ(name.next(), start + 10s);

  answer(name, "1", 5s, start);
  failure(name, start);
  EXPECT_EQ(name.next(), start + 1s) << "it begins anew";
}

TEST(NameWatch, ANameThatNeverResolvedHasNothingToKeep) {
  NameWatch name("web.internal", start);

  EXPECT_TRUE(failure(name, start).fails);

  EXPECT_TRUE(name.failing());
  EXPECT_FALSE(name.kept());
  EXPECT_TRUE(answer(name, "3", 1s, start + 1s).moved);
}

TEST(NameWatch, TakesOverTheAddressOfAPredecessor) {
  NameWatch name("web.internal", start, at(2));

  EXPECT_FALSE(answer(name, "12", 1s, start).moved);
  EXPECT_EQ(name.address(), at(2));
}

// Whatever the answers are: once there was an address there is one, it was in the last good answer,
// it never changes while it is still named, and the next question is neither now nor far away.
TEST(NameWatch, HoldsItsPromisesForAnyAnswers) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Rng rng(seed);
    NameWatch name("web.internal", start);
    Instant now = start;
    for (int i = 0; i < 200; ++i) {
      std::string digits;
      for (char digit = '1'; digit <= '5'; ++digit) {
        if (rng.below(3) == 0) digits += digit;
      }
      const auto before = name.address();
      if (rng.below(4) == 0) {
        failure(name, now);
      } else {
        answer(name, digits, std::chrono::seconds(rng.below(200)), now);
      }

      ASSERT_EQ(name.address().has_value(), !name.addresses().empty()) << "seed " << seed;
      const auto& all = name.addresses();
      if (name.address()) {
        ASSERT_NE(std::ranges::find(all, *name.address()), all.end()) << "seed " << seed;
      }
      if (before && std::ranges::find(all, *before) != all.end()) {
        ASSERT_EQ(name.address(), before) << "seed " << seed;
      }
      ASSERT_GE(name.next(), now + 1s) << "seed " << seed;
      ASSERT_LE(name.next(), now + 60s) << "seed " << seed;
      now = name.next();
    }
  }
}

}  // namespace
}  // namespace hither::lb
