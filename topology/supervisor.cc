// SPDX-License-Identifier: Apache-2.0
#include "topology/supervisor.h"

#include <algorithm>

#include "base/assert.h"
#include "base/text.h"

namespace hither::topology {
namespace {

using State = Supervisor::State;
using Action = Supervisor::Action;

Action report(std::size_t process, LogRecord record) {
  return {.kind = Action::Kind::report, .process = process, .record = std::move(record)};
}

std::string rounded(Duration duration) {
  return hither::to_text(Duration(std::chrono::duration_cast<std::chrono::milliseconds>(duration)));
}

}  // namespace

std::string_view to_text(Supervisor::State state) {
  switch (state) {
    case State::waiting:
      return "waiting";
    case State::starting:
      return "starting";
    case State::ready:
      return "ready";
    case State::backoff:
      return "backoff";
    case State::stopping:
      return "stopping";
    case State::stopped:
      break;
  }
  return "stopped";
}

Supervisor::Supervisor(std::vector<Process> plan, const SupervisorLimits& limits,
                       std::uint64_t seed, Instant now)
    : plan_(std::move(plan)),
      limits_(limits),
      rng_(seed),
      states_(plan_.size(), Entry(limits.restart)),
      unsettled_(plan_.size()) {
  std::map<std::string_view, std::size_t> index_of;
  for (std::size_t i = 0; i < plan_.size(); ++i) index_of[plan_[i].name] = i;
  for (std::size_t i = 0; i < plan_.size(); ++i) {
    states_[i].status.since = now;
    for (const std::string& name : plan_[i].after) {
      const auto found = index_of.find(name);
      ASSERT(found != index_of.end() && found->second < i);  // a plan is in start order
      states_[i].after.push_back(found->second);
    }
  }
}

void Supervisor::settle(Entry& entry) {
  if (!entry.settled) --unsettled_;
  entry.settled = true;
}

/// Rule 1: may what comes after this one start?
bool Supervisor::released(const Entry& entry, Instant now) const {
  if (entry.settled) return true;
  return entry.status.state == State::starting && now >= entry.status.since + limits_.hold_max;
}

void Supervisor::start(std::size_t process, Instant now, Actions& actions) {
  Status& status = states_[process].status;
  status.state = State::starting;
  status.since = now;
  status.overdue = false;
  states_[process].restart_at = never;
  actions.push_back({.kind = Action::Kind::start, .process = process});
}

void Supervisor::start_what_may(Instant now, Actions& actions) {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (states_[i].status.state != State::waiting) continue;
    const auto& after = states_[i].after;
    if (std::ranges::all_of(after, [&](std::size_t j) { return released(states_[j], now); })) {
      start(i, now, actions);
    }
  }
}

Supervisor::Actions Supervisor::on_time(Instant now) {
  Actions actions;
  looked_at_ = now;
  if (stop_at_) {
    if (killed_ || now < *stop_at_ + limits_.stop_timeout) return actions;
    killed_ = true;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const Status& status = states_[i].status;
      if (status.state != State::stopping || status.pid == 0) continue;
      actions.push_back({.kind = Action::Kind::kill, .process = i});
      actions.push_back(report(i, log_warning("killed")
                                      .with("process", plan_[i].name)
                                      .with("after", hither::to_text(limits_.stop_timeout))));
    }
    return actions;
  }
  for (std::size_t i = 0; i < states_.size(); ++i) {
    Entry& entry = states_[i];
    if (entry.restart_at <= now) {
      ++entry.status.restarts;
      start(i, now, actions);
    }
    const Duration timeout = plan_[i].ready.timeout;
    if (entry.status.state != State::starting || entry.status.overdue ||
        now < entry.status.since + timeout) {
      continue;
    }
    entry.status.overdue = true;
    settle(entry);
    actions.push_back(report(i, log_warning("not-ready")
                                    .with("process", plan_[i].name)
                                    .with("after", hither::to_text(timeout))
                                    .with("pid", entry.status.pid)));
  }
  start_what_may(now, actions);
  return actions;
}

Supervisor::Actions Supervisor::on_started(std::size_t process, int pid, Instant now) {
  Actions actions;
  Status& status = states_[process].status;
  if (status.state != State::starting && status.state != State::stopping) return actions;
  status.pid = pid;
  if (status.state == State::stopping) {  // A stop came while it was being started.
    actions.push_back(
        {.kind = killed_ ? Action::Kind::kill : Action::Kind::terminate, .process = process});
    return actions;
  }
  status.since = now;
  return actions;
}

Supervisor::Actions Supervisor::on_start_failed(std::size_t process, std::string_view why,
                                                Instant now) {
  Actions actions;
  on_gone(process, why, now, actions);
  return actions;
}

Supervisor::Actions Supervisor::on_ready(std::size_t process, Instant now) {
  Actions actions;
  Entry& entry = states_[process];
  if (entry.status.state != State::starting) return actions;
  entry.status.ready_after = now - entry.status.since;
  entry.status.state = State::ready;
  entry.status.since = now;
  entry.status.overdue = false;
  settle(entry);
  actions.push_back(report(process, log_info("ready")
                                        .with("process", plan_[process].name)
                                        .with("pid", entry.status.pid)
                                        .with("after", rounded(entry.status.ready_after))));
  start_what_may(now, actions);
  return actions;
}

Supervisor::Actions Supervisor::on_exited(std::size_t process, std::string_view how, Instant now) {
  Actions actions;
  on_gone(process, how, now, actions);
  return actions;
}

void Supervisor::on_gone(std::size_t process, std::string_view how, Instant now, Actions& actions) {
  Entry& entry = states_[process];
  Status& status = entry.status;
  const bool runs = status.state == State::starting || status.state == State::ready ||
                    status.state == State::stopping;
  if (!runs) return;
  const Duration ready_for = status.state == State::ready ? now - status.since : Duration::zero();
  status.pid = 0;
  status.last_exit = how;
  status.since = now;
  status.overdue = false;
  if (stop_at_) {
    status.state = State::stopped;
    return;
  }
  const Duration delay = entry.restart.on_exit(ready_for, rng_);
  entry.restart_at = now + delay;
  status.state = State::backoff;
  settle(entry);
  actions.push_back(report(process, log_warning("ended")
                                        .with("process", plan_[process].name)
                                        .with("how", how)
                                        .with("again_in", rounded(delay))));
  start_what_may(now, actions);
}

Supervisor::Actions Supervisor::on_stop(Instant now) {
  Actions actions;
  const bool again = stop_at_.has_value();
  if (!again) stop_at_ = now;
  if (again) killed_ = true;
  for (std::size_t i = states_.size(); i-- > 0;) {
    Entry& entry = states_[i];
    const State state = entry.status.state;
    if (state == State::waiting || state == State::backoff) {
      entry.restart_at = never;
      entry.status.state = State::stopped;
      entry.status.since = now;
    } else if (state == State::starting || state == State::ready) {
      entry.status.state = State::stopping;
      entry.status.since = now;
      if (entry.status.pid == 0) continue;
      actions.push_back({.kind = Action::Kind::terminate, .process = i});
    } else if (state == State::stopping && again && entry.status.pid != 0) {
      actions.push_back({.kind = Action::Kind::kill, .process = i});
    }
  }
  return actions;
}

Instant Supervisor::deadline() const {
  if (stop_at_) return killed_ ? never : *stop_at_ + limits_.stop_timeout;
  Instant next = never;
  bool anyone_waits = false;
  for (const Entry& entry : states_) anyone_waits |= entry.status.state == State::waiting;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const Entry& entry = states_[i];
    next = std::min(next, entry.restart_at);
    if (entry.status.state != State::starting || entry.status.overdue) continue;
    next = std::min(next, entry.status.since + plan_[i].ready.timeout);
    const Instant held_until = entry.status.since + limits_.hold_max;
    if (anyone_waits && held_until > looked_at_) next = std::min(next, held_until);
  }
  return next;
}

bool Supervisor::all_stopped() const {
  return std::ranges::all_of(
      states_, [](const Entry& entry) { return entry.status.state == State::stopped; });
}

}  // namespace hither::topology
