// SPDX-License-Identifier: Apache-2.0
#include "lb/pick.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

namespace hither::lb {
namespace {

/// Candidates with given loads.
class Servers {
 public:
  explicit Servers(const std::vector<int>& loads) {
    for (const int load : loads) {
      gauges_.push_back(std::make_unique<Gauge>());
      for (int i = 0; i < load; ++i) gauges_.back()->raise();
      candidates_.push_back(
          {.server = static_cast<std::uint32_t>(candidates_.size()), .load = gauges_.back().get()});
    }
  }
  std::span<const Candidate> all() const { return candidates_; }
  Gauge& load(std::size_t i) { return *gauges_[i]; }

 private:
  std::vector<std::unique_ptr<Gauge>> gauges_;
  std::vector<Candidate> candidates_;
};

std::vector<int> shares(std::span<const Candidate> candidates, int picks) {
  Rng rng(7);
  std::vector<int> counts(candidates.size());
  for (int i = 0; i < picks; ++i) ++counts[*pick_least_request(candidates, rng)];
  return counts;
}

TEST(Pick, NothingFromNothing) {
  Rng rng(1);
  std::uint64_t turn = 0;

  EXPECT_FALSE(pick_least_request({}, rng));
  EXPECT_FALSE(pick_round_robin({}, turn));
}

TEST(Pick, TheOnlyOneIsIt) {
  const Servers one({99});
  Rng rng(1);
  std::uint64_t turn = 5;

  EXPECT_EQ(pick_least_request(one.all(), rng), 0U);
  EXPECT_EQ(pick_round_robin(one.all(), turn), 0U);
}

TEST(RoundRobin, GivesEachItsTurn) {
  const Servers three({0, 9, 0});
  std::uint64_t turn = 0;
  std::vector<std::size_t> picked;

  for (int i = 0; i < 6; ++i) picked.push_back(*pick_round_robin(three.all(), turn));

  EXPECT_EQ(picked, (std::vector<std::size_t>{0, 1, 2, 0, 1, 2}));
}

TEST(LeastRequest, NeverPicksTheBusierOfTwo) {
  // With replacement the busier one would be drawn twice in a quarter of the cases.
  const Servers two({0, 1});

  EXPECT_EQ(shares(two.all(), 10'000), (std::vector<int>{10'000, 0}));
}

TEST(LeastRequest, NeverPicksTheBusiestOfMany) {
  const Servers five({3, 1, 4, 1, 5});

  EXPECT_EQ(shares(five.all(), 10'000)[4], 0);
}

TEST(LeastRequest, IsFairAmongEquals) {
  const Servers four({2, 2, 2, 2});
  constexpr int picks = 40'000;

  const std::vector<int> counts = shares(four.all(), picks);

  // Five standard deviations of a binomial count.
  const double allowed = 5 * std::sqrt(picks * 0.25 * 0.75);
  for (const int count : counts) EXPECT_NEAR(count, picks / 4, allowed);
}

TEST(LeastRequest, PicksByRankAsTheTheorySays) {
  // Of n with all loads different, the one with k busier ones wins k of n(n-1)/2 pairs.
  const Servers four({0, 1, 2, 3});
  constexpr int picks = 60'000;

  const std::vector<int> counts = shares(four.all(), picks);

  for (int rank = 0; rank < 4; ++rank) {
    const double share = (3 - rank) / 6.0;
    const double allowed = 5 * std::sqrt(picks * share * (1 - share)) + 1;
    EXPECT_NEAR(counts[static_cast<std::size_t>(rank)], picks * share, allowed) << rank;
  }
}

TEST(LeastRequest, KeepsServersLevel) {
  // Thrown into bins two choices at a time, balls lie within a few of each other; thrown at random
  // the spread would be some sixty.
  Servers ten(std::vector<int>(10, 0));
  Rng rng(3);

  for (int i = 0; i < 10'000; ++i) ten.load(*pick_least_request(ten.all(), rng)).raise();

  for (std::size_t i = 0; i < 10; ++i) EXPECT_NEAR(ten.load(i).level(), 1000, 5);
}

TEST(LeastRequest, TheSameSeedPicksTheSame) {
  const Servers five({1, 1, 1, 1, 1});
  Rng one(42);
  Rng other(42);

  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(pick_least_request(five.all(), one), pick_least_request(five.all(), other));
  }
}

}  // namespace
}  // namespace hither::lb
