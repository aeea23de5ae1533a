// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/counter.h"
#include "base/rng.h"

namespace hither::lb {

/// Which server gets the next request: pure functions over the servers that may have it. Unusable
/// ones are not among the candidates, so none of these can pick one; a request that is tried again
/// leaves out what it tried before. All return a position in `candidates`, nullopt only if there
/// are none.

/// A server that may be picked. `load` counts its requests from the pick on, so one that still
/// waits for its TCP connect is load too: else a server that swallows connects looks idle and draws
/// everything.
struct Candidate {
  std::uint32_t server = 0;
  const Gauge* load = nullptr;
};

/// Each in turn. `turn` is the caller's and moves on by one.
std::optional<std::size_t> pick_round_robin(std::span<const Candidate> candidates,
                                            std::uint64_t& turn);

/// Two different candidates by lot, and of these the one with fewer requests in flight; the first
/// drawn if they are equal. Without replacement, so that of two servers the busier is never picked.
/// Two draws and two loads, however many candidates.
std::optional<std::size_t> pick_least_request(std::span<const Candidate> candidates, Rng& rng);

}  // namespace hither::lb
