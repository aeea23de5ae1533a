// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_first.h"

namespace hither::lb {

std::size_t First::pick(std::span<const Candidate> candidates, const Ask& /*ask*/, Rng& /*rng*/) {
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].in_flight() < candidates[i].room) return i;
  }
  return least_busy(candidates);
}

}  // namespace hither::lb
