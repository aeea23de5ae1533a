// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_maglev.h"

#include <algorithm>
#include <vector>

#include "base/assert.h"

namespace hither::lb {
namespace {

/// A fifth of the weight at least is below its bound, so after that many slots somebody was met but
/// for one case in 10^24.
constexpr int steps_max = 256;

/// The position of a server among candidates, which are ordered; their number if it is not there.
std::size_t position_of(std::uint32_t server, std::span<const Candidate> candidates) {
  // While all servers are candidates each stands in its own place.
  if (server < candidates.size() && candidates[server].server == server) return server;
  const auto found = std::ranges::lower_bound(candidates, server, {}, &Candidate::server);
  if (found == candidates.end() || found->server != server) return candidates.size();
  return static_cast<std::size_t>(found - candidates.begin());
}

}  // namespace

std::uint64_t bound_of(std::uint64_t weight, std::uint64_t weights, std::uint64_t in_flight) {
  ASSERT(weights > 0);
  const std::uint64_t whole = 100 * weights;
  return (Maglev::bound_percent * (in_flight + 1) * weight + whole - 1) / whole;
}

void Maglev::set_candidates(std::span<const Candidate> all) {
  std::vector<MaglevTable::Member> members;
  members.reserve(all.size());
  for (const Candidate& candidate : all) {
    members.push_back({.identity = candidate.identity,
                       .weight = candidate.weight,
                       .value = static_cast<std::uint16_t>(candidate.server)});
  }
  table_ = MaglevTable(members);
}

std::size_t Maglev::pick(std::span<const Candidate> candidates, const Ask& ask, Rng& /*rng*/) {
  std::size_t slot = MaglevTable::slot_of(ask.hash);
  const std::size_t owner = position_of(table_.at(slot), candidates);
  // Idle, so below any bound: what the others hold does not matter.
  if (owner < candidates.size() && candidates[owner].in_flight() == 0) {
    if (ask.looks != nullptr) ask.looks->add({.position = owner});
    return owner;
  }
  std::uint64_t weights = 0;
  std::uint64_t in_flight = 0;
  for (const Candidate& candidate : candidates) {
    weights += candidate.weight;
    in_flight += candidate.in_flight();
  }
  for (int step = 0; step < steps_max; ++step, slot = MaglevTable::slot_after(slot)) {
    const std::size_t position = position_of(table_.at(slot), candidates);
    if (position == candidates.size()) continue;
    const Candidate& candidate = candidates[position];
    const std::uint32_t its_own = candidate.in_flight();
    const bool crowded = its_own >= bound_of(candidate.weight, weights, in_flight);
    if (ask.looks != nullptr) {
      ask.looks->add({.position = position, .score = double{1} * its_own, .crowded = crowded});
    }
    if (!crowded) return position;
  }
  return least_busy(candidates);
}

}  // namespace hither::lb
