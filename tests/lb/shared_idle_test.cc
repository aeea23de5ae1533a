// SPDX-License-Identifier: Apache-2.0
#include "lb/shared_idle.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "tests/lb/start.h"

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

TEST(IdleShelf, HoldsWhatFitsAWord) {
  EXPECT_TRUE(IdleShelf::can_hold({.fd = 3, .since = start}));
  EXPECT_TRUE(IdleShelf::can_hold({.fd = (1 << 24) - 1, .since = Instant(24h * 365 * 30)}));
  EXPECT_FALSE(IdleShelf::can_hold({.fd = 1 << 24, .since = start}));
  EXPECT_FALSE(IdleShelf::can_hold({.fd = 3, .since = Instant(24h * 365 * 40)}));
  EXPECT_FALSE(IdleShelf::can_hold({.fd = 3, .since = Instant{}}));
  EXPECT_FALSE(IdleShelf::can_hold({.fd = -1, .since = start}));
}

TEST(IdleShelf, TellsTheInstantWithinAMillisecondAndNeverTooLate) {
  IdleShelf shelf(1);
  Rng rng(3);
  for (int i = 0; i < 1000; ++i) {
    const Instant since = start + Duration(static_cast<std::int64_t>(rng.below(1'000'000'000'000)));
    shelf.park(0, {.fd = 5, .since = since});
    shelf.tell_count(1);
    const auto leaving = shelf.claim(since, 1s);
    ASSERT_TRUE(leaving);
    EXPECT_LE(leaving->parked.since, since);
    EXPECT_LT(since - leaving->parked.since, 1100us);
    shelf.leave(*leaving);
  }
}

/// One thread parks and takes back, others take over: each round of a connection ends in exactly
/// one pair of hands, and the slot is the owner's again only then.
TEST(IdleShelf, GivesEachConnectionToOneThread) {
  constexpr int rounds = 20'000;
  constexpr std::size_t slots = 4;
  IdleShelf shelf(slots);
  std::vector<std::atomic<int>> holders(rounds);
  std::atomic<bool> over{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&] {
      while (!over) {
        const auto leaving = shelf.claim(start, 1s);
        if (!leaving) continue;
        holders[static_cast<std::size_t>(leaving->parked.fd)].fetch_add(1);
        shelf.leave(*leaving);
      }
    });
  }

  std::vector<int> parked(slots, -1);
  for (int round = 0; round < rounds; ++round) {
    const auto slot = static_cast<std::size_t>(round) % slots;
    if (parked[slot] >= 0 && shelf.take_back(slot)) {
      holders[static_cast<std::size_t>(parked[slot])].fetch_add(1);
    }
    while (!shelf.empty(slot)) std::this_thread::yield();
    parked[slot] = round;
    shelf.park(slot, {.fd = round, .since = start});
    shelf.tell_count(slots);
  }
  over = true;
  for (std::thread& other : others) other.join();
  for (std::size_t slot = 0; slot < slots; ++slot) {
    if (shelf.take_back(slot)) holders[static_cast<std::size_t>(parked[slot])].fetch_add(1);
  }

  for (int round = 0; round < rounds; ++round) {
    EXPECT_EQ(holders[static_cast<std::size_t>(round)], 1) << round;
  }
}

}  // namespace
}  // namespace hither::lb
