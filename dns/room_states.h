// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "topology/description.h"

namespace hither::dns {

enum class RoomState { down, draining, up };

/// A drain that takes time: the room's share falls from all to none. What an answer does with it is
/// dns/drain.h.
struct DrainRamp {
  Instant since;
  Duration over{};  ///< 0: at once

  friend bool operator==(const DrainRamp&, const DrainRamp&) = default;
};

/// What is believed of one farm in one room. Answers go by `state`; the rest says where it comes
/// from: what the probes measured, unless the guard holds an older state (dns/guard.h), unless an
/// operator has said otherwise (dns/overrides.h).
struct FarmState {
  bool runs = false;  ///< false: the room does not run this farm, nothing below means anything
  RoomState state = RoomState::down;
  Instant since;                         ///< when that state began
  RoomState measured = RoomState::down;  ///< by the probes alone
  Instant measured_since;
  bool reported_down = false;       ///< the room's own balancer said so last, so no guard doubts it
  bool held = false;                ///< the guard does not believe that it is down
  std::optional<RoomState> forced;  ///< an operator's word
  std::optional<DrainRamp> drain;   ///< where `forced` is draining: since when, over how long
  std::string reason;               ///< of the last failed probe; a pass that finds it up clears it
  std::int64_t copies = 0;
  std::int64_t usable = 0;
  std::int64_t capacity = 0;  ///< as the balancer last said
  std::int64_t load = 0;
  /// The shortest time in which the state can change (Health::holds_for).
  Duration holds_for{};

  friend bool operator==(const FarmState&, const FarmState&) = default;
};

/// The state of every farm in every room at one moment, as a value: made by RoomWatch, read by the
/// view, by explain and by status pages. Never changed once it is shared.
class RoomStates {
 public:
  RoomStates() = default;
  RoomStates(std::size_t rooms, std::size_t farms) : farms_(farms), states_(rooms * farms) {}

  /// Indexes are those of Description::rooms and Description::farms.
  const FarmState& at(std::size_t room, std::size_t farm) const {
    return states_[room * farms_ + farm];
  }
  FarmState& at(std::size_t room, std::size_t farm) { return states_[room * farms_ + farm]; }

  /// Are states of this farm held because too many rooms failed at once? Answers from them may be
  /// stale (RFC 8914 s4.4).
  bool stale(std::size_t farm) const { return (stale_ >> farm & 1U) != 0; }
  void set_stale(std::size_t farm, bool stale) {
    const std::uint64_t bit = std::uint64_t{1} << farm;
    stale_ = stale ? stale_ | bit : stale_ & ~bit;
  }

  /// Has every room been probed once? Steered names are not answered before.
  bool complete() const { return complete_; }
  void set_complete(bool complete) { complete_ = complete; }

  friend bool operator==(const RoomStates&, const RoomStates&) = default;

 private:
  std::size_t farms_ = 0;
  std::vector<FarmState> states_;
  std::uint64_t stale_ = 0;  ///< one bit per farm
  bool complete_ = false;
};
static_assert(topology::farms_max <= 64);

constexpr std::string_view to_text(RoomState state) {
  switch (state) {
    case RoomState::down:
      return "down";
    case RoomState::draining:
      return "draining";
    case RoomState::up:
      return "up";
  }
  return "down";
}

}  // namespace hither::dns
