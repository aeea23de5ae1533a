// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "lb/pick.h"

namespace hither::lb {

/// The level that most of the last numbers do not exceed. A plain value.
class RecentQuantile {
 public:
  explicit RecentQuantile(double quantile) : quantile_(quantile) {}
  void add(double number);
  /// The smallest of the last 128 numbers that `quantile` of them do not exceed, brought up to date
  /// with every sixteenth; before the first, more than any number.
  double level() const { return level_; }

 private:
  static constexpr std::size_t renewed_every = 16;

  double quantile_;
  std::array<double, 128> numbers_{};
  std::size_t count_ = 0;  ///< numbers added so far
  double level_ = 1e300;
};

/// Hot or cold (Prequal, Wydrowski et al., NSDI 2024), with no probes: a balancer that carries all
/// requests of its farm knows what is in flight, and hears of response times as they pass. Of 16
/// candidates by lot (all of them, if there are no more) those are hot whose requests in flight for
/// their weight exceed the 0.84 quantile of what was lately seen. It is the one that would answer
/// soonest for its weight, where a hot one counts as twice as slow.
///
/// "Soonest" is the time at the load of this moment (Feedback::pace times the requests then there),
/// as the paper's servers report it. By the plain mean all would follow the one that was fastest a
/// moment ago, until answers tell that it no longer is: tests/lb/queueing_test.cc saw response
/// times fifteen times those of chance alone.
///
/// The paper takes no hot one while one is cold. It has hundreds of servers, of which some cold one
/// is always about as fast as any other; in a room of four the cold one is often the slow one, and
/// cold because it is: with one ten times slower at 60 % load, its rule has a p99 of 10 units of
/// service, and this one 7 (the queueing test). And of copies that are all hot it takes the least
/// busy, which one that fails fast always is.
///
/// Cost: a load and an exponential for each of at most 16.
class HotCold final : public Algorithm {
 public:
  static constexpr std::size_t drawn_max = 16;
  static constexpr double hot_quantile = 0.84;
  /// A hot candidate counts as so many times slower. Of 2, 4 and 1 (no difference), 2 had the
  /// shortest p99 with one slow copy, with slow spells and with copies that serve many at once.
  static constexpr double hot_counts = 2;

  std::size_t pick(std::span<const Candidate> candidates, const Ask& ask, Rng& rng) override;
  /// Those with more than this busyness are hot.
  double hot_above() const { return seen_.level(); }

 private:
  RecentQuantile seen_{hot_quantile};
};

}  // namespace hither::lb
