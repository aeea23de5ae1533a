// SPDX-License-Identifier: Apache-2.0
#include "lb/picker.h"

#include <algorithm>

namespace hither::lb {

void Picker::refresh() {
  // Read before the servers: a change in between shows at the next pick.
  const std::uint64_t generation = farm_->generation();
  if (generation == generation_) return;
  generation_ = generation;
  candidates_.clear();
  for (std::uint32_t i = 0; i < farm_->size(); ++i) {
    const Server& server = farm_->server(i);
    if (server.usable()) candidates_.push_back({.server = i, .load = &server.in_flight()});
  }
}

std::optional<std::size_t> Picker::choose(std::span<const Candidate> candidates) {
  switch (farm_->settings().balance) {
    case topology::Balance::round_robin:
      return pick_round_robin(candidates, turn_);
    case topology::Balance::least_request:
      return pick_least_request(candidates, rng_);
  }
  return std::nullopt;
}

Lease Picker::pick(std::span<const std::uint32_t> tried) {
  refresh();
  std::span<const Candidate> candidates = candidates_;
  std::vector<Candidate> untried;
  if (!tried.empty()) {
    std::ranges::copy_if(candidates_, std::back_inserter(untried), [tried](const Candidate& one) {
      return std::ranges::find(tried, one.server) == tried.end();
    });
    candidates = untried;
  }
  const std::optional<std::size_t> chosen = choose(candidates);
  if (!chosen) return {};
  const std::uint32_t index = candidates[*chosen].server;
  return {farm_->server(index), index, thread_};
}

}  // namespace hither::lb
