// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/pick.h"

namespace hither::lb {

/// The first candidate, in the order of the description, with room for one request more; if all are
/// full the least busy. So the last copies idle while the first can carry the load, and may be
/// switched off. Weights count for the second half only. Cost: a load for each full candidate.
class First final : public Algorithm {
 public:
  std::size_t pick(std::span<const Candidate> candidates, const Ask& ask, Rng& rng) override;
};

}  // namespace hither::lb
