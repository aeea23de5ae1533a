// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_least_request.h"

namespace hither::lb {

std::size_t LeastRequest::pick(std::span<const Candidate> candidates, const Ask& ask, Rng& rng) {
  if (candidates.size() == 1) return 0;
  const Two two = draw_two(candidates.size(), rng);
  if (ask.looks != nullptr) {
    ask.looks->add({.position = two.one, .score = candidates[two.one].busyness()});
    ask.looks->add({.position = two.other, .score = candidates[two.other].busyness()});
  }
  return busier(candidates[two.one], candidates[two.other]) ? two.other : two.one;
}

}  // namespace hither::lb
