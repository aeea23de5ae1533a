// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lb/pick.h"

namespace hither::lb {

/// Smooth weighted round robin, nginx's rule: each pick gives every candidate credit for its
/// weight, and who has most pays for all. While the candidates stay the same, as many picks in a
/// row as the weights add up to hold each exactly as often as its weight says, and its turns are
/// spread, not in a burst. Cost: one addition and comparison for each candidate.
class RoundRobin final : public Algorithm {
 public:
  /// Who stays keeps its credit, so that changes in a row do not favour the first of the list.
  void set_candidates(std::span<const Candidate> all) override;
  std::size_t pick(std::span<const Candidate> candidates, const Ask& ask, Rng& rng) override;

 private:
  std::vector<std::int64_t> credit_;  ///< by server
};

}  // namespace hither::lb
