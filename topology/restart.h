// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/rng.h"
#include "base/time.h"

namespace hither::topology {

/// How long to wait before a process that ended is started again.
struct RestartLimits {
  /// The first delay is a whole second, not less: a balancer that dies must be seen as gone by the
  /// DNS, which needs one interval and (fall - 1) fast intervals of its health rule (0.6 s in the
  /// examples). A process that came back sooner would fail its clients in between without anybody
  /// having been sent elsewhere.
  Duration first = std::chrono::seconds(1);
  Duration most = std::chrono::seconds(30);
  /// Being ready for so long forgives all earlier exits.
  Duration reset_after = std::chrono::seconds(60);
  /// Up to so much of the delay is added at random, so that what fell together does not rise
  /// together.
  double jitter = 0.25;
};

/// The restart rule of one process: exits in, delays out. The delay doubles with every exit up to
/// the most, and begins anew after a long enough time of being ready. A pure state machine.
class Restart {
 public:
  explicit Restart(const RestartLimits& limits) : limits_(limits) {}

  /// It ended after having been ready for `ready_for` (zero if it never was). Says how long to
  /// wait.
  Duration on_exit(Duration ready_for, Rng& rng);

  /// Exits in a row that have not been forgiven.
  int strikes() const { return strikes_; }

 private:
  RestartLimits limits_;
  int strikes_ = 0;
};

}  // namespace hither::topology
