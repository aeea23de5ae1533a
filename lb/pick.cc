// SPDX-License-Identifier: Apache-2.0
#include "lb/pick.h"

#include <algorithm>

#include "lb/pick_first.h"
#include "lb/pick_hot_cold.h"
#include "lb/pick_least_request.h"
#include "lb/pick_maglev.h"
#include "lb/pick_peak_ewma.h"
#include "lb/pick_round_robin.h"

namespace hither::lb {

std::unique_ptr<Algorithm> make_algorithm(topology::Balance balance) {
  switch (balance) {
    case topology::Balance::round_robin:
      return std::make_unique<RoundRobin>();
    case topology::Balance::least_request:
      return std::make_unique<LeastRequest>();
    case topology::Balance::peak_ewma:
      return std::make_unique<PeakEwma>();
    case topology::Balance::hot_cold:
      return std::make_unique<HotCold>();
    case topology::Balance::maglev:
    case topology::Balance::source:
      return std::make_unique<Maglev>();
    case topology::Balance::first:
      return std::make_unique<First>();
  }
  return std::make_unique<LeastRequest>();
}

void Looks::add(const Look& look) {
  if (count_ == most || std::ranges::find(all(), look.position, &Look::position) != all().end()) {
    return;
  }
  looks_[count_++] = look;
}

std::size_t least_busy(std::span<const Candidate> candidates) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    if (busier(candidates[best], candidates[i])) best = i;
  }
  return best;
}

Two draw_two(std::size_t size, Rng& rng) {
  const auto one = static_cast<std::size_t>(rng.below(size));
  auto other = static_cast<std::size_t>(rng.below(size - 1));
  if (other >= one) ++other;
  return {.one = one, .other = other};
}

}  // namespace hither::lb
