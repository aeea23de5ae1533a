// SPDX-License-Identifier: Apache-2.0
#include "dns/room_watch.h"

#include <algorithm>

#include "base/assert.h"

namespace hither::dns {
namespace {

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

ProbeResult read_probe(int status, std::string_view body, std::string_view error) {
  if (status == 0) return {.report = std::nullopt, .reason = std::string(error)};
  auto report = parse_room_report(body);
  if (report) return {.report = std::move(*report), .reason = {}};
  return {.report = std::nullopt,
          .reason = fmt::format("status {}: {}", status, report.error().message)};
}

RoomWatch::RoomWatch(const topology::Description& description, Instant now)
    : limits_(description.dns.health), states_(description.rooms.size(), description.farms.size()) {
  for (std::size_t r = 0; r < description.rooms.size(); ++r) {
    const topology::Room& from = description.rooms[r];
    Room room{.name = from.name, .farms = {}, .next_probe = now};
    for (std::size_t f = 0; f < description.farms.size(); ++f) {
      if (from.find_farm(description.farms[f]) == nullptr) continue;
      room.farms.push_back({.index = static_cast<std::uint16_t>(f),
                            .name = description.farms[f],
                            .health = Health(limits_, now)});
      states_.at(r, f).runs = true;
      states_.at(r, f).since = now;
    }
    room.probed = room.farms.empty();  // Nothing to ask about.
    if (room.farms.empty()) room.next_probe = never;
    rooms_.push_back(std::move(room));
  }
  states_.set_complete(std::ranges::all_of(rooms_, &Room::probed));
}

std::vector<std::uint16_t> RoomWatch::take_due(Instant now) {
  std::vector<std::uint16_t> due;
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    if (rooms_[i].in_flight || rooms_[i].next_probe > now) continue;
    rooms_[i].in_flight = true;
    due.push_back(static_cast<std::uint16_t>(i));
  }
  return due;
}

Instant RoomWatch::deadline() const {
  Instant earliest = never;
  for (const Room& room : rooms_) {
    if (!room.in_flight) earliest = std::min(earliest, room.next_probe);
  }
  return earliest;
}

void RoomWatch::feed(const Room& room, Farm& farm, FarmState& state, const ProbeResult& result,
                     Instant now) {
  const FarmReport* report = find_farm(result, farm.name);
  std::string reason = result.reason;
  if (result.report && result.report->room != room.name) {
    reason = fmt::format("the balancer says it is of room '{}'", result.report->room);
    report = nullptr;
  } else if (result.report && report == nullptr) {
    reason = fmt::format("the balancer knows no farm '{}'", farm.name);
  } else if (report != nullptr && report->usable == 0) {
    reason = no_usable_copy;
  }
  const bool passed = report != nullptr && report->usable > 0;
  if (!passed) state.reason = reason;
  if (report != nullptr) {
    state.copies = report->copies;
    state.usable = report->usable;
    state.capacity = report->capacity;
    state.load = report->load;
  }
  farm.health.on_probe(passed, now);
  const bool draining =
      report != nullptr ? result.report->draining : state.state == RoomState::draining;
  const RoomState before = state.state;
  state.state = !farm.health.up() ? RoomState::down
                : draining        ? RoomState::draining
                                  : RoomState::up;
  if (state.state != before) state.since = now;
  if (passed && state.state != RoomState::down) state.reason.clear();
  state.holds_for = farm.health.holds_for();
  if (state.state == RoomState::draining) {
    state.holds_for = std::min(state.holds_for, limits_.interval);  // Rule 4.
  }
}

/// Rules 2 and 3. The spread is put in once, after the first probe of all, and then keeps itself.
Instant RoomWatch::next_probe_of(std::size_t room, bool first, Instant now) const {
  Instant next = never;
  for (const Farm& farm : rooms_[room].farms) next = std::min(next, farm.health.next_probe());
  if (!first || next < now + limits_.interval) return next;
  const auto place = static_cast<std::int64_t>(room) + 1;
  return now + limits_.interval * place / static_cast<std::int64_t>(rooms_.size());
}

void RoomWatch::note_first_round(std::vector<LogRecord>& records) {
  if (states_.complete() || !std::ranges::all_of(rooms_, &Room::probed)) return;
  states_.set_complete(true);
  std::size_t up = 0;
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    const auto is_up = [](const Farm& farm) { return farm.health.up(); };
    if (std::ranges::any_of(rooms_[i].farms, is_up)) ++up;
  }
  records.push_back(log_info("first-round").with("rooms", rooms_.size()).with("up", up));
}

std::vector<LogRecord> RoomWatch::on_result(std::uint16_t room, const ProbeResult& result,
                                            Instant now) {
  ASSERT(room < rooms_.size());
  Room& probed = rooms_[room];
  const bool first = !probed.probed;
  std::vector<LogRecord> records;
  for (Farm& farm : probed.farms) {
    FarmState& state = states_.at(room, farm.index);
    const RoomState before = state.state;
    feed(probed, farm, state, result, now);
    // A farm that starts out down is worth a line as well: it was not known before.
    if (state.state != before || (first && state.state == RoomState::down)) {
      records.push_back(describe_change(probed.name, farm.name, state));
    }
  }
  probed.probed = true;
  probed.in_flight = false;
  probed.next_probe = next_probe_of(room, first, now);
  note_first_round(records);
  return records;
}

}  // namespace hither::dns
