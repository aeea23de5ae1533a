// SPDX-License-Identifier: Apache-2.0
#include "lb/server_probes.h"

#include <utility>

#include "base/text.h"
#include "io/clock.h"
#include "io/log_sink.h"

namespace hither::lb {
namespace {

/// So often in one timeout the loop is looked at.
constexpr int beats_per_timeout = 8;

}  // namespace

FarmProbes::FarmProbes(io::Loop& loop, io::Resolver& resolver, Farm& farm, Events events,
                       std::uint64_t seed)
    : loop_(loop),
      farm_(farm),
      events_(std::move(events)),
      prober_(farm.settings().health.limits, farm.size(), io::monotonic_now(),
              farm.settings().guard, seed),
      asked_(farm.size()),
      timer_(loop, [this] { on_time(); }),
      beat_(loop, [this] { on_beat(); }),
      names_(loop, resolver, farm,
             {.on_answer = [this](std::size_t server,
                                  const NameWatch& name) { on_name(server, name); },
              .on_moved = [this](std::size_t server) { on_moved(server); }}) {
  wait();
}

FarmProbes::~FarmProbes() = default;

void FarmProbes::change(const CopyPlan& plan) {
  asked_.resize(farm_.size());
  const auto forget = [this](std::size_t place) {
    asked_[place].probe.reset();  // before its ticket
    asked_[place] = {};
  };
  for (const std::size_t place : plan.leaves) forget(place);
  for (const CopyPlan::Join& join : plan.joins) forget(join.place);
  prober_.change(farm_.settings().health.limits, farm_.settings().guard, plan, io::monotonic_now());
  names_.change();
  wait();
}

std::size_t FarmProbes::recall(const FarmMemory& memory, Outliers& outliers) {
  const std::size_t recalled = lb::recall(memory, farm_, prober_, outliers, io::monotonic_now());
  names_.recall();
  wait();
  return recalled;
}

void FarmProbes::wait() {
  timer_.set(prober_.next());
  if (prober_.asking() == 0) {
    beat_due_ = {};
    beat_.cancel();
  } else if (beat_due_ == Instant{}) {
    beat_due_ = io::monotonic_now() + prober_.limits().timeout / beats_per_timeout;
    beat_.set(beat_due_);
  }
}

void FarmProbes::on_beat() {
  prober_.was_late(io::monotonic_now() - beat_due_);
  beat_due_ = {};
  wait();
}

void FarmProbes::on_time() {
  const Instant now = io::monotonic_now();
  take(prober_.on_time(now));
  for (const std::size_t server : prober_.due(now)) {
    probe(server);
  }
  wait();
}

void FarmProbes::probe(std::size_t server) {
  Asked& asked = asked_[server];
  asked.since = io::monotonic_now();
  const Server& copy = farm_.server(server);
  const std::optional<Endpoint> endpoint = copy.endpoint();
  if (!endpoint) {
    const NameWatch* name = names_.find(server);
    if (name != nullptr && !name->failing()) {
      asked.awaits_name = true;
      return;
    }
    finish(server, {.passed = false,
                    .silent = true,
                    .reason = name != nullptr ? name->failure() : "it has no address"});
    return;
  }
  const topology::HealthRule& rule = farm_.settings().health;
  if (rule.kind == topology::HealthRule::Kind::tls && !asked.tls) {
    if (!tls_) tls_ = std::make_unique<io::TlsClient>();
    asked.tls = std::make_unique<TlsMemory>(*tls_);
  }
  asked.under_way = true;
  asked.probe = std::make_unique<CopyProbe>(
      loop_,
      CopyQuestion{.endpoint = *endpoint,
                   .host = copy.address(),
                   .rule = rule,
                   .send_proxy = farm_.settings().send_proxy},
      asked.tls.get(), [this, server](const ProbeResult& result) { finish(server, result); });
}

void FarmProbes::on_name(std::size_t server, const NameWatch& /*name*/) {
  if (std::exchange(asked_[server].awaits_name, false)) probe(server);
}

/// What its old address had to say counts no more.
void FarmProbes::on_moved(std::size_t server) {
  Asked& asked = asked_[server];
  if (asked.tls) asked.tls->ticket.forget();
  if (asked.under_way) {
    probe(server);
  } else {
    prober_.hurry(server, io::monotonic_now());
  }
  events_.on_moved(server);
  wait();
}

void FarmProbes::finish(std::size_t server, const ProbeResult& result) {
  Asked& asked = asked_[server];
  const Instant now = io::monotonic_now();
  if (result.silent) prober_.was_late(now - asked.since - prober_.limits().timeout);
  // The probe is left where it is: it may be what called us, or still wait for a ticket.
  asked.under_way = false;
  take(prober_.on_result(server, result, now));
  wait();
  events_.on_result();
}

void FarmProbes::take(const Prober::News& news) {
  for (const Prober::Change& change : news.changes) {
    farm_.set_usable(change.server, change.to != Prober::Belief::down);
    events_.on_change(change.server, change.to);
  }
  if (news.guard == Guard::Change::none) return;
  const Guard& guard = prober_.guard();
  const bool begins = news.guard == Guard::Change::begins;
  LogRecord record = begins ? log_error("guard-holds") : log_warning("guard-ends");
  record.with("farm", farm_.name());
  if (begins) {
    record.with("copies", guard.members_held())
        .with("for", hither::to_text(guard.rule().hold))
        .with("reason", "most copies fell silent at once; they are taken for up");
  } else {
    record.with("reason", news.guard == Guard::Change::ends_time_over
                              ? "its time is over; the probes are believed"
                              : "the copies that are silent are no longer most");
  }
  io::write_log(record);
}

}  // namespace hither::lb
