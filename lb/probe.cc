// SPDX-License-Identifier: Apache-2.0
#include "lb/probe.h"

#include <fmt/format.h>

#include <algorithm>

namespace hither::lb {

ProbeResult judge_http(int status, std::string_view error) {
  if (status == 0) return {.passed = false, .reason = std::string(error)};
  if (status >= 200 && status <= 299) return {.passed = true, .reason = {}};
  return {.passed = false, .reason = fmt::format("status {}", status)};
}

Prober::Prober(const HealthLimits& limits, std::size_t servers, Instant now) : limits_(limits) {
  probed_.reserve(servers);
  for (std::size_t i = 0; i < servers; ++i) probed_.push_back(newcomer(now));
}

Prober::Probed Prober::newcomer(Instant now) const {
  return {.health = Health(limits_, now),
          .next = now,
          .under_way = false,
          .present = true,
          .failure = {}};
}

void Prober::change(const HealthLimits& limits, const CopyPlan& plan, Instant now) {
  limits_ = limits;
  for (Probed& probed : probed_) probed.health.set_limits(limits);
  for (const CopyPlan::Join& join : plan.joins) {
    if (join.place == probed_.size()) probed_.push_back(newcomer(now));
    Probed& joined = probed_[join.place];
    joined = newcomer(now);
    if (!join.heir_of) continue;
    joined.health = probed_[*join.heir_of].health;
    joined.failure = probed_[*join.heir_of].failure;
  }
  for (const std::size_t place : plan.leaves) {
    probed_[place].present = false;
    probed_[place].under_way = false;
  }
}

std::vector<std::size_t> Prober::due(Instant now) {
  std::vector<std::size_t> servers;
  for (std::size_t i = 0; i < probed_.size(); ++i) {
    if (!probed_[i].present || probed_[i].under_way || probed_[i].next > now) continue;
    probed_[i].under_way = true;
    servers.push_back(i);
  }
  return servers;
}

std::optional<Health::Change> Prober::on_result(std::size_t server, const ProbeResult& result,
                                                Instant now) {
  Probed& probed = probed_[server];
  if (!probed.under_way) return std::nullopt;  // It left meanwhile.
  const bool first = !probed.health.known();
  probed.under_way = false;
  if (!result.passed) probed.failure = result.reason;
  const std::optional<Health::Change> change = probed.health.on_probe(result.passed, now);
  probed.next = probed.health.next_probe();
  if (first) {
    // The share of the interval that spreads the servers: sooner than it would be, never later.
    const auto place = static_cast<Duration::rep>(server + 1);
    const auto places = static_cast<Duration::rep>(probed_.size());
    probed.next = std::min(probed.next, now + limits_.interval * place / places);
  }
  return change;
}

Instant Prober::next() const {
  Instant next = never;
  for (const Probed& probed : probed_) {
    if (probed.present && !probed.under_way) next = std::min(next, probed.next);
  }
  return next;
}

bool Prober::first_round_done() const {
  return std::ranges::all_of(
      probed_, [](const Probed& probed) { return !probed.present || probed.health.known(); });
}

}  // namespace hither::lb
