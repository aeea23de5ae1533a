// SPDX-License-Identifier: Apache-2.0
#include "lb/picker.h"

#include <algorithm>
#include <chrono>

namespace hither::lb {

Picker::Picker(Farm& farm, unsigned thread, std::uint64_t seed)
    : farm_(&farm),
      thread_(thread),
      rng_(seed),
      balance_(farm.settings().balance),
      algorithm_(make_algorithm(balance_)) {
  candidates_.reserve(farm.size());
  untried_.reserve(farm.size());
  free_.reserve(farm.size());
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
  limited_ = false;
  admitted_ = farm_->admitted();
  for (std::uint32_t i = 0; i < farm_->size(); ++i) {
    const Server& server = farm_->server(i);
    const std::uint32_t weight = server.weight();
    if (server.standing() == Standing::probation && server.healthy() && weight > 0) {
      on_probation_.push_back(i);
    }
    if (!server.eligible() || weight == 0) continue;
    limited_ = limited_ || server.limit() > 0;
    const auto capacity = static_cast<std::uint32_t>(farm_->settings().capacity);
    candidates_.push_back({.server = i,
                           .load = &server.in_flight(),
                           .feedback = &server.feedback(),
                           .weight = weight,
                           .room = ramped_weight(capacity, server.share()),
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
      if (farm_->server(candidates[i].server).token() != affinity.sticky) continue;
      decision_.chosen = Chosen::by_cookie;
      return i;
    }
  }
  decision_.chosen = Chosen::by_algorithm;
  Looks* const looks = recording_ ? &looks_ : nullptr;
  return algorithm_->pick(candidates, {.hash = affinity.hash, .now = now, .looks = looks}, rng_);
}

std::optional<std::uint32_t> Picker::find(std::uint64_t token) const {
  for (const Candidate& one : candidates_) {
    if (farm_->server(one.server).token() == token) return one.server;
  }
  return std::nullopt;
}

/// Sticky clients stay where they are.
Lease Picker::try_probation(const Affinity& affinity, Instant now,
                            std::span<const std::uint32_t> tried) {
  for (const std::uint32_t index : on_probation_) {
    Server& server = farm_->server(index);
    if (affinity.sticky != 0 && affinity.sticky != server.token()) continue;
    if (std::ranges::find(tried, index) != tried.end()) continue;
    if (!server.trial().claim()) continue;
    Lease lease = claim(index, now);
    if (!lease) {
      server.trial().give_back();
      continue;
    }
    lease.on_trial();
    return lease;
  }
  return {};
}

Lease Picker::claim(std::uint32_t server, Instant now) {
  Server& there = farm_->server(server);
  const std::uint32_t crowd = there.claim();
  return crowd == 0 ? Lease() : Lease::of_claim(there, server, thread_, now, crowd);
}

/// Another thread may fill a server between the look at it and the claim: then it is left out.
Lease Picker::pick_of_the_free(std::span<const Candidate> candidates, const Affinity& affinity,
                               Instant now) {
  all_full_ = true;
  free_.clear();
  if (farm_->admission().waiting() > 0) return {};
  std::ranges::copy_if(candidates, std::back_inserter(free_),
                       [this](const Candidate& one) { return !farm_->server(one.server).full(); });
  while (!free_.empty()) {
    const std::size_t chosen = choose(free_, affinity, now);
    if (Lease lease = claim(free_[chosen].server, now)) {
      all_full_ = false;
      return lease;
    }
    free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(chosen));
    looks_.clear();
  }
  return {};
}

bool Picker::sheds() {
  if (rng_.below(Farm::all_admitted) < admitted_) return false;
  totals().shed.add();
  return true;
}

Lease Picker::pick(const Affinity& affinity, Instant now, std::span<const std::uint32_t> tried,
                   std::string_view request) {
  refresh();
  all_full_ = false;
  shed_ = admitted_ < Farm::all_admitted && tried.empty() && sheds();
  recording_ = farm_->decisions(thread_).wants(!tried.empty(), now);
  if (recording_) {
    decision_ = {.at = now};
    decision_.request.set(request);
    looks_.clear();
  }
  std::span<const Candidate> candidates = untried(tried);
  Lease lease = shed_ ? Lease() : try_probation(affinity, now, tried);
  if (shed_) {
    decision_.chosen = Chosen::shed;
  } else if (lease) {
    decision_.chosen = Chosen::on_probation;
  } else if (limited_ && !candidates.empty()) {
    lease = pick_of_the_free(candidates, affinity, now);
    candidates = free_;
    if (!lease) decision_.chosen = Chosen::none;
  } else if (candidates.empty()) {
    decision_.chosen = Chosen::none;
  } else {
    decision_.server = candidates[choose(candidates, affinity, now)].server;
  }
  if (lease) decision_.server = lease.index();
  if (recording_) record(candidates, tried, /*counted=*/static_cast<bool>(lease));
  if (lease || decision_.nobody()) return lease;
  return {farm_->server(decision_.server), decision_.server, thread_, now};
}

// ---- What is recorded

/// Of one that is not among the candidates.
Part Picker::part_of(std::uint32_t server, std::span<const std::uint32_t> tried) const {
  const Server& one = farm_->server(server);
  if (std::ranges::find(tried, server) != tried.end()) return Part::tried;
  if (one.weight() == 0) return Part::drained;
  if (!one.healthy()) return Part::down;
  if (one.usable()) return Part::full;
  return one.standing() == Standing::probation ? Part::probation : Part::ejected;
}

CopyInDecision Picker::copy_in(std::uint32_t server, std::span<const Candidate> candidates,
                               Instant now) const {
  const Server& one = farm_->server(server);
  const Feedback& feedback = one.feedback();
  Duration response = feedback.mean(now);
  if (decision_.balance == topology::Balance::peak_ewma) response = feedback.peak(now);
  if (decision_.balance == topology::Balance::hot_cold) response = feedback.pace(now);
  CopyInDecision copy{.server = server,
                      .in_flight = one.in_flight().level(),
                      .weight = one.weight(),
                      .in_any_case = one.in_any_case() && !one.usable(),
                      .response_ms = std::chrono::duration<float, std::milli>(response).count()};
  for (const Look& look : looks_.all()) {
    if (candidates[look.position].server != server) continue;
    copy.looked_at = true;
    copy.crowded = look.crowded;
    copy.score = static_cast<float>(look.score);
    copy.part = look.crowded ? Part::passed : Part::outdone;
  }
  return copy;
}

/// Everything about the farm at this moment, before the one picked counts what it gets; `counted`:
/// it does already.
void Picker::record(std::span<const Candidate> candidates, std::span<const std::uint32_t> tried,
                    bool counted) {
  decision_.balance = farm_->settings().balance;
  decision_.attempt = static_cast<std::int32_t>(tried.size()) + 1;
  decision_.retries_left = farm_->retry_budget().left();
  decision_.alone = candidates.size() == 1;
  decision_.panic = farm_->spreads();
  const bool all_fit = farm_->size() <= Decision::copies_max;
  // Those that were looked at stand there in any case.
  std::size_t others_left = Decision::copies_max - (all_fit ? 0 : looks_.all().size() + 1);
  for (std::uint32_t i = 0; i < farm_->size(); ++i) {
    if (!farm_->server(i).present()) continue;
    CopyInDecision copy = copy_in(i, candidates, decision_.at);
    const bool candidate = std::ranges::binary_search(candidates, i, {}, &Candidate::server);
    const bool picked = !decision_.nobody() && decision_.server == i;
    if (!candidate) copy.part = part_of(i, tried);
    if (picked) copy.part = Part::chosen;
    if (picked && counted) --copy.in_flight;
    if (!picked && !copy.looked_at && others_left == 0) {
      ++decision_.left_out;
      continue;
    }
    if (!picked && !copy.looked_at) --others_left;
    decision_.copy[decision_.copies++] = copy;
  }
  farm_->decisions(thread_).add(decision_);
}

}  // namespace hither::lb
