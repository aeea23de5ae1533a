// SPDX-License-Identifier: Apache-2.0
#include "lb/picker.h"

#include <algorithm>

namespace hither::lb {

Picker::Picker(Farm& farm, unsigned thread, std::uint64_t seed)
    : farm_(&farm),
      thread_(thread),
      rng_(seed),
      balance_(farm.settings().balance),
      algorithm_(make_algorithm(balance_)) {
  candidates_.reserve(farm.size());
  untried_.reserve(farm.size());
  on_probation_.reserve(farm.size());
}

void Picker::refresh() {
  // Read before the servers: a change in between shows at the next pick.
  const std::uint64_t generation = farm_->generation();
  if (generation == generation_) return;
  generation_ = generation;
  if (farm_->settings().balance != balance_) {
    balance_ = farm_->settings().balance;
    algorithm_ = make_algorithm(balance_);
  }
  candidates_.clear();
  on_probation_.clear();
  for (std::uint32_t i = 0; i < farm_->size(); ++i) {
    const Server& server = farm_->server(i);
    const std::uint32_t weight = server.weight();
    if (server.standing() == Standing::probation && server.healthy() && weight > 0) {
      on_probation_.push_back(i);
    }
    if (!server.usable() || weight == 0) continue;
    candidates_.push_back({.server = i,
                           .load = &server.in_flight(),
                           .feedback = &server.feedback(),
                           .weight = weight,
                           .room = static_cast<std::uint32_t>(farm_->settings().capacity),
                           .identity = server.address_hash()});
  }
  algorithm_->set_candidates(candidates_);
}

std::span<const Candidate> Picker::untried(std::span<const std::uint32_t> tried) {
  if (tried.empty()) return candidates_;
  untried_.clear();
  std::ranges::copy_if(candidates_, std::back_inserter(untried_), [tried](const Candidate& one) {
    return std::ranges::find(tried, one.server) == tried.end();
  });
  return untried_;
}

std::size_t Picker::choose(std::span<const Candidate> candidates, const Affinity& affinity,
                           Instant now) {
  if (affinity.sticky != 0) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (farm_->server(candidates[i].server).token() == affinity.sticky) return i;
    }
  }
  return algorithm_->pick(candidates, {.hash = affinity.hash, .now = now}, rng_);
}

/// Sticky clients stay where they are.
Lease Picker::try_probation(const Affinity& affinity, Instant now,
                            std::span<const std::uint32_t> tried) {
  for (const std::uint32_t index : on_probation_) {
    Server& server = farm_->server(index);
    if (affinity.sticky != 0 && affinity.sticky != server.token()) continue;
    if (std::ranges::find(tried, index) != tried.end()) continue;
    if (server.trial().claim()) return Lease::on_trial(server, index, thread_, now);
  }
  return {};
}

Lease Picker::pick(const Affinity& affinity, Instant now, std::span<const std::uint32_t> tried) {
  refresh();
  if (Lease lease = try_probation(affinity, now, tried)) return lease;
  const std::span<const Candidate> candidates = untried(tried);
  if (candidates.empty()) return {};
  const std::uint32_t index = candidates[choose(candidates, affinity, now)].server;
  return {farm_->server(index), index, thread_, now};
}

}  // namespace hither::lb
