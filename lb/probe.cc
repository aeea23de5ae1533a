// SPDX-License-Identifier: Apache-2.0
#include "lb/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace hither::lb {

ProbeResult judge_http(const topology::HealthRule& rule, const HttpProbeReply& reply) {
  const auto failed = [&reply](std::string reason) {
    const bool none = reply.status == 0;
    return ProbeResult{.passed = false,
                       .silent = none && reply.silent,
                       .ours = none && reply.ours,
                       .reason = std::move(reason)};
  };
  if (reply.status == 0) return failed(std::string(reply.error));
  const bool wanted = std::ranges::any_of(
      rule.status,
      [&reply](const topology::StatusRange& range) { return range.holds(reply.status); });
  if (!wanted) return failed(fmt::format("status {}", reply.status));
  if (reply.body.substr(0, probe_body_bytes).find(rule.body) == std::string_view::npos) {
    return failed(fmt::format("status {}, but no \"{}\" in its body", reply.status, rule.body));
  }
  return {.passed = true, .silent = false, .reason = {}};
}

Prober::Prober(const HealthLimits& limits, std::size_t servers, Instant now, const GuardRule& guard,
               std::uint64_t seed)
    : limits_(limits), guard_(guard, servers), rng_(seed) {
  probed_.reserve(servers);
  for (std::size_t i = 0; i < servers; ++i) probed_.push_back(newcomer(now));
}

Prober::Probed Prober::newcomer(Instant now) const {
  return {.health = Health(limits_, now), .next = now, .failure = {}};
}

void Prober::change(const HealthLimits& limits, const GuardRule& guard, const CopyPlan& plan,
                    Instant now) {
  limits_ = limits;
  for (Probed& probed : probed_) probed.health.set_limits(limits);
  std::vector<std::optional<std::size_t>> before;
  for (std::size_t i = 0; i < probed_.size(); ++i) before.emplace_back(i);
  for (const CopyPlan::Join& join : plan.joins) {
    if (join.place == probed_.size()) probed_.push_back(newcomer(now));
    before.resize(probed_.size());
    Probed& joined = probed_[join.place];
    joined = newcomer(now);
    before[join.place] = join.heir_of;
    if (!join.heir_of) continue;
    joined = probed_[*join.heir_of];
    joined.next = now;
    joined.present = true;
    joined.under_way = false;
  }
  for (const std::size_t place : plan.leaves) {
    probed_[place].present = false;
    probed_[place].under_way = false;
    probed_[place].belief = Belief::down;
    before[place].reset();
  }
  guard_ = guard_.moved_to(guard, before);
}

void Prober::inherit(std::size_t server, Known known, Instant now) {
  Probed& probed = probed_[server];
  probed.health = Health(limits_, known.since);
  probed.health.on_probe(known.up, known.since);
  probed.failure = std::move(known.failure);
  probed.was_up = known.up;
  probed.belief = known.up ? Belief::up : Belief::down;
  const auto place = static_cast<Duration::rep>(server + 1);
  const auto places = static_cast<Duration::rep>(probed_.size());
  probed.next = now + limits_.interval * place / places;
  settle(now);  // For the guard: it holds only who it has seen up.
}

std::vector<std::size_t> Prober::due(Instant now) {
  std::vector<std::size_t> servers;
  for (std::size_t i = 0; i < probed_.size(); ++i) {
    Probed& probed = probed_[i];
    if (!probed.present || probed.under_way || probed.next > now) continue;
    probed.under_way = true;
    probed.late = {};
    servers.push_back(i);
  }
  return servers;
}

void Prober::hurry(std::size_t server, Instant now) {
  probed_[server].next = std::min(probed_[server].next, now);
}

void Prober::was_late(Duration late) {
  for (Probed& probed : probed_) {
    if (probed.under_way) probed.late = std::max(probed.late, late);
  }
}

bool Prober::proves_nothing(const Probed& probed, const ProbeResult& result) const {
  return !result.passed && result.silent && probed.late > limits_.timeout / 2 &&
         probed.repeats < repeats_max;
}

/// `agrees`: the result is what was believed, or is believed now.
Instant Prober::next_of(const Probed& probed, bool agrees, Instant now) {
  Duration wait = probed.health.next_probe() - now;
  if (!agrees) return now + wait;
  const bool never_up = !probed.was_up && probed.failures >= limits_.fall;
  if (never_up && limits_.down_interval > Duration::zero()) wait = limits_.down_interval;
  const auto most = static_cast<std::uint64_t>(wait.count()) * spread_percent / 100;
  return now + wait - Duration(static_cast<Duration::rep>(rng_.below(most + 1)));
}

Prober::News Prober::on_result(std::size_t server, const ProbeResult& result, Instant now) {
  Probed& probed = probed_[server];
  if (!probed.under_way) return {};  // It left meanwhile.
  probed.under_way = false;
  if (result.ours) {
    ++repeated_;
    probed.next = now + limits_.fast_interval;
    return {};
  }
  if (proves_nothing(probed, result)) {
    ++probed.repeats;
    ++repeated_;
    probed.next = now;
    return {};
  }
  const bool first = !probed.health.known();
  probed.repeats = 0;
  probed.failures = result.passed ? 0 : probed.failures + 1;
  probed.own_word = !result.passed && !result.silent;
  if (!result.passed) probed.failure = result.reason;
  const bool changed = probed.health.on_probe(result.passed, now).has_value();
  probed.was_up |= probed.health.up();
  probed.next = next_of(probed, result.passed == probed.health.up(), now);
  if (first) {
    // The share of the interval that spreads the servers: sooner than it would be, never later.
    const auto place = static_cast<Duration::rep>(server + 1);
    const auto places = static_cast<Duration::rep>(probed_.size());
    probed.next = std::min(probed.health.next_probe(), now + limits_.interval * place / places);
  }
  // Most results say what is known, and then there is nothing to weigh.
  if (!changed && !guard_.holding()) return {};
  return settle(now);
}

Prober::News Prober::on_time(Instant now) {
  return guard_.deadline() <= now ? settle(now) : News{};
}

Prober::News Prober::settle(Instant now) {
  seen_.clear();
  for (const Probed& probed : probed_) {
    seen_.push_back({.counts = probed.present && probed.health.known(),
                     .down = !probed.health.up(),
                     .own_word = probed.own_word});
  }
  News news{.changes = {}, .guard = guard_.step(seen_, now)};
  if (news.guard == Guard::Change::begins) ++holds_;
  for (std::size_t i = 0; i < probed_.size(); ++i) {
    Probed& probed = probed_[i];
    if (!probed.present) continue;
    const Belief belief = probed.health.up() ? Belief::up
                          : guard_.held(i)   ? Belief::held
                                             : Belief::down;
    if (std::exchange(probed.belief, belief) != belief) {
      news.changes.push_back({.server = i, .to = belief});
    }
  }
  return news;
}

Instant Prober::next() const {
  Instant next = guard_.deadline();
  for (const Probed& probed : probed_) {
    if (probed.present && !probed.under_way) next = std::min(next, probed.next);
  }
  return next;
}

bool Prober::first_round_done() const {
  return std::ranges::all_of(
      probed_, [](const Probed& probed) { return !probed.present || probed.health.known(); });
}

std::size_t Prober::asking() const {
  return static_cast<std::size_t>(std::ranges::count_if(probed_, &Probed::under_way));
}

}  // namespace hither::lb
