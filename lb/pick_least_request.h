// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/pick.h"

namespace hither::lb {

/// Two different candidates by lot, and of these the one with fewer requests in flight for its
/// weight; the first drawn if they are equal ("the power of two choices", Mitzenmacher 1996).
/// Without replacement, so of two servers the busier is never picked, and a server that hangs is
/// not drawn twice. Cost: two draws and two loads, however many candidates.
class LeastRequest final : public Algorithm {
 public:
  std::size_t pick(std::span<const Candidate> candidates, const Ask& ask, Rng& rng) override;
};

}  // namespace hither::lb
