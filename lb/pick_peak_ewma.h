// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/pick.h"

namespace hither::lb {

/// Two different candidates by lot, and of these the cheaper one: requests in flight for its
/// weight, times how long it takes to answer. That time jumps to every new peak at once and falls
/// back slowly (Finagle's peak EWMA, 10 s; lb/feedback.h), and failures count as slow. A server
/// that was never heard of costs nothing while it is idle and most while it is not: it gets one
/// request, and no more until that is answered. Cost: as least-request, and two exponentials.
class PeakEwma final : public Algorithm {
 public:
  std::size_t pick(std::span<const Candidate> candidates, const Ask& ask, Rng& rng) override;
};

}  // namespace hither::lb
