// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_hot_cold.h"

#include <algorithm>
#include <cmath>

namespace hither::lb {
namespace {

/// How long the candidate would take to answer one request more: nothing if it was never heard of
/// and is idle, for ever if it is not; so a new one gets one request, and no more until that is
/// answered.
double time_of(const Candidate& candidate, Instant now) {
  constexpr double for_ever = 1e18;
  const Duration pace = candidate.feedback->pace(now);
  const double crowd = double{1} + candidate.in_flight();
  if (pace > Duration::zero()) return static_cast<double>(pace.count()) * crowd;
  return candidate.in_flight() == 0 ? 0 : for_ever;
}

/// Different positions by lot, or all.
class Drawn {
 public:
  Drawn(std::size_t size, Rng& rng) {
    if (size <= HotCold::drawn_max) {
      for (std::size_t i = 0; i < size; ++i) positions_[count_++] = i;
      return;
    }
    // Floyd's way: every set of 16 is as likely as any other.
    for (std::size_t last = size - HotCold::drawn_max; last < size; ++last) {
      const auto drawn = static_cast<std::size_t>(rng.below(last + 1));
      const bool there = std::ranges::find(all(), drawn) != all().end();
      positions_[count_++] = there ? last : drawn;
    }
  }

  std::span<const std::size_t> all() const { return std::span(positions_).first(count_); }

 private:
  std::array<std::size_t, HotCold::drawn_max> positions_{};
  std::size_t count_ = 0;
};

}  // namespace

void RecentQuantile::add(double number) {
  numbers_[count_ % numbers_.size()] = number;
  if (count_++ % renewed_every != 0) return;
  std::array<double, 128> sorted = numbers_;
  const std::size_t size = std::min(count_, sorted.size());
  const auto rank = static_cast<std::size_t>(std::ceil(quantile_ * static_cast<double>(size)));
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(sorted.begin(), at, sorted.begin() + static_cast<std::ptrdiff_t>(size));
  level_ = *at;
}

std::size_t HotCold::pick(std::span<const Candidate> candidates, const Ask& ask, Rng& rng) {
  if (candidates.size() == 1) return 0;
  const Drawn drawn(candidates.size(), rng);
  // One for each pick, as the paper's probes: else an instant would count as a history.
  seen_.add(candidates[drawn.all()[rng.below(drawn.all().size())]].busyness());
  // Cold before hot; the cold by time and then busyness, the hot the other way round.
  struct Score {
    bool hot;
    double first;
    double second;
    bool operator<(const Score& other) const {
      if (hot != other.hot) return other.hot;
      return first != other.first ? first < other.first : second < other.second;
    }
  };
  std::size_t best = drawn.all().front();
  Score best_score{true, 1e300, 1e300};
  for (const std::size_t position : drawn.all()) {
    const Candidate& candidate = candidates[position];
    const double busyness = candidate.busyness();
    const double time = time_of(candidate, ask.now);
    const bool hot = busyness > hot_above();
    if (ask.looks != nullptr) {
      ask.looks->add({.position = position, .score = hot ? busyness : time, .crowded = hot});
    }
    const Score score = hot ? Score{hot, busyness, time} : Score{hot, time, busyness};
    if (score < best_score) {
      best = position;
      best_score = score;
    }
  }
  return best;
}

}  // namespace hither::lb
