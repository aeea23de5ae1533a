// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_hot_cold.h"

#include <algorithm>
#include <cmath>

namespace hither::lb {
namespace {

/// How long the candidate would take to answer one request more, for its weight: nothing if it was
/// never heard of and is idle, for ever if it is not; so a new one gets one request, and no more
/// until that is answered.
double time_of(const Candidate& candidate, Instant now) {
  constexpr double for_ever = 1e18;
  const Duration pace = candidate.feedback->pace(now);
  if (pace > Duration::zero()) return static_cast<double>(pace.count()) * candidate.busyness();
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
  std::size_t best = drawn.all().front();
  double best_time = 1e300;
  double best_busyness = 1e300;
  for (const std::size_t position : drawn.all()) {
    const Candidate& candidate = candidates[position];
    const double busyness = candidate.busyness();
    const bool hot = busyness > hot_above();
    const double time = time_of(candidate, ask.now) * (hot ? hot_counts : 1);
    if (ask.looks != nullptr) ask.looks->add({.position = position, .score = time, .crowded = hot});
    if (time > best_time || (time == best_time && busyness >= best_busyness)) continue;
    best = position;
    best_time = time;
    best_busyness = busyness;
  }
  return best;
}

}  // namespace hither::lb
