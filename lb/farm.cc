// SPDX-License-Identifier: Apache-2.0
#include "lb/farm.h"

#include <fmt/format.h>

#include <algorithm>

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

Server::Server(std::string name, std::string address, unsigned threads)
    : name_(std::move(name)),
      address_(std::move(address)),
      identity_(hash_bytes(address_)),
      totals_(threads) {}

std::optional<Endpoint> Server::endpoint() const {
  if (!resolved_.load(std::memory_order_acquire)) return std::nullopt;
  return endpoint_;
}

void Server::resolve(const Endpoint& endpoint) {
  if (resolved_.load(std::memory_order_relaxed)) return;
  endpoint_ = endpoint;
  resolved_.store(true, std::memory_order_release);
}

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

Farm::Farm(std::string room, topology::Farm farm,
           const std::vector<std::pair<std::string, std::string>>& copies, unsigned threads)
    : room_(std::move(room)), settings_(std::move(farm)), totals_(threads) {
  servers_.reserve(copies.size());
  for (const auto& [name, address] : copies) {
    servers_.push_back(std::make_unique<Server>(name, address, threads));
    Server& server = *servers_.back();
    if (!settings_.sticky.empty()) {
      server.token_ = sticky_token(settings_, room_, name);
      server.set_cookie_ = set_cookie_field(settings_.sticky, server.token_);
    }
    const auto weight = settings_.weights.find(name);
    if (weight == settings_.weights.end()) continue;
    server.weight_.store(static_cast<std::uint32_t>(weight->second.weight),
                         std::memory_order_relaxed);
  }
}

void Farm::set_usable(std::size_t index, bool usable) {
  servers_[index]->healthy_.store(usable, std::memory_order_release);
  generation_.fetch_add(1, std::memory_order_release);
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
  generation_.fetch_add(1, std::memory_order_release);
}

std::vector<Outliers::Seen> Farm::take_seen() {
  const auto total = [](const Server& server, Counter ServerTotals::*field) {
    return server.sum(
        [field](const ServerTotals& totals) -> const Counter& { return totals.*field; });
  };
  std::vector<Outliers::Seen> seen;
  seen.reserve(servers_.size());
  for (const std::unique_ptr<Server>& server : servers_) {
    seen.push_back({.candidate = server->healthy() && server->weight() > 0,
                    .streak = server->streak_.take_longest(),
                    .outcomes = {.good = total(*server, &ServerTotals::good),
                                 .bad = total(*server, &ServerTotals::bad) +
                                        total(*server, &ServerTotals::throttled)},
                    .trial = server->trial_.state()});
  }
  return seen;
}

void Farm::set_weight(std::size_t index, std::uint32_t weight) {
  servers_[index]->weight_.store(weight, std::memory_order_release);
  generation_.fetch_add(1, std::memory_order_release);
}

FarmReport Farm::report() const {
  FarmReport report{.farm = name()};
  for (const std::unique_ptr<Server>& server : servers_) {
    ++report.copies;
    report.load += server->in_flight().level();
    if (!server->usable() || server->weight() == 0) continue;
    ++report.usable;
    report.capacity += settings_.capacity;
  }
  return report;
}

void Farm::step_recent(Instant now) {
  if (!recent_.due(now)) return;
  recent_.turn_to([this](Stage stage) { return times(stage); }, now);
  for (const std::unique_ptr<Server>& server : servers_) {
    server->recent_.turn_to([&server](Stage stage) { return server->times(stage); }, now);
  }
}

std::string Farm::why_none() const {
  std::size_t down = 0;
  std::size_t drained = 0;
  std::size_t ejected = 0;
  for (const std::unique_ptr<Server>& server : servers_) {
    if (!server->healthy()) {
      ++down;
    } else if (server->weight() == 0) {
      ++drained;
    } else if (!server->usable()) {
      ++ejected;
    }
  }
  std::string counts = fmt::format("{} known: {} down", size(), down);
  if (drained > 0) counts += fmt::format(", {} with weight 0", drained);
  if (ejected > 0) counts += fmt::format(", {} ejected", ejected);
  return fmt::format("no copy of farm {} is up in room {} ({})", name(), room_, counts);
}

}  // namespace hither::lb
