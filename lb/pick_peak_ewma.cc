// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_peak_ewma.h"

namespace hither::lb {
namespace {

/// More than any time that a server could take, in nanoseconds.
constexpr double unheard_of = 1e18;

double price(const Candidate& candidate, Instant now) {
  const Duration peak = candidate.feedback->peak(now);
  if (peak > Duration::zero()) return static_cast<double>(peak.count()) * candidate.busyness();
  return candidate.in_flight() == 0 ? 0 : unheard_of * candidate.busyness();
}

}  // namespace

std::size_t PeakEwma::pick(std::span<const Candidate> candidates, const Ask& ask, Rng& rng) {
  if (candidates.size() == 1) return 0;
  const Two two = draw_two(candidates.size(), rng);
  const double one = price(candidates[two.one], ask.now);
  const double other = price(candidates[two.other], ask.now);
  if (ask.looks != nullptr) {
    ask.looks->add({.position = two.one, .score = one});
    ask.looks->add({.position = two.other, .score = other});
  }
  return one > other ? two.other : two.one;
}

}  // namespace hither::lb
