// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace hither::lb {

/// How far a copy that comes back is on its way to its full share: its caches are cold, its
/// connections are not open yet, and what it could carry before would be too much for it now.
///
/// A copy comes back when it may be picked again after it was down by its probes, or ejected; or
/// when it joins others that serve (expect()). What is first up at the balancer's own start begins
/// with everything: all copies are as cold, or as warm, as they were before it. But one that is not
/// up within the time it may take to be ready was down, and comes back.
///
/// The share grows in a straight line from 0 to 1 over the farm's `slow_start` (HAProxy's rule, and
/// Envoy's with aggression 1). While a copy is out its share is 0 already, so that there is no
/// moment in which it is back with more than it should have. Pure; one owner, who steps it a few
/// times a second: an absence that begins and ends between two steps is none.
class SlowStart {
 public:
  struct Rule {
    Duration length{};  ///< of a ramp; zero: nothing ramps, and a ramp under way ends
    Duration ready_timeout = std::chrono::seconds(10);
  };

  /// It joins others that serve: its first time up is a return.
  void expect();
  /// It is up, perhaps for so short that no step() sees it: then its next time is a return.
  void came_up();
  /// `usable`: it may be picked.
  void step(bool usable, const Rule& rule, Instant now);

  /// From 0 to 1, as of the last step().
  double share() const { return share_; }
  bool ramping() const { return phase_ == Phase::ramping; }

  /// For another process: how long its ramp has been under way; zero while it is out and will ramp
  /// once it is back. nullopt: there is none.
  std::optional<Duration> ramped(Instant now) const;
  /// That of another process: it goes on from there, or, if it is out at the next step(), begins
  /// anew once it is back.
  void inherit(Duration ramped, Instant now);

 private:
  enum class Phase : std::uint8_t {
    unseen,   ///< not stepped yet
    fresh,    ///< it was never up, since began_, and need not ramp when it is
    full,     ///< it has all of its share
    out,      ///< it may not be picked, and ramps once it may
    ramping,  ///< since began_
  };

  Phase phase_ = Phase::unseen;
  double share_ = 1;
  Instant began_{};
};

/// A weight for that share: down to whole tenths of the share, but at least one. So a ramp changes
/// a weight at most ten times, for each change of it has every thread build its tables anew
/// (lb/maglev_table.h); and a copy of a tenth is heard of often enough to be judged. Never 0,
/// unless the weight is.
std::uint32_t ramped_weight(std::uint32_t weight, double share);
/// Anything else that is counted in requests at once: down to a whole number, at least 1. 0, which
/// is none, stays 0.
std::uint32_t ramped_limit(std::uint32_t limit, double share);

}  // namespace hither::lb
