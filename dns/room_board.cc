// SPDX-License-Identifier: Apache-2.0
#include "dns/room_board.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"

namespace hither::dns {
namespace {

std::optional<std::size_t> index_of(const std::vector<std::string>& names,
                                    const std::string& name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

bool same(const Forcing& one, const Forcing& other) {
  return one.room == other.room && one.farm == other.farm && one.kind == other.kind &&
         one.over == other.over;
}

}  // namespace

RoomBoard::RoomBoard(const topology::Description& description, Instant now, const RoomBoard* before)
    : rooms_(topology::room_names(description)),
      farms_(description.farms),
      rule_(description.dns.guard),
      interval_(description.dns.health.interval),
      watch_(description, now, before != nullptr ? &before->watch_ : nullptr),
      states_(watch_.states()) {
  std::vector<std::optional<std::size_t>> old_rooms(rooms_.size());
  for (std::size_t i = 0; before != nullptr && i < rooms_.size(); ++i) {
    old_rooms[i] = index_of(before->rooms_, rooms_[i]);
  }
  for (const std::string& farm : farms_) {
    const auto old = before != nullptr ? index_of(before->farms_, farm) : std::nullopt;
    guards_.push_back(old ? before->guards_[*old].moved_to(rule_, old_rooms)
                          : RoomGuard(rule_, rooms_.size()));
  }
  if (before == nullptr) return;
  holds_ = before->holds_;
  for (Forcing one : before->forcings_) {
    const auto room = index_of(rooms_, before->rooms_[one.room]);
    const auto farm = index_of(farms_, before->farms_[one.farm]);
    if (!room || !farm) continue;
    one.room = static_cast<std::uint16_t>(*room);
    one.farm = static_cast<std::uint16_t>(*farm);
    forcings_.push_back(std::move(one));
  }
}

Instant RoomBoard::deadline() const {
  Instant earliest = watch_.deadline();
  for (const RoomGuard& guard : guards_) earliest = std::min(earliest, guard.deadline());
  return earliest;
}

std::vector<LogRecord> RoomBoard::on_result(std::uint16_t probe, const ProbeResult& result,
                                            Instant now) {
  auto records = watch_.on_result(probe, result, now);
  settle(records, now);
  return records;
}

std::vector<LogRecord> RoomBoard::on_time(Instant now) {
  std::vector<LogRecord> records;
  settle(records, now);
  return records;
}

std::vector<LogRecord> RoomBoard::set_overrides(std::vector<Forcing> forcings, Instant now) {
  std::swap(forcings_, forcings);
  auto records = describe(forcings);
  settle(records, now);
  return records;
}

void RoomBoard::settle(std::vector<LogRecord>& records, Instant now) {
  states_ = watch_.states();
  std::vector<RoomGuard::Seen> seen(rooms_.size());
  for (std::size_t f = 0; f < farms_.size(); ++f) {
    for (std::size_t r = 0; r < rooms_.size(); ++r) {
      const auto forced = std::ranges::any_of(
          forcings_, [&](const Forcing& one) { return one.room == r && one.farm == f; });
      const FarmState& state = states_.at(r, f);
      seen[r] = {.counts = state.runs && !forced,
                 .measured = state.measured,
                 .reported = state.reported_down};
    }
    const Guard::Change change = guards_[f].step(seen, now);
    if (change == Guard::Change::begins) ++holds_;
    if (change != Guard::Change::none) records.push_back(describe(f, change));
    states_.set_stale(f, guards_[f].holding());
    for (std::size_t r = 0; r < rooms_.size(); ++r) {
      const auto held = guards_[f].held(r);
      if (!held) continue;
      FarmState& state = states_.at(r, f);
      state.held = true;
      state.state = *held;
      state.holds_for = std::min(state.holds_for, interval_);
    }
  }
  apply_overrides(forcings_, states_);
}

LogRecord RoomBoard::describe(std::size_t farm, Guard::Change change) const {
  const bool begins = change == Guard::Change::begins;
  LogRecord record = begins ? log_error("guard-holds") : log_warning("guard-ends");
  record.with("farm", farms_[farm]);
  if (begins) {
    record.with("rooms", guards_[farm].rooms_held())
        .with("for", hither::to_text(rule_.hold))
        .with("reason", "most rooms failed at once; answers go by the states from before");
  } else {
    record.with("reason", change == Guard::Change::ends_time_over
                              ? "its time is over; the probes are believed"
                              : "the rooms that fail are no longer most");
  }
  return record;
}

std::vector<LogRecord> RoomBoard::describe(const std::vector<Forcing>& old) const {
  std::vector<LogRecord> records;
  const auto lacks = [](const std::vector<Forcing>& all, const Forcing& one) {
    return std::ranges::none_of(all, [&](const Forcing& other) { return same(one, other); });
  };
  for (const Forcing& one : forcings_) {
    if (!lacks(old, one)) continue;
    LogRecord record = log_warning("override");
    record.with("room", rooms_[one.room]).with("farm", farms_[one.farm]);
    record.with("state", topology::to_text(one.kind));
    if (one.over > Duration{}) record.with("over", hither::to_text(one.over));
    if (!one.reason.empty()) record.with("reason", one.reason);
    records.push_back(std::move(record));
  }
  for (const Forcing& one : old) {
    const bool replaced = std::ranges::any_of(forcings_, [&](const Forcing& other) {
      return other.room == one.room && other.farm == one.farm;
    });
    if (replaced) continue;
    records.push_back(
        log_info("override-ends").with("room", rooms_[one.room]).with("farm", farms_[one.farm]));
  }
  return records;
}

}  // namespace hither::dns
