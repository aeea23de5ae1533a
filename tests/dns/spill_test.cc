// SPDX-License-Identifier: Apache-2.0
#include "dns/spill.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <numeric>

#include "base/rng.h"

namespace hither::dns::spill_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant start{std::chrono::hours(1)};
constexpr SpillLimits limits{.high = 0.9, .low = 0.7, .per_second = 0.05, .settle = seconds(20)};

RoomLoad load(double used) { return {.up = true, .capacity = 100, .load = used}; }

/// Until nothing moves any more, with loads that do not change.
double settled_shed(std::vector<RoomLoad> loads, std::size_t room = 0) {
  Spill spill(limits, loads.size());
  Instant now = start;
  do {
    spill.step(loads, now);
    now += milliseconds(250);
  } while (spill.moving());
  return spill.room(room).shed;
}

TEST(Spill, ShedsExactlyTheExcess) {
  EXPECT_EQ(settled_shed({load(90), load(10)}), 0);
  EXPECT_NEAR(settled_shed({load(100), load(10)}), 0.1, 1e-9) << "100 to 90";
  EXPECT_NEAR(settled_shed({load(150), load(10)}), 0.4, 1e-9) << "150 to 90";
}

TEST(Spill, ShedsMoreOfMore) {
  double before = 0;
  for (double used = 80; used < 200; used += 1) {
    const double shed = settled_shed({load(used), {.up = true, .capacity = 1000, .load = 0}});
    EXPECT_GE(shed, before) << used;
    before = shed;
  }
  EXPECT_GT(before, 0.5);
}

TEST(Spill, ShedsOnlyWhatFitsElsewhere) {
  EXPECT_NEAR(settled_shed({load(150), load(60)}), 0.2, 1e-9) << "30 fit";
  EXPECT_EQ(settled_shed({load(150), load(75)}), 0) << "above low takes nobody";
  EXPECT_EQ(settled_shed({load(150), load(120)}), 0);
  EXPECT_EQ(settled_shed({load(150)}), 0);
}

TEST(Spill, LeavesOutARoomTooSmallForIt) {
  const std::vector<RoomLoad> loads = {load(150), load(65), {.up = true, .capacity = 500}};
  Spill spill(limits, 3);
  spill.step(loads, start);
  EXPECT_EQ(spill.room(1).open, 0);
  EXPECT_EQ(spill.room(2).open, 1);
  EXPECT_NEAR(settled_shed(loads), 0.4, 1e-9);
}

TEST(Spill, MovesNoFasterThanItMay) {
  Spill spill(limits, 2);
  Instant now = start;
  double before = 0;
  for (int i = 0; i < 400; ++i, now += milliseconds(137)) {
    spill.step(std::vector{load(i % 90 < 45 ? 180 : 20), load(5)}, now);
    EXPECT_LE(std::abs(spill.room(0).shed - before), 0.05 * 0.137 + 1e-9);
    before = spill.room(0).shed;
  }
}

TEST(Spill, BetweenTheMarksNothingMoves) {
  Spill spill(limits, 2);
  Instant now = start;
  for (int i = 0; i < 200; ++i) spill.step(std::vector{load(150), load(5)}, now += seconds(1));
  const double shed = spill.room(0).shed;
  ASSERT_GT(shed, 0.3);
  for (const double used : {89.0, 75.0, 71.0}) {
    for (int i = 0; i < 60; ++i) spill.step(std::vector{load(used), load(60)}, now += seconds(1));
    EXPECT_EQ(spill.room(0).shed, shed);
  }
}

TEST(Spill, ClientsComeHomeBelowTheLowMark) {
  Spill spill(limits, 2);
  Instant now = start;
  for (int i = 0; i < 20; ++i) spill.step(std::vector{load(120), load(5)}, now += seconds(1));
  ASSERT_NEAR(spill.room(0).shed, 0.25, 1e-9);
  for (int i = 0; i < 60; ++i) spill.step(std::vector{load(30), load(15)}, now += seconds(1));
  EXPECT_EQ(spill.room(0).shed, 0) << "all of them fit";
  EXPECT_FALSE(spill.active());
}

TEST(Spill, ARoomThatIsDownShedsNobodyAndOneThatDrainsTakesNobody) {
  Spill spill(limits, 3);
  Instant now = start;
  for (int i = 0; i < 30; ++i) {
    spill.step(std::vector{load(120), load(5), load(5)}, now += seconds(1));
  }
  RoomLoad draining = load(5);
  draining.draining = true;
  for (int i = 0; i < 30; ++i) {
    spill.step(std::vector{load(90), draining, load(35)}, now += seconds(1));
  }
  EXPECT_EQ(spill.room(1).open, 0);
  EXPECT_GT(spill.room(0).shed, 0);
  spill.step(std::vector{RoomLoad{}, draining, load(35)}, now += seconds(1));
  EXPECT_EQ(spill.room(0).shed, 0);
}

TEST(Spill, ARoomThatIsBackTakesNobodyUntilNobodySheds) {
  Spill spill(limits, 3);
  Instant now = start;
  for (int i = 0; i < 30; ++i) {
    spill.step(std::vector{load(120), load(5), load(5)}, now += seconds(1));
  }
  ASSERT_EQ(spill.room(1).open, 1);
  const double shed = spill.room(0).shed;
  spill.step(std::vector{load(80), RoomLoad{}, load(35)}, now += seconds(1));
  for (int i = 0; i < 60; ++i) {
    spill.step(std::vector{load(80), load(5), load(35)}, now += seconds(1));
    EXPECT_EQ(spill.room(1).open, 0) << "else its guests were sent there, and away again";
    EXPECT_EQ(spill.room(0).shed, shed) << "the other still takes them";
  }
}

TEST(Spill, WhereNoRoomIsOpenAnyMoreItBeginsAnewAndSlowly) {
  Spill spill(limits, 2);
  Instant now = start;
  for (int i = 0; i < 10; ++i) spill.step(std::vector{load(150), load(5)}, now += seconds(1));
  ASSERT_NEAR(spill.room(0).shed, 0.4, 1e-9);
  for (int i = 0; i < 100; ++i) spill.step(std::vector{load(150), RoomLoad{}}, now += seconds(1));
  EXPECT_EQ(spill.room(0).shed, 0) << "all are at home";

  double before = 0;
  for (int i = 0; i < 10; ++i) {
    spill.step(std::vector{load(150), load(5)}, now += seconds(1));
    EXPECT_LE(spill.room(0).shed, before + 0.05 + 1e-9);
    before = spill.room(0).shed;
  }
  EXPECT_EQ(spill.room(1).open, 1);
  EXPECT_NEAR(before, 0.4, 1e-9);
}

TEST(Spill, OneNoisyReportDoesNotDecideTheWholeMove) {
  Spill spill(limits, 2);
  spill.step(std::vector{load(150), load(5)}, start);
  Instant now = start;
  for (int i = 0; i < 60; ++i) {
    spill.step(std::vector{load(50), load(5)}, now += seconds(1));
    EXPECT_EQ(spill.room(0).shed, 0) << i;
  }

  for (int i = 0; i < 10; ++i) spill.step(std::vector{load(150), load(5)}, now += seconds(1));
  ASSERT_NEAR(spill.room(0).shed, 0.4, 1e-9);
  for (int i = 0; i < 20; ++i) spill.step(std::vector{load(89), load(50)}, now += seconds(1));
  spill.step(std::vector{load(0), load(50)}, now += seconds(1));
  for (int i = 0; i < 60; ++i) {
    spill.step(std::vector{load(89), load(50)}, now += seconds(1));
    EXPECT_NEAR(spill.room(0).shed, 0.4, 1e-9) << "nor does it call all of them home";
  }
}

TEST(Spill, ARoomOfUnknownLoadShedsNoMoreAndTakesNoMore) {
  const RoomLoad unknown{.up = true};
  EXPECT_EQ(settled_shed({load(150), unknown}), 0);
  EXPECT_NEAR(settled_shed({load(150), unknown, load(5)}), 0.4, 1e-9) << "there is another";

  Spill spill(limits, 2);
  Instant now = start;
  for (int i = 0; i < 4; ++i) spill.step(std::vector{load(150), load(5)}, now += seconds(1));
  const double shed = spill.room(0).shed;
  ASSERT_NEAR(shed, 0.15, 1e-9);
  for (int i = 0; i < 100; ++i) {
    spill.step(std::vector{unknown, load(5)}, now += seconds(1));
    EXPECT_EQ(spill.room(0).shed, shed) << "nor does it take them back";
  }
}

std::vector<RoomSpill> all_of(const Spill& spill, std::size_t rooms) {
  std::vector<RoomSpill> all;
  for (std::size_t i = 0; i < rooms; ++i) all.push_back(spill.room(i));
  return all;
}

/// Loads that have nothing to do with what was decided, of rooms that fail, return and fall silent.
void redraw(std::vector<RoomLoad>& loads, Rng& rng) {
  for (RoomLoad& room : loads) {
    if (rng.below(10) == 0) room.up = !room.up;
    if (rng.below(20) == 0) room.draining = !room.draining;
    if (rng.below(10) == 0) room.capacity = room.capacity > 0 ? 0 : 100;
    room.load = room.capacity * rng.unit() * 1.5;
  }
}

TEST(Spill, WhateverRoomsReportNobodyIsMovedFasterOrBackAndForth) {
  std::uint64_t times_open = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    std::vector<RoomLoad> loads(2 + rng.below(4), load(50));
    Spill spill(limits, loads.size());
    spill.step(loads, start);
    for (int i = 1; i < 1000; ++i) {
      if (rng.below(10) == 0) redraw(loads, rng);
      const auto before = all_of(spill, loads.size());
      bool sheds = false;
      bool open = false;
      for (std::size_t r = 0; r < loads.size(); ++r) {
        sheds |= loads[r].up && before[r].shed > 0;
        open |= loads[r].up && before[r].open > 0;
      }
      spill.step(loads, start + seconds(i));
      const auto after = all_of(spill, loads.size());
      for (std::size_t r = 0; r < loads.size(); ++r) {
        const bool known = loads[r].up && loads[r].capacity > 0;
        EXPECT_LE(after[r].shed, before[r].shed + (known ? 0.05 + 1e-9 : 0)) << seed << ' ' << i;
        if (!sheds || !open) continue;
        EXPECT_LE(after[r].open, before[r].open) << seed << ' ' << i;
        const double home = loads[r].up ? (known ? 0.05 + 1e-9 : 0) : 1;
        EXPECT_GE(after[r].shed, before[r].shed - home) << seed << ' ' << i;
        ++times_open;
      }
    }
  }
  EXPECT_GT(times_open, 10'000U);
}

/// Rooms with a demand of their own, whose clients follow the shares within a TTL and, when shed,
/// go on in an order of their own.
class World {
 public:
  World(Rng& rng, std::size_t rooms) : demand_(rooms), loads_(rooms), next_(rooms) {
    for (std::size_t i = 0; i < rooms; ++i) {
      const double capacity = 50 + 200 * rng.unit();
      loads_[i] = {.up = true, .capacity = capacity};
      demand_[i] = capacity * (rng.below(3) == 0 ? 0.9 + rng.unit() : rng.unit() * 0.95);
      next_[i].resize(rooms);
      std::iota(next_[i].begin(), next_[i].end(), std::size_t{0});
      for (std::size_t j = rooms; j > 1; --j) std::swap(next_[i][j - 1], next_[i][rng.below(j)]);
    }
  }

  void follow(const Spill& spill) {
    std::vector<RoomSpill> shares;
    for (std::size_t i = 0; i < loads_.size(); ++i) shares.push_back(spill.room(i));
    recent_.push_back(shares);
    if (recent_.size() > ttl_steps) recent_.pop_front();
    for (RoomLoad& room : loads_) room.load = 0;
    for (const auto& then : recent_) add(then, 1.0 / static_cast<double>(recent_.size()));
  }

  const std::vector<RoomLoad>& loads() const { return loads_; }
  bool full_by_itself(std::size_t i) const { return demand_[i] > limits.high * loads_[i].capacity; }

 private:
  static constexpr std::size_t ttl_steps = 20;

  void add(const std::vector<RoomSpill>& shares, double part) {
    for (std::size_t i = 0; i < loads_.size(); ++i) {
      double left = demand_[i] * part * shares[i].shed;
      loads_[i].load += demand_[i] * part - left;
      for (const std::size_t to : next_[i]) {
        if (to == i) continue;
        loads_[to].load += left * shares[to].open;
        left *= 1 - shares[to].open;
      }
      loads_[i].load += left;
    }
  }

  std::vector<double> demand_;
  std::vector<RoomLoad> loads_;
  std::vector<std::vector<std::size_t>> next_;
  std::deque<std::vector<RoomSpill>> recent_;
};

TEST(Spill, NeverFillsARoomSoThatItWouldHaveToShedAndNeverTurnsBack) {
  int sheds = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    const std::size_t rooms = 2 + rng.below(6);
    World world(rng, rooms);
    Spill spill(limits, rooms);
    world.follow(spill);
    std::vector<double> most(rooms);
    for (int i = 0; i < 600; ++i) {
      spill.step(world.loads(), start + seconds(i));
      world.follow(spill);
      for (std::size_t r = 0; r < rooms; ++r) {
        const double used = world.loads()[r].load / world.loads()[r].capacity;
        ASSERT_TRUE(world.full_by_itself(r) || used <= limits.high + 1e-6)
            << "seed " << seed << ", room " << r << " at " << used << ", second " << i;
        ASSERT_GE(spill.room(r).shed, most[r] - 1e-9) << "seed " << seed << ": back and forth";
        most[r] = std::max(most[r], spill.room(r).shed);
      }
    }
    for (const double shed : most) sheds += shed > 0;
  }
  EXPECT_GT(sheds, 100);
}

}  // namespace
}  // namespace hither::dns::spill_test
