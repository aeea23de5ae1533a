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

Action signal(std::size_t process, Action::Kind kind, int pid) {
  return {.kind = kind, .process = process, .record = {}, .pid = pid};
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
      signal_beside(i, Action::Kind::kill, actions);
      if (status.state != State::stopping || status.pid == 0) continue;
      actions.push_back(signal(i, Action::Kind::kill, status.pid));
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
    look_beside(i, now, actions);
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
    actions.push_back(signal(process, killed_ ? Action::Kind::kill : Action::Kind::terminate, pid));
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
  if (status.successor && status.successor->pid != 0) {
    status.state = State::starting;
    status.pid = status.successor->pid;
    status.since = status.successor->since;
    status.successor.reset();
    actions.push_back(report(process, log_warning("ended")
                                          .with("process", plan_[process].name)
                                          .with("how", how)
                                          .with("successor", status.pid)));
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
      if (entry.status.pid != 0) {
        actions.push_back(signal(i, Action::Kind::terminate, entry.status.pid));
      }
    } else if (state == State::stopping && again && entry.status.pid != 0) {
      actions.push_back(signal(i, Action::Kind::kill, entry.status.pid));
    }
    signal_beside(i, again ? Action::Kind::kill : Action::Kind::terminate, actions);
  }
  return actions;
}

void Supervisor::signal_beside(std::size_t process, Action::Kind kind, Actions& actions) const {
  const Status& status = states_[process].status;
  if (status.successor && status.successor->pid != 0) {
    actions.push_back(signal(process, kind, status.successor->pid));
  }
  for (const Beside& one : status.leaving) actions.push_back(signal(process, kind, one.pid));
}

// ---- Rule 5

bool Supervisor::may_upgrade(std::size_t process) const {
  const Status& status = states_[process].status;
  return !stop_at_ && status.state == State::ready && !status.successor;
}

Supervisor::Actions Supervisor::on_upgrade(std::size_t process, Duration leave_max, Instant now) {
  Actions actions;
  if (!may_upgrade(process)) return actions;
  Entry& entry = states_[process];
  entry.leave_max = leave_max;
  entry.status.upgrade_error.clear();
  entry.status.successor =
      Beside{.pid = 0, .since = now, .until = now + plan_[process].ready.timeout};
  actions.push_back(
      {.kind = Action::Kind::start_beside, .process = process, .record = {}, .pid = 0});
  return actions;
}

Supervisor::Actions Supervisor::on_successor_started(std::size_t process, int pid, Instant) {
  Actions actions;
  Status& status = states_[process].status;
  if (!status.successor) return actions;
  status.successor->pid = pid;
  if (stop_at_) {  // It came while the successor was being started.
    actions.push_back(signal(process, killed_ ? Action::Kind::kill : Action::Kind::terminate, pid));
  }
  return actions;
}

Supervisor::Actions Supervisor::on_successor_ready(std::size_t process, Instant now) {
  Actions actions;
  Entry& entry = states_[process];
  Status& status = entry.status;
  if (!status.successor || status.state != State::ready) return actions;
  status.leaving.push_back({.pid = status.pid, .since = now, .until = now + entry.leave_max});
  status.ready_after = now - status.successor->since;
  status.pid = status.successor->pid;
  status.since = now;
  status.successor.reset();
  ++status.upgrades;
  actions.push_back(report(process, log_info("upgraded")
                                        .with("process", plan_[process].name)
                                        .with("pid", status.pid)
                                        .with("leaving", status.leaving.back().pid)));
  return actions;
}

Supervisor::Actions Supervisor::on_successor_gone(std::size_t process, std::string_view how,
                                                  Instant) {
  Actions actions;
  Status& status = states_[process].status;
  if (!status.successor) return actions;
  status.successor.reset();
  if (stop_at_) return actions;
  ++status.upgrades_failed;
  if (status.upgrade_error.empty()) status.upgrade_error = how;
  actions.push_back(report(process, log_error("upgrade-failed")
                                        .with("process", plan_[process].name)
                                        .with("reason", status.upgrade_error)
                                        .with("pid", status.pid)));
  return actions;
}

Supervisor::Actions Supervisor::on_left(std::size_t process, int pid, Instant now) {
  Actions actions;
  auto& leaving = states_[process].status.leaving;
  const auto found = std::ranges::find(leaving, pid, &Beside::pid);
  if (found == leaving.end()) return actions;
  actions.push_back(report(process, log_info("left")
                                        .with("process", plan_[process].name)
                                        .with("pid", pid)
                                        .with("after", rounded(now - found->since))));
  leaving.erase(found);
  return actions;
}

/// Whose time is over.
void Supervisor::look_beside(std::size_t process, Instant now, Actions& actions) {
  Status& status = states_[process].status;
  if (status.successor && status.successor->pid != 0 && now >= status.successor->until) {
    status.successor->until = never;
    status.upgrade_error =
        "it was not ready within " + hither::to_text(plan_[process].ready.timeout);
    actions.push_back(signal(process, Action::Kind::kill, status.successor->pid));
  }
  for (Beside& one : status.leaving) {
    if (now < one.until) continue;
    one.until = never;
    actions.push_back(signal(process, Action::Kind::kill, one.pid));
    actions.push_back(report(process, log_warning("killed")
                                          .with("process", plan_[process].name)
                                          .with("pid", one.pid)
                                          .with("after", rounded(now - one.since))));
  }
}

Instant Supervisor::deadline() const {
  if (stop_at_) return killed_ ? never : *stop_at_ + limits_.stop_timeout;
  Instant next = never;
  bool anyone_waits = false;
  for (const Entry& entry : states_) anyone_waits |= entry.status.state == State::waiting;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const Entry& entry = states_[i];
    next = std::min(next, entry.restart_at);
    const Status& status = entry.status;
    if (status.successor && status.successor->pid != 0) {
      next = std::min(next, status.successor->until);
    }
    for (const Beside& one : status.leaving) next = std::min(next, one.until);
    if (entry.status.state != State::starting || entry.status.overdue) continue;
    next = std::min(next, entry.status.since + plan_[i].ready.timeout);
    const Instant held_until = entry.status.since + limits_.hold_max;
    if (anyone_waits && held_until > looked_at_) next = std::min(next, held_until);
  }
  return next;
}

bool Supervisor::all_stopped() const {
  return std::ranges::all_of(states_, [](const Entry& entry) {
    const Status& status = entry.status;
    return status.state == State::stopped && !status.successor && status.leaving.empty();
  });
}

}  // namespace hither::topology
