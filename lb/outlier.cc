// SPDX-License-Identifier: Apache-2.0
#include "lb/outlier.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace hither::lb {

Verdict verdict_of(int status) {
  if (status == 429) return Verdict::throttled;
  return status >= 500 && status != 501 && status != 505 ? Verdict::bad : Verdict::good;
}

std::string_view to_text(Standing standing) {
  switch (standing) {
    case Standing::good:
      return "good";
    case Standing::ejected:
      return "ejected";
    case Standing::probation:
      return "probation";
  }
  return "good";
}

void Streak::note(Verdict verdict) {
  if (verdict == Verdict::good) {
    // Nearly always 0 already: then its cache line stays shared.
    if (now_.load(std::memory_order_relaxed) != 0) now_.store(0, std::memory_order_relaxed);
    return;
  }
  if (verdict == Verdict::throttled) return;
  const std::uint32_t length = now_.fetch_add(1, std::memory_order_relaxed) + 1;
  std::uint32_t longest = longest_.load(std::memory_order_relaxed);
  while (longest < length &&
         !longest_.compare_exchange_weak(longest, length, std::memory_order_relaxed)) {
  }
}

void Streak::clear() {
  now_.store(0, std::memory_order_relaxed);
  longest_.store(0, std::memory_order_relaxed);
}

void SuccessWindow::advance(Instant now) {
  const std::int64_t turn = now.time_since_epoch() / bucket_;
  if (turn - turn_ >= static_cast<std::int64_t>(buckets)) {
    ring_ = {};
    turn_ = turn;
  }
  while (turn_ < turn) ring_[static_cast<std::size_t>(++turn_) % buckets] = {};
}

void SuccessWindow::add(const Outcomes& more, Instant now) {
  advance(now);
  Outcomes& bucket = ring_[static_cast<std::size_t>(turn_) % buckets];
  bucket.good += more.good;
  bucket.bad += more.bad;
}

Outcomes SuccessWindow::within(Instant now) {
  advance(now);
  Outcomes sum;
  for (const Outcomes& bucket : ring_) {
    sum.good += bucket.good;
    sum.bad += bucket.bad;
  }
  return sum;
}

void Outliers::set_rule(const topology::OutlierRule& rule, std::size_t copies) {
  const bool other_window = rule.window != rule_.window;
  rule_ = rule;
  most_ = static_cast<std::size_t>(rule.most.value_or(static_cast<int>(copies / 2)));
  for (Judged& judged : judged_) {
    if (other_window) judged.window = SuccessWindow(rule.window);
  }
}

void Outliers::make_places(std::size_t places) {
  while (judged_.size() < places) {
    judged_.push_back({.copy = {},
                       .window = SuccessWindow(rule_.window),
                       .counted = {},
                       .length = {},
                       .returned = {}});
  }
}

/// Predecessors have not left yet, and so are none of those that join.
void Outliers::change(const topology::OutlierRule& rule, const CopyPlan& plan) {
  set_rule(rule, plan.order.size());
  for (const CopyPlan::Join& join : plan.joins) {
    make_places(join.place + 1);
    if (!join.heir_of) continue;
    Judged& heir = judged_[join.place];
    const Outcomes counted = heir.counted;
    heir = judged_[*join.heir_of];
    heir.counted = counted;  // Of the outcomes, which every place has for itself.
  }
  for (const std::size_t place : plan.leaves) forget(place);
}

void Outliers::forget(std::size_t server) {
  Judged& judged = judged_[server];
  judged.copy.standing = Standing::good;
  judged.window.clear();
  judged.length = Duration::zero();
}

Outliers::Record Outliers::record(std::size_t server) const {
  const Judged& judged = judged_[server];
  return {.copy = judged.copy, .length = judged.length, .returned = judged.returned};
}

void Outliers::inherit(std::size_t server, Record record) {
  Judged& judged = judged_[server];
  judged.copy = std::move(record.copy);
  judged.length = record.length;
  judged.returned = record.returned;
}

std::vector<Outliers::Change> Outliers::step(std::span<const Seen> seen, Instant now) {
  changes_.clear();
  for (std::size_t i = 0; i < judged_.size(); ++i) count(judged_[i], seen[i], now);
  for (std::size_t i = 0; i < judged_.size(); ++i) judge(i, seen, now);
  rescue(seen, now);
  return std::exchange(changes_, {});
}

/// What ends while it is out, or gone, ends for requests of before.
void Outliers::count(Judged& judged, const Seen& seen, Instant now) const {
  const Outcomes more{.good = seen.outcomes.good - judged.counted.good,
                      .bad = seen.outcomes.bad - judged.counted.bad};
  judged.counted = seen.outcomes;
  if (seen.present && judged.copy.standing == Standing::good) judged.window.add(more, now);
}

/// Empty if it does well.
std::string Outliers::fault_of(Judged& judged, const Seen& seen, Instant now) const {
  if (rule_.failures > 0 && seen.streak >= static_cast<std::uint32_t>(rule_.failures)) {
    return fmt::format("{} failures in a row", seen.streak);
  }
  const Outcomes recent = judged.window.within(now);
  const std::uint64_t requests = recent.good + recent.bad;
  if (requests < static_cast<std::uint64_t>(rule_.min_requests)) return {};
  if (static_cast<double>(recent.good) >= rule_.success_rate * static_cast<double>(requests)) {
    return {};
  }
  return fmt::format("{} of {} requests failed in {}", recent.bad, requests,
                     hither::to_text(rule_.window));
}

bool Outliers::may_eject(std::size_t server, std::span<const Seen> seen) const {
  std::size_t out = 0;
  bool another = false;
  for (std::size_t i = 0; i < judged_.size(); ++i) {
    const bool good = judged_[i].copy.standing == Standing::good;
    if (!good) ++out;
    another = another || (i != server && good && seen[i].candidate);
  }
  return another && out < most_;
}

void Outliers::judge(std::size_t server, std::span<const Seen> seen, Instant now) {
  if (!seen[server].present) return;
  Judged& judged = judged_[server];
  const Trial::State trial = seen[server].trial;
  switch (judged.copy.standing) {
    case Standing::good:
      if (std::string fault = fault_of(judged, seen[server], now);
          !fault.empty() && may_eject(server, seen)) {
        const bool again =
            judged.length > Duration::zero() && now - judged.returned < judged.length;
        eject(server, std::move(fault), again, now);
      }
      break;
    case Standing::ejected:
      if (now < judged.copy.until) break;
      judged.copy.standing = Standing::probation;
      changes_.push_back({.server = server, .to = Standing::probation, .reason = {}});
      break;
    case Standing::probation:
      if (trial == Trial::State::passed) readmit(server, "it served a request", now);
      if (trial == Trial::State::failed) {
        eject(server, "the request on probation failed", /*again=*/true, now);
      }
      break;
  }
}

void Outliers::eject(std::size_t server, std::string reason, bool again, Instant now) {
  Judged& judged = judged_[server];
  judged.length = again ? std::min(2 * judged.length, rule_.backoff_max) : rule_.backoff;
  judged.window.clear();
  judged.copy.standing = Standing::ejected;
  judged.copy.reason = reason;
  judged.copy.until = now + judged.length;
  ++judged.copy.ejections;
  changes_.push_back({.server = server, .to = Standing::ejected, .reason = std::move(reason)});
}

void Outliers::readmit(std::size_t server, std::string reason, Instant now) {
  Judged& judged = judged_[server];
  judged.returned = now;
  judged.copy.standing = Standing::good;
  changes_.push_back({.server = server, .to = Standing::good, .reason = std::move(reason)});
}

void Outliers::rescue(std::span<const Seen> seen, Instant now) {
  for (std::size_t i = 0; i < judged_.size(); ++i) {
    if (seen[i].candidate && judged_[i].copy.standing == Standing::good) return;
  }
  for (std::size_t i = 0; i < judged_.size(); ++i) {
    if (seen[i].candidate) readmit(i, "no other copy is left", now);
  }
}

}  // namespace hither::lb
