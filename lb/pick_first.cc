// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_first.h"

namespace hither::lb {

std::size_t First::pick(std::span<const Candidate> candidates, const Ask& ask, Rng& /*rng*/) {
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::uint32_t in_flight = candidates[i].in_flight();
    const bool full = in_flight >= candidates[i].room;
    if (ask.looks != nullptr) {
      ask.looks->add({.position = i, .score = double{1} * in_flight, .crowded = full});
    }
    if (!full) return i;
  }
  return least_busy(candidates);
}

}  // namespace hither::lb
