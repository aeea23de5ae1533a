// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_round_robin.h"

namespace hither::lb {

void RoundRobin::set_candidates(std::span<const Candidate> all) {
  std::vector<std::int64_t> credit(all.empty() ? 0 : all.back().server + 1);
  for (const Candidate& candidate : all) {
    if (candidate.server < credit_.size()) credit[candidate.server] = credit_[candidate.server];
  }
  credit_ = std::move(credit);
}

std::size_t RoundRobin::pick(std::span<const Candidate> candidates, const Ask& ask, Rng& /*rng*/) {
  std::size_t best = 0;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    std::int64_t& credit = credit_[candidates[i].server];
    credit += candidates[i].weight;
    total += candidates[i].weight;
    if (ask.looks != nullptr) ask.looks->add({.position = i, .score = static_cast<double>(credit)});
    if (credit > credit_[candidates[best].server]) best = i;
  }
  credit_[candidates[best].server] -= total;
  return best;
}

}  // namespace hither::lb
