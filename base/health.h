// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace hither {

/// How something is probed, and how many results in a row it takes to believe a change. The
/// interval is used while results agree with the state, the fast interval while they do not (and
/// before the first belief), so that detection takes at most `interval + (fall - 1) *
/// fast_interval` plus one timeout. What has been down for good may be asked less often.
struct HealthLimits {
  Duration interval = std::chrono::seconds(1);
  Duration fast_interval = std::chrono::milliseconds(100);
  Duration timeout = std::chrono::milliseconds(800);
  int fall = 3;              ///< failures in a row that take it down
  int rise = 2;              ///< passes in a row that bring it back up
  Duration down_interval{};  ///< instead of `interval` while it is down; 0: no other than that

  friend bool operator==(const HealthLimits&, const HealthLimits&) = default;
};

/// Turns probe results into up or down. A pure state machine over values: no clock, no I/O, one
/// owner, used by the DNS for rooms and by the balancer for copies.
///
/// The first observed state is down until the first pass, and that one pass is enough: `rise`
/// guards against flapping, and what has never been up cannot flap. A single first failure is
/// enough to have been observed (`known()`), so that a service can wait for a full first round of
/// probes.
class Health {
 public:
  enum class State { down, up };
  struct Change {
    State from;
    State to;
    Instant at;
  };

  explicit Health(const HealthLimits& limits, Instant now)
      : limits_(limits), next_probe_(now), since_(now) {}

  /// Feeds one probe result; says if the state changed. Sets next_probe().
  std::optional<Change> on_probe(bool passed, Instant now);

  /// New limits keep the state and the count.
  void set_limits(const HealthLimits& limits) { limits_ = limits; }

  State state() const { return state_; }
  bool up() const { return state_ == State::up; }
  /// Has any result been seen?
  bool known() const { return known_; }
  /// When the present state began.
  Instant since() const { return since_; }
  /// When the next probe should be sent.
  Instant next_probe() const { return next_probe_; }
  /// The shortest time in which the state can still change from now on: an upper bound for an
  /// honest DNS TTL (gdnsd's rule: interval x probes until it can change).
  Duration holds_for() const;

 private:
  int needed() const;
  Duration steady_interval() const;

  HealthLimits limits_;
  Instant next_probe_;
  Instant since_;
  State state_ = State::down;
  bool known_ = false;
  bool ever_up_ = false;
  int against_ = 0;  ///< results in a row that contradict the state
};

constexpr std::string_view to_text(Health::State state) {
  return state == Health::State::up ? "up" : "down";
}

}  // namespace hither
