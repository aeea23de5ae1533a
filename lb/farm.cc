// SPDX-License-Identifier: Apache-2.0
#include "lb/farm.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/hash.h"
#include "base/text.h"
#include "lb/affinity.h"

namespace hither::lb {
namespace {

/// In seconds or as a date (RFC 9110 s10.2.3); we have no calendar, so a date counts as nothing.
Duration retry_after_of(const HttpFields& fields) {
  const std::uint64_t seconds = parse_number(fields.find("retry-after").value_or("")).value_or(0);
  constexpr std::uint64_t day = 86'400;
  return std::chrono::seconds(std::min(seconds, day));
}

}  // namespace

Server::Server(CopyIdentity identity, unsigned threads)
    : identity_(std::move(identity)),
      address_hash_(hash_bytes(identity_.address)),
      totals_(threads) {}

std::optional<Endpoint> Server::endpoint() const {
  const Endpoint endpoint = endpoint_.get();
  return endpoint.port == 0 ? std::nullopt : std::optional(endpoint);
}

void Server::resolve(const Endpoint& endpoint) { endpoint_.set(endpoint); }

Lease::Lease(Server& server, std::uint32_t index, unsigned thread, Instant now)
    : server_(&server), index_(index), thread_(thread), since_(now) {
  crowd_ = server.in_flight_.raise();
}

Lease Lease::on_trial(Server& server, std::uint32_t index, unsigned thread, Instant now) {
  Lease lease(server, index, thread, now);
  lease.trial_ = true;
  return lease;
}

Lease::Lease(Lease&& other) noexcept
    : server_(std::exchange(other.server_, nullptr)),
      index_(other.index_),
      thread_(other.thread_),
      connecting_(std::exchange(other.connecting_, false)),
      trial_(std::exchange(other.trial_, false)),
      crowd_(other.crowd_),
      since_(other.since_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  release();
  server_ = std::exchange(other.server_, nullptr);
  index_ = other.index_;
  thread_ = other.thread_;
  connecting_ = std::exchange(other.connecting_, false);
  trial_ = std::exchange(other.trial_, false);
  crowd_ = other.crowd_;
  since_ = other.since_;
  return *this;
}

void Lease::answered(const ResponseHead& head, Instant now) {
  const Duration took = now - since_;
  // Few responses say when to come back, so only those that could are asked.
  const Duration wait = head.status < 400 ? Duration::zero() : retry_after_of(head.fields);
  tell(verdict_of(head.status), took, cost_of(head.status, took, wait), now);
}

void Lease::took(Instant now) { tell(Verdict::good, now - since_, now - since_, now); }

void Lease::failed(Instant now) {
  tell(Verdict::bad, now - since_, cost_of_failure(now - since_), now);
}

void Lease::tell(Verdict verdict, Duration took, Duration cost, Instant now) {
  server_->feedback_.observe({.took = took, .cost = cost, .crowd = crowd_}, now);
  server_->streak_.note(verdict);
  const bool good = verdict == Verdict::good;
  (good ? totals().good : verdict == Verdict::bad ? totals().bad : totals().throttled).add();
  if (trial_) server_->trial_.end(good);
  trial_ = false;
}

void Lease::connect_begins() {
  if (connecting_) return;
  connecting_ = true;
  server_->connecting_.raise();
}

void Lease::connect_done(bool connected) {
  if (!connecting_) return;
  connecting_ = false;
  server_->connecting_.lower();
  (connected ? totals().connects : totals().connect_failures).add();
}

void Lease::release() {
  if (server_ == nullptr) return;
  if (connecting_) server_->connecting_.lower();
  connecting_ = false;
  if (trial_) server_->trial_.give_back();
  trial_ = false;
  server_->in_flight_.lower();
  server_ = nullptr;
}

Farm::Farm(std::string room, topology::Farm farm, const Copies& copies, unsigned threads)
    : room_(std::move(room)),
      name_(farm.name),
      threads_(threads),
      servers_(std::make_unique<std::unique_ptr<Server>[]>(servers_max)),
      totals_(threads) {
  for (unsigned i = 0; i < threads; ++i) decisions_.push_back(std::make_unique<DecisionLog>());
  const Result<CopyPlan> first = plan(farm, copies);
  ASSERT(first);
  change(std::move(farm), *first);
}

std::vector<CopyIdentity> Farm::identities(const topology::Farm& farm, const Copies& copies) const {
  std::vector<CopyIdentity> identities;
  identities.reserve(copies.size());
  for (const auto& [name, address] : copies) {
    CopyIdentity& identity = identities.emplace_back();
    identity.name = name;
    identity.address = address;
    if (farm.sticky.empty()) continue;
    identity.token = sticky_token(farm, room_, name);
    identity.set_cookie = set_cookie_field(farm.sticky, identity.token);
  }
  return identities;
}

Result<CopyPlan> Farm::plan(const topology::Farm& farm, const Copies& copies) const {
  std::vector<KnownCopy> known;
  known.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    known.push_back({.identity = server(i).identity(), .present = server(i).present()});
  }
  CopyPlan plan = plan_copies(known, identities(farm, copies));
  std::size_t places = size();
  for (const CopyPlan::Join& join : plan.joins) places = std::max(places, join.place + 1);
  if (places > servers_max) {
    return fail(fmt::format(
        "farm {} had {} different copies since the balancer began, and {} are the most; start the "
        "balancer anew",
        name_, places, servers_max));
  }
  return plan;
}

void Farm::change(topology::Farm farm, const CopyPlan& plan) {
  if (present_settings_) old_settings_.push_back(std::move(present_settings_));
  present_settings_ = std::make_unique<const topology::Farm>(std::move(farm));
  settings_.store(present_settings_.get(), std::memory_order_release);

  for (const CopyPlan::Join& join : plan.joins) {
    if (join.place == size()) {
      servers_[join.place] = std::make_unique<Server>(join.identity, threads_);
      size_.store(join.place + 1, std::memory_order_release);
    }
    Server& server = *servers_[join.place];
    if (join.heir_of) {
      const Server& before = *servers_[*join.heir_of];
      server.endpoint_.set(before.endpoint_.get());
      server.healthy_ = before.healthy();
    }
    server.present_ = true;
  }
  for (const std::size_t place : plan.leaves) {
    servers_[place]->present_ = false;
    servers_[place]->healthy_ = false;
    set_standing(place, Standing::good);
  }
  order_ = plan.order;
  for (const std::size_t place : order_) {
    const auto weight = settings().weights.find(servers_[place]->name());
    set_weight(place, weight == settings().weights.end()
                          ? topology::weight_usual
                          : static_cast<std::uint32_t>(weight->second.weight));
  }
  change_generation();
}

void Farm::set_usable(std::size_t index, bool usable) {
  servers_[index]->healthy_.store(usable, std::memory_order_release);
  change_generation();
}

void Farm::set_standing(std::size_t index, Standing standing) {
  Server& server = *servers_[index];
  if (standing == Standing::good) server.streak_.clear();
  if (standing == Standing::probation) {
    server.trial_.open();
  } else {
    server.trial_.close();
  }
  server.standing_.store(standing, std::memory_order_release);
  change_generation();
}

std::vector<Outliers::Seen> Farm::take_seen() {
  const auto total = [](const Server& server, Counter ServerTotals::*field) {
    return server.sum(
        [field](const ServerTotals& totals) -> const Counter& { return totals.*field; });
  };
  std::vector<Outliers::Seen> seen;
  seen.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    Server& one = server(i);
    seen.push_back(
        {.candidate = one.healthy() && one.weight() > 0,
         .streak = one.streak_.take_longest(),
         .outcomes = {.good = total(one, &ServerTotals::good),
                      .bad = total(one, &ServerTotals::bad) + total(one, &ServerTotals::throttled)},
         .trial = one.trial_.state()});
  }
  return seen;
}

void Farm::set_weight(std::size_t index, std::uint32_t weight) {
  servers_[index]->weight_.store(weight, std::memory_order_release);
  change_generation();
}

FarmReport Farm::report() const {
  FarmReport report{.farm = name()};
  for (std::size_t i = 0; i < size(); ++i) {
    const Server& one = server(i);
    report.load += one.in_flight().level();
    if (!one.present()) continue;
    ++report.copies;
    if (!one.usable() || one.weight() == 0) continue;
    ++report.usable;
    report.capacity += settings().capacity;
  }
  return report;
}

void Farm::step_recent(Instant now) {
  if (!recent_.due(now)) return;
  recent_.turn_to([this](Stage stage) { return times(stage); }, now);
  for (const std::size_t place : order_) {
    Server& one = server(place);
    one.recent_.turn_to([&one](Stage stage) { return one.times(stage); }, now);
  }
}

std::string Farm::why_none() const {
  std::size_t known = 0;
  std::size_t down = 0;
  std::size_t drained = 0;
  std::size_t ejected = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    const Server& one = server(i);
    if (!one.present()) continue;
    ++known;
    if (!one.healthy()) {
      ++down;
    } else if (one.weight() == 0) {
      ++drained;
    } else if (!one.usable()) {
      ++ejected;
    }
  }
  std::string counts = fmt::format("{} known: {} down", known, down);
  if (drained > 0) counts += fmt::format(", {} with weight 0", drained);
  if (ejected > 0) counts += fmt::format(", {} ejected", ejected);
  return fmt::format("no copy of farm {} is up in room {} ({})", name(), room_, counts);
}

}  // namespace hither::lb
