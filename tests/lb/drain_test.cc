// SPDX-License-Identifier: Apache-2.0
#include "lb/drain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

TEST(Drain, AnyRunOfConnectionsLeavesEvenly) {
  constexpr Duration window = 10s;
  const Instant begin(1h);
  for (const std::uint64_t first : {1ULL, 977ULL, 123'456'789'012ULL}) {
    std::array<int, 10> per_second{};
    for (std::uint64_t number = first; number < first + 1000; ++number) {
      const Instant turn = turn_of({.thread = 0, .number = number}, begin, window);
      ASSERT_GE(turn, begin);
      ASSERT_LT(turn, begin + window);
      ++per_second[static_cast<std::size_t>((turn - begin) / 1s)];
    }
    for (const int count : per_second) EXPECT_NEAR(count, 100, 3) << first;
  }
}

TEST(Drain, ThreadsTakeTurnsThatDoNotFallTogether) {
  std::array<int, 10> per_second{};
  for (std::uint64_t thread = 0; thread < 16; ++thread) {
    for (std::uint64_t number = 1; number <= 10; ++number) {
      const Instant turn = turn_of({.thread = thread, .number = number}, Instant(0s), 10s);
      ++per_second[static_cast<std::size_t>(turn.time_since_epoch() / 1s)];
    }
  }
  for (const int count : per_second) EXPECT_NEAR(count, 16, 5);
}

TEST(Drain, ATurnIsTheSameForTheSameConnection) {
  EXPECT_EQ(turn_of({.thread = 3, .number = 5}, Instant(1s), 7s),
            turn_of({.thread = 3, .number = 5}, Instant(1s), 7s));
  EXPECT_EQ(turn_of({.thread = 3, .number = 5}, Instant(1s), 0s), Instant(1s));
}

TEST(Drain, AStopTakesNineSecondsAtMost) {
  for (const Duration window : {0s, 5s, 6s, 3600s}) {
    const DrainRule rule = rule_for_stop(window);

    EXPECT_LE(rule.limit, stop_max);
    EXPECT_LE(std::min(window, rule.window_max) + rule.patience, rule.limit)
        << "everybody's turn and patience come before the limit";
  }
  EXPECT_EQ(rule_for_stop(0s).limit, 3s);
  EXPECT_EQ(rule_for_stop(5s).limit, 8s);
}

TEST(Drain, WhoHandedOverLeavesMoreTime) {
  EXPECT_EQ(rule_for_leaving(5s), (DrainRule{.window_max = 35s, .patience = 30s, .limit = 65s}));
  EXPECT_EQ(rule_for_leaving(1h).window_max, 1h + 30s);
  EXPECT_EQ(rule_for_leaving(5s, 4s), (DrainRule{.window_max = 2s, .patience = 2s, .limit = 4s}));
}

TEST(Drain, StragglersAreSummedUpByFarmAndAddress) {
  const Address one = *parse_address("192.0.2.1");
  const Address two = *parse_address("192.0.2.2");
  std::vector<Straggler> cut = {{.farm = "web", .client = two, .since = Instant(50s)},
                                {.farm = "api", .client = one, .since = Instant(90s)},
                                {.farm = "web", .client = one, .since = Instant(20s)},
                                {.farm = "web", .client = two, .since = Instant(70s)}};

  const std::vector<Stragglers> farms = sum_up(cut, Instant(100s));

  ASSERT_EQ(farms.size(), 2U);
  EXPECT_EQ(farms[0].farm, "api");
  EXPECT_EQ(farms[0].oldest, 10s);
  EXPECT_EQ(farms[1].farm, "web");
  EXPECT_EQ(farms[1].count, 3U);
  EXPECT_EQ(farms[1].oldest, 80s);
  EXPECT_EQ(to_text(farms[1].most), "192.0.2.2 (2), 192.0.2.1");
}

TEST(Drain, FewAddressesAreNamed) {
  std::vector<Straggler> cut;
  for (std::uint32_t i = 0; i < 100; ++i) {
    cut.push_back({.farm = "web", .client = Address::v4(0x0A000000U + i % 50), .since = {}});
  }

  const std::vector<Stragglers> farms = sum_up(cut, Instant(1s));

  EXPECT_EQ(farms[0].count, 100U);
  EXPECT_EQ(farms[0].most.size(), addresses_named);
  EXPECT_EQ(to_text(farms[0].most[0].first), "10.0.0.0") << "equals in the order of addresses";
}

}  // namespace
}  // namespace hither::lb
