// SPDX-License-Identifier: Apache-2.0
#include "dns/room_watch.h"

#include <algorithm>
#include <set>

#include "base/assert.h"

namespace hither::dns {
namespace {

/// Of a connection that says nothing of a client (PROXY protocol, version 1, s2.1).
constexpr const char* proxy_unknown = "PROXY UNKNOWN\r\n";

using ProbeKind = topology::ProbeRule::Kind;

constexpr std::string_view no_usable_copy = "no usable copy";

/// The report's word on one farm, or nullptr.
const FarmReport* find_farm(const ProbeResult& result, std::string_view farm) {
  if (!result.report) return nullptr;
  const auto found = std::ranges::find(result.report->farms, farm, &FarmReport::farm);
  return found == result.report->farms.end() ? nullptr : &*found;
}

LogRecord describe_change(const std::string& room, const std::string& farm,
                          const FarmState& state) {
  const bool up = state.state == RoomState::up;
  LogRecord record = up ? log_info("room-up") : log_warning("room-down");
  if (state.state == RoomState::draining) record = log_info("room-draining");
  record.with("room", room).with("farm", farm);
  if (up) record.with("usable", state.usable).with("copies", state.copies);
  if (state.state == RoomState::down) record.with("reason", state.reason);
  return record;
}

}  // namespace

ProbeResult read_probe(ProbeKind kind, int status, std::string_view body, std::string_view error) {
  ProbeResult result;
  result.reason = std::string(error);
  if (kind == ProbeKind::tcp) {
    result.passed = error.empty();
  } else if (status != 0 && kind == ProbeKind::http) {
    result.passed = status >= 200 && status < 300;
    if (!result.passed) result.reason = fmt::format("status {}", status);
  } else if (status != 0) {
    auto report = parse_room_report(body);
    if (report) {
      result.report = std::move(*report);
    } else {
      result.reason = fmt::format("status {}: {}", status, report.error().message);
    }
  }
  return result;
}

RoomWatch::RoomWatch(const topology::Description& description, Instant now, const RoomWatch* before)
    : limits_(description.dns.health), states_(description.rooms.size(), description.farms.size()) {
  for (std::size_t r = 0; r < description.rooms.size(); ++r) add_probes(description, r, now);
  if (before != nullptr) take_over(*before);
  states_.set_complete((before != nullptr && before->complete()) ||
                       std::ranges::all_of(probes_, &Watched::answered));
}

/// The report first, for all farms that go by it, then those with a probe of their own.
void RoomWatch::add_probes(const topology::Description& description, std::size_t room,
                           Instant now) {
  const topology::Room& from = description.rooms[room];
  const auto index = static_cast<std::uint16_t>(room);
  Probe report{
      .kind = ProbeKind::report, .room = index, .farms = {}, .target = {}, .path = "/health"};
  std::vector<Probe> own;
  for (std::size_t f = 0; f < description.farms.size(); ++f) {
    const topology::Farm* farm = from.find_farm(description.farms[f]);
    if (farm == nullptr) continue;
    states_.at(room, f).runs = true;
    states_.at(room, f).since = now;
    states_.at(room, f).measured_since = now;
    const auto farm_index = static_cast<std::uint16_t>(f);
    if (farm->probe.kind == ProbeKind::report) {
      report.farms.push_back(farm_index);
      continue;
    }
    const Endpoint target = {from.address.front(),
                             farm->probe.port != 0 ? farm->probe.port : farm->port};
    own.push_back({.kind = farm->probe.kind,
                   .room = index,
                   .farms = {farm_index},
                   .target = target,
                   .path = farm->probe.path,
                   .host = farm->probe.host.empty() ? to_text(target) : farm->probe.host,
                   .preamble = farm->accept_proxy && farm->probe.port == 0 ? proxy_unknown : ""});
  }
  if (!report.farms.empty()) {
    report.target = description.admin_of(from);
    report.host = to_text(report.target);
    add(std::move(report), description, now);
  }
  for (Probe& probe : own) add(std::move(probe), description, now);
}

void RoomWatch::add(Probe probe, const topology::Description& description, Instant now) {
  Watched watched{.what = {}, .room = description.rooms[probe.room].name, .farms = {}, .next = now};
  for (const std::uint16_t farm : probe.farms) {
    watched.farms.push_back(
        {.index = farm, .name = description.farms[farm], .health = Health(limits_, now)});
  }
  watched.what = std::move(probe);
  probes_.push_back(std::move(watched));
}

/// A room's report is one, whatever farms are in it; of several farms that are asked in one way
/// each is asked for itself.
bool RoomWatch::is_same(const Watched& one, const Watched& other) {
  return one.room == other.room && one.what.kind == other.what.kind &&
         one.what.target == other.what.target && one.what.path == other.what.path &&
         one.what.host == other.what.host &&
         (one.what.kind == ProbeKind::report || one.farms.front().name == other.farms.front().name);
}

/// Rule 7.
void RoomWatch::take_over(const RoomWatch& before) {
  for (Watched& mine : probes_) {
    const auto old = std::ranges::find_if(
        before.probes_, [&](const Watched& other) { return is_same(mine, other); });
    if (old == before.probes_.end()) continue;
    bool all_known = true;
    for (Farm& farm : mine.farms) {
      const auto known = std::ranges::find(old->farms, farm.name, &Farm::name);
      all_known = all_known && known != old->farms.end();
      if (known == old->farms.end()) continue;
      farm.health = known->health;
      farm.health.set_limits(limits_);
      states_.at(mine.what.room, farm.index) = before.states_.at(old->what.room, known->index);
    }
    if (!all_known) continue;
    mine.answered = old->answered;
    mine.next = old->next;
    mine.in_flight = old->in_flight;
    if (old->in_flight) mine.kept = static_cast<std::uint16_t>(old - before.probes_.begin());
  }
}

std::vector<std::uint16_t> RoomWatch::take_due(Instant now) {
  std::vector<std::uint16_t> due;
  for (std::size_t i = 0; i < probes_.size(); ++i) {
    if (probes_[i].in_flight || probes_[i].next > now) continue;
    probes_[i].in_flight = true;
    due.push_back(static_cast<std::uint16_t>(i));
  }
  return due;
}

Instant RoomWatch::deadline() const {
  Instant earliest = never;
  for (const Watched& watched : probes_) {
    if (!watched.in_flight) earliest = std::min(earliest, watched.next);
  }
  return earliest;
}

void RoomWatch::feed(const Watched& watched, Farm& farm, FarmState& state,
                     const ProbeResult& result, Instant now) {
  const FarmReport* report = find_farm(result, farm.name);
  const bool reports = watched.what.kind == ProbeKind::report;
  std::string reason = result.reason;
  if (result.report && result.report->room != watched.room) {
    reason = fmt::format("the balancer says it is of room '{}'", result.report->room);
    report = nullptr;
  } else if (result.report && report == nullptr) {
    reason = fmt::format("the balancer knows no farm '{}'", farm.name);
  } else if (report != nullptr && report->usable == 0) {
    reason = no_usable_copy;
  }
  const bool passed = reports ? report != nullptr && report->usable > 0 : result.passed;
  if (!passed) state.reason = reason;
  if (report != nullptr) {
    // Its limit and queue are not read: while anybody waits the load is the limit, which is never
    // below the capacity, and so the room is known to be full.
    state.copies = report->copies;
    state.usable = report->usable;
    state.capacity = report->capacity;
    state.load = report->load;
  } else if (!reports) {
    // All that is known of such a room: it is one thing that answers or not, of unknown capacity.
    state.copies = 1;
    state.usable = passed ? 1 : 0;
  }
  farm.health.on_probe(passed, now);
  const bool draining =
      report != nullptr ? result.report->draining : state.state == RoomState::draining;
  const RoomState before = state.state;
  state.state = !farm.health.up() ? RoomState::down
                : draining        ? RoomState::draining
                                  : RoomState::up;
  if (state.state != before) state.since = now;
  state.measured = state.state;
  state.measured_since = state.since;
  state.reported_down = report != nullptr && report->usable == 0;
  if (passed && state.state != RoomState::down) state.reason.clear();
  state.holds_for = farm.health.holds_for();
  if (state.state == RoomState::draining) {
    state.holds_for = std::min(state.holds_for, limits_.interval);  // Rule 4.
  }
}

/// Rules 2 and 3. The spread is put in once, after the first probe of all, and then keeps itself.
Instant RoomWatch::next_of(std::size_t probe, bool first, Instant now) const {
  Instant next = never;
  for (const Farm& farm : probes_[probe].farms) next = std::min(next, farm.health.next_probe());
  if (!first || next < now + limits_.interval) return next;
  const auto place = static_cast<std::int64_t>(probe) + 1;
  return now + limits_.interval * place / static_cast<std::int64_t>(probes_.size());
}

void RoomWatch::note_first_round(std::vector<LogRecord>& records) {
  if (states_.complete() || !std::ranges::all_of(probes_, &Watched::answered)) return;
  states_.set_complete(true);
  std::set<std::string_view> rooms;
  std::set<std::string_view> up;
  for (const Watched& watched : probes_) {
    const auto is_up = [](const Farm& farm) { return farm.health.up(); };
    rooms.insert(watched.room);
    if (std::ranges::any_of(watched.farms, is_up)) up.insert(watched.room);
  }
  records.push_back(log_info("first-round").with("rooms", rooms.size()).with("up", up.size()));
}

std::vector<LogRecord> RoomWatch::on_result(std::uint16_t probe, const ProbeResult& result,
                                            Instant now) {
  ASSERT(probe < probes_.size());
  Watched& watched = probes_[probe];
  if (result.ours) {
    watched.in_flight = false;
    watched.next = now + limits_.fast_interval;
    return {};
  }
  const bool first = !watched.answered;
  std::vector<LogRecord> records;
  for (Farm& farm : watched.farms) {
    FarmState& state = states_.at(watched.what.room, farm.index);
    const RoomState before = state.state;
    feed(watched, farm, state, result, now);
    // A farm that starts out down is worth a line as well: it was not known before.
    if (state.state != before || (first && state.state == RoomState::down)) {
      records.push_back(describe_change(watched.room, farm.name, state));
    }
  }
  watched.answered = true;
  watched.in_flight = false;
  watched.next = next_of(probe, first, now);
  note_first_round(records);
  return records;
}

}  // namespace hither::dns
