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

std::uint32_t Server::claim() {
  const std::uint32_t most = limit();
  return most == 0 ? in_flight_.raise() : in_flight_.raise_up_to(most);
}

void Server::give_back(std::uint32_t index, bool offer) {
  in_flight_.lower();
  if (offer) offer_places(index);
}

void Server::offer_places(std::uint32_t index) {
  if (admission_ == nullptr) return;
  const auto claimed = [this] { return eligible() && weight() > 0 && claim() > 0; };
  while (admission_->waiting() > 0 && admission_->call(index, claimed)) {
  }
}

Lease::Lease(Server& server, std::uint32_t index, unsigned thread, Instant now)
    : server_(&server), index_(index), thread_(thread), since_(now) {
  crowd_ = server.in_flight_.raise();
}

Lease Lease::of_claim(Server& server, std::uint32_t index, unsigned thread, Instant now,
                      std::uint32_t crowd) {
  Lease lease;
  lease.server_ = &server;
  lease.index_ = index;
  lease.thread_ = thread;
  lease.crowd_ = crowd;
  lease.since_ = now;
  return lease;
}

Lease::Lease(Lease&& other) noexcept
    : server_(std::exchange(other.server_, nullptr)),
      index_(other.index_),
      thread_(other.thread_),
      connecting_(std::exchange(other.connecting_, false)),
      trial_(std::exchange(other.trial_, false)),
      failed_(std::exchange(other.failed_, false)),
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
  failed_ = std::exchange(other.failed_, false);
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
  failed_ = true;
  tell(Verdict::bad, now - since_, cost_of_failure(now - since_), now);
}

void Lease::tell(Verdict verdict, Duration took, Duration cost, Instant now) {
  server_->feedback_.observe({.took = took, .cost = cost, .crowd = crowd_}, now);
  server_->streak_.note(verdict);
  const bool good = verdict == Verdict::good;
  (good ? totals().good : verdict == Verdict::bad ? totals().bad : totals().throttled).add();
  if (good) totals().good_ns.add(static_cast<std::uint64_t>(took.count()));
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
  // A server that fails fast would else empty the queue in no time. Its place is offered with the
  // next one that gets free.
  server_->give_back(index_, !std::exchange(failed_, false));
  server_ = nullptr;
}

Farm::Farm(std::string room, topology::Farm farm, const Copies& copies, unsigned threads)
    : room_(std::move(room)),
      name_(farm.name),
      threads_(threads),
      servers_(std::make_unique<std::unique_ptr<Server>[]>(servers_max)),
      totals_(threads),
      admission_(threads) {
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
  admission_.set_most(static_cast<std::size_t>(settings().concurrency.queue));
  allotments_.change(settings(), plan);

  for (const CopyPlan::Join& join : plan.joins) {
    if (join.place == size()) {
      servers_[join.place] = std::make_unique<Server>(join.identity, threads_);
      servers_[join.place]->admission_ = &admission_;
      size_.store(join.place + 1, std::memory_order_release);
    }
  }
  order_ = plan.order;
  for (const std::size_t place : order_) {
    const auto weight = settings().weights.find(servers_[place]->name());
    set_weight(place, weight == settings().weights.end()
                          ? topology::weight_usual
                          : static_cast<std::uint32_t>(weight->second.weight));
  }
  for (const CopyPlan::Join& join : plan.joins) welcome(join);
  for (const std::size_t place : plan.leaves) {
    servers_[place]->present_ = false;
    servers_[place]->healthy_ = false;
    set_standing(place, Standing::good);
  }
  change_generation();
}

/// Of one that returns nothing of before holds, but its counters. It may be picked once it is
/// healthy, so that comes last.
void Farm::welcome(const CopyPlan::Join& join) {
  Server& server = *servers_[join.place];
  const Server* before = join.heir_of ? servers_[*join.heir_of].get() : nullptr;
  server.endpoint_.set(before != nullptr ? before->endpoint_.get() : Endpoint{});
  if (before != nullptr) server.feedback_.copy(before->feedback_);
  server.streak_.clear();
  set_standing(join.place, before != nullptr ? before->standing() : Standing::good);
  server.healthy_ = before != nullptr && before->healthy();
  server.present_ = true;
}

void Farm::set_usable(std::size_t index, bool usable) {
  if (usable) allotments_.came_up(index);
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
        {.present = one.present(),
         .candidate = one.healthy() && one.weight() > 0,
         .streak = one.streak_.take_longest(),
         .outcomes = {.good = total(one, &ServerTotals::good),
                      .bad = total(one, &ServerTotals::bad) + total(one, &ServerTotals::throttled)},
         .trial = one.trial_.state()});
  }
  return seen;
}

void Farm::set_weight(std::size_t index, std::uint32_t weight) {
  allotments_.set_weight(index, weight);
  give(index);
}

void Farm::inherit_allotment(std::size_t index, const Allotments::Learned& learned, Instant now) {
  allotments_.inherit(index, learned, now);
  give(index);
}

void Farm::give(std::size_t place) {
  const Allotment& allotment = allotments_.of(place);
  Server& server = *servers_[place];
  server.share_.store(allotment.share, std::memory_order_relaxed);
  set_limit(place, allotment.limit);
  if (server.weight_.exchange(allotment.weight, std::memory_order_acq_rel) != allotment.weight) {
    change_generation();
  }
}

void Farm::set_limit(std::size_t index, std::uint32_t limit) {
  const std::uint32_t before = servers_[index]->limit_.exchange(limit, std::memory_order_relaxed);
  // Pickers look at a limit for each request, but not if there is one.
  if ((before == 0) != (limit == 0)) change_generation();
}

Panic::Change Farm::step_allotments(Instant now, bool known) {
  std::vector<Allotments::Seen> seen;
  seen.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    const Server& one = server(i);
    const auto took = one.sum([](const ServerTotals& t) -> const Counter& { return t.good_ns; });
    seen.push_back({.usable = one.usable(),
                    .in_flight = one.in_flight().level(),
                    .answers = {.count = one.sum(
                                    [](const ServerTotals& t) -> const Counter& { return t.good; }),
                                .took = Duration(static_cast<std::int64_t>(took))}});
  }
  Panic::Seen left{.known = known};
  for (const std::size_t place : order_) {
    if (allotments_.full_weight(place) == 0) continue;
    ++left.copies;
    if (seen[place].usable) ++left.usable;
  }
  const Panic::Change change = panic_.step(settings().panic, left, now);
  allotments_.step(seen, /*ramps=*/!in_panic(topology::Panic::Mode::spread), now);
  for (const std::size_t place : order_) give(place);
  heed_panic();
  return change;
}

/// Makes true for the threads that pick what panic_ says.
void Farm::heed_panic() {
  const bool spreads = in_panic(topology::Panic::Mode::spread);
  std::uint64_t admitted = all_admitted;
  if (in_panic(topology::Panic::Mode::shed)) {
    double usable = 0;
    double all = 0;
    for (const std::size_t place : order_) {
      if (server(place).usable()) usable += server(place).weight();
      all += allotments_.full_weight(place);
    }
    admitted = static_cast<std::uint64_t>(admitted_share(settings().panic.below, usable, all) *
                                          static_cast<double>(all_admitted));
  }
  bool changed = spreads_.exchange(spreads, std::memory_order_acq_rel) != spreads;
  changed |= admitted_.exchange(admitted, std::memory_order_acq_rel) != admitted;
  for (std::size_t i = 0; i < size(); ++i) {
    const bool before = servers_[i]->in_any_case_.exchange(spreads, std::memory_order_acq_rel);
    changed |= before != spreads;
  }
  if (changed) change_generation();
}

void Farm::offer_places() {
  if (admission_.waiting() == 0) return;
  for (std::uint32_t i = 0; i < size(); ++i) server(i).offer_places(i);
}

void Farm::step_queue() {
  if (admission_.waiting() == 0) return;
  bool any = false;
  for (std::size_t i = 0; i < size(); ++i) any |= server(i).eligible() && server(i).weight() > 0;
  if (any) {
    offer_places();
  } else {
    admission_.dismiss();
  }
}

FarmReport Farm::report(Instant now) const {
  FarmReport report{.farm = name()};
  const Admission::Report queue = admission_.report(now);
  report.waiting = static_cast<std::int64_t>(queue.waiting);
  report.wait_ms = queue.oldest / std::chrono::milliseconds(1);
  for (std::size_t i = 0; i < size(); ++i) {
    const Server& one = server(i);
    report.load += one.in_flight().level();
    if (!one.present()) continue;
    ++report.copies;
    if (!one.usable() || one.weight() == 0) continue;
    ++report.usable;
    const std::int64_t limit = one.limit();
    const std::int64_t capacity =
        ramped_limit(static_cast<std::uint32_t>(settings().capacity), one.share());
    report.limit += limit;
    report.capacity += limit > 0 ? std::min(capacity, limit) : capacity;
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
