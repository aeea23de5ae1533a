// SPDX-License-Identifier: Apache-2.0
#include "lb/pick.h"

namespace hither::lb {

std::optional<std::size_t> pick_round_robin(std::span<const Candidate> candidates,
                                            std::uint64_t& turn) {
  if (candidates.empty()) return std::nullopt;
  return static_cast<std::size_t>(turn++ % candidates.size());
}

std::optional<std::size_t> pick_least_request(std::span<const Candidate> candidates, Rng& rng) {
  if (candidates.empty()) return std::nullopt;
  if (candidates.size() == 1) return 0;
  const auto first = static_cast<std::size_t>(rng.below(candidates.size()));
  auto second = static_cast<std::size_t>(rng.below(candidates.size() - 1));
  if (second >= first) ++second;
  const bool second_is_idler = candidates[second].load->level() < candidates[first].load->level();
  return second_is_idler ? second : first;
}

}  // namespace hither::lb
