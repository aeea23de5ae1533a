// SPDX-License-Identifier: Apache-2.0
#include "dns/rate_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"

namespace hither::dns {
namespace {

using namespace std::chrono_literals;
using Verdict = RateLimiter::Verdict;

Address address(const std::string& text) { return *parse_address(text); }

RateLimiter limiter_of(const RateLimits& limits) {
  return {limits, std::make_shared<RateTable>(99)};
}

/// How many of `count` answers in a row are sent.
int sent(RateLimiter& limiter, const Address& client, int count, Instant now) {
  int result = 0;
  for (int i = 0; i < count; ++i) result += limiter.check(client, now) == Verdict::send ? 1 : 0;
  return result;
}

TEST(RateLimit, OneAddressGetsASecondsWorthAtOnceAndThenItsRate) {
  RateLimiter limiter = limiter_of({.per_second = 20});
  const Instant start = Instant{} + 1h;

  EXPECT_EQ(sent(limiter, address("192.0.2.1"), 1000, start), 20);
  EXPECT_EQ(sent(limiter, address("192.0.2.1"), 1000, start + 100ms), 2);
  EXPECT_EQ(sent(limiter, address("192.0.2.1"), 1000, start + 600ms), 10);
  EXPECT_EQ(sent(limiter, address("192.0.2.1"), 1000, start + 10s), 20);
}

TEST(RateLimit, AFloodOfAMinuteGetsItsRateAndNoMore) {
  RateLimiter limiter = limiter_of({.per_second = 50});
  int total = 0;
  for (int ms = 0; ms < 60'000; ++ms) {
    total += sent(limiter, address("2001:db8::1"), 10, Instant{} + 1h + ms * 1ms);
  }
  EXPECT_GE(total, 60 * 50);
  EXPECT_LE(total, 61 * 50);
}

TEST(RateLimit, WhoStaysBelowIsNeverLimited) {
  RateLimiter limiter = limiter_of({.per_second = 100});
  for (int i = 0; i < 10'000; ++i) {
    const Instant now = Instant{} + i * 10ms;
    ASSERT_EQ(limiter.check(address("198.51.100.7"), now), Verdict::send) << i;
    sent(limiter, address("203.0.113.9"), 20, now);  // a flood from elsewhere
  }
}

/// So many addresses of one network, each asking once less than its own limit.
int sent_to_network(const std::string& prefix, int bits_varied, int addresses, int each) {
  RateLimiter limiter = limiter_of({.per_second = 10});
  const Prefix network = *parse_prefix(prefix);
  int total = 0;
  for (int i = 0; i < addresses; ++i) {
    auto octets = network.address.octets();
    const auto at = static_cast<std::size_t>(15 - bits_varied / 8);
    octets[at] = static_cast<std::uint8_t>(octets[at] + i % 256);
    octets[at - 1] = static_cast<std::uint8_t>(octets[at - 1] + i / 256);
    const Address client = Address::v6(std::as_bytes(std::span<const std::uint8_t, 16>(octets)));
    total += sent(limiter, client, each, Instant{} + 1h);
  }
  return total;
}

TEST(RateLimit, WiderNetworksHaveWiderLimits) {
  EXPECT_EQ(sent_to_network("192.0.2.0/24", 0, 256, 10), 320) << "/24: 32 times";
  EXPECT_EQ(sent_to_network("192.0.0.0/20", 0, 4096, 1), 2560) << "/20: 256 times";
  EXPECT_EQ(sent_to_network("2001:db8::/64", 0, 256, 10), 20) << "/64: twice";
  EXPECT_EQ(sent_to_network("2001:db8::/56", 64, 200, 10), 80) << "/56: eight times";
  EXPECT_EQ(sent_to_network("2001:db8::/48", 72, 256, 10), 640) << "/48: 64 times";
}

TEST(RateLimit, EverySlipthAnswerBeyondIsCutShort) {
  for (const int slip : {0, 1, 2, 5}) {
    RateLimiter limiter = limiter_of({.per_second = 1, .slip = slip});
    std::map<Verdict, int> verdicts;
    for (int i = 0; i < 101; ++i) ++verdicts[limiter.check(address("192.0.2.1"), Instant{} + 1h)];
    EXPECT_EQ(verdicts[Verdict::send], 1) << slip;
    EXPECT_EQ(verdicts[Verdict::cut], slip == 0 ? 0 : 100 / slip) << slip;
    EXPECT_EQ(verdicts[Verdict::drop], slip == 0 ? 100 : 100 - 100 / slip) << slip;
  }
}

TEST(RateLimit, ExemptNetworksAndNoLimitAreAlwaysSent) {
  RateLimiter exempt = limiter_of({.per_second = 1, .exempt = {*parse_prefix("192.0.2.0/24")}});
  EXPECT_EQ(sent(exempt, address("192.0.2.1"), 1000, Instant{}), 1000);
  RateLimiter off = limiter_of({.per_second = 0});
  EXPECT_EQ(sent(off, address("192.0.2.1"), 1000, Instant{}), 1000);
}

TEST(RateLimit, AFloodIsFoundAmongMoreNetworksThanThereAreCounters) {
  RateLimiter limiter = limiter_of({.per_second = 20});
  Rng rng(5);
  int flood = 0;
  for (int i = 0; i < 400'000; ++i) {
    const Instant now = Instant{} + 1h + i * 10us;  // 4 seconds
    limiter.check(Address::v4(static_cast<std::uint32_t>(rng.next())), now);
    flood += sent(limiter, address("192.0.2.1"), 1, now);
  }
  EXPECT_LE(flood, 5 * 20);
}

TEST(RateLimit, InnocentsAreSeldomTakenForAFloodThatFillsTheTable) {
  RateLimiter limiter = limiter_of({.per_second = 200});
  Rng rng(6);
  int wrong = 0;
  for (int i = 0; i < 200'000; ++i) {
    const Instant now = Instant{} + 1h + i * 5us;  // 200,000 addresses in a second
    const auto client = Address::v4(static_cast<std::uint32_t>(rng.next()));
    wrong += limiter.check(client, now) == Verdict::send ? 0 : 1;
  }
  EXPECT_LE(wrong, 200);  // One in a thousand.
}

TEST(RateLimit, IsOneForAllWhoShareATable) {
  const RateLimits limits{.per_second = 20};
  const auto table = std::make_shared<RateTable>(7);
  RateLimiter one(limits, table);
  RateLimiter other(limits, table);
  const Instant now = Instant{} + 1h;

  EXPECT_EQ(sent(one, address("192.0.2.1"), 15, now), 15);
  EXPECT_EQ(sent(other, address("192.0.2.1"), 15, now), 5);
  EXPECT_EQ(sent(other, address("192.0.2.1"), 100, now + 500ms), 10);
}

TEST(RateLimit, AThreadWhoseTimeIsBehindGetsNoMoreForIt) {
  RateLimiter limiter = limiter_of({.per_second = 20});
  const Instant now = Instant{} + 1h;
  EXPECT_EQ(sent(limiter, address("192.0.2.1"), 30, now), 20);

  EXPECT_EQ(sent(limiter, address("192.0.2.1"), 30, now - 5ms), 0);
  EXPECT_EQ(sent(limiter, address("192.0.2.1"), 30, now), 0) << "time has not gone twice";
  EXPECT_EQ(sent(limiter, address("192.0.2.1"), 30, now + 1s), 20);
}

TEST(RateLimit, ACounterThatNobodyAskedForWeeksIsEmpty) {
  RateLimiter limiter = limiter_of({.per_second = 20});
  EXPECT_EQ(sent(limiter, address("192.0.2.1"), 30, Instant{} + 1h), 20);
  EXPECT_EQ(sent(limiter, address("192.0.2.1"), 30, Instant{} + 1h + 40 * 24h), 20);
}

// Whatever they do at the same moment: the limit, and one answer more for each of the others.
TEST(RateLimit, ThreadsTogetherGetTheLimit) {
  constexpr int threads = 4;
  constexpr int limit = 1000;
  for (int round = 0; round < 20; ++round) {
    const auto table = std::make_shared<RateTable>(static_cast<std::uint64_t>(round));
    std::atomic<int> all = 0;
    {
      std::vector<std::jthread> flood;
      for (int i = 0; i < threads; ++i) {
        flood.emplace_back([&] {
          RateLimiter limiter({.per_second = limit}, table);
          all += sent(limiter, address("192.0.2.1"), limit, Instant{} + 1h);
        });
      }
    }
    EXPECT_GE(all, limit);
    EXPECT_LE(all, limit + threads - 1);
  }
}

// One answer a second is all that fits into a counter: it must not go round.
TEST(RateLimit, ThreadsTogetherDoNotOverflowTheSmallestLimit) {
  for (int round = 0; round < 50; ++round) {
    const auto table = std::make_shared<RateTable>(static_cast<std::uint64_t>(round));
    {
      std::vector<std::jthread> flood;
      for (int i = 0; i < 6; ++i) {
        flood.emplace_back([&] {
          RateLimiter limiter({.per_second = 1}, table);
          sent(limiter, address("192.0.2.1"), 10, Instant{} + 1h);
        });
      }
    }
    RateLimiter after({.per_second = 1}, table);
    EXPECT_EQ(sent(after, address("192.0.2.1"), 1, Instant{} + 1h), 0);
    EXPECT_EQ(sent(after, address("192.0.2.1"), 2, Instant{} + 1h + 1s), 1);
  }
}

}  // namespace
}  // namespace hither::dns
