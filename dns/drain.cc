// SPDX-License-Identifier: Apache-2.0
#include "dns/drain.h"

#include <algorithm>

#include "base/assert.h"
#include "dns/shares.h"

namespace hither::dns {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A tenth of the shorter of TTL and ramp: few queries more, and a client follows soon enough.
Duration lowered_ttl(Duration ttl, Duration over) {
  return std::max<Duration>(std::min(ttl, over) / 10, seconds(1));
}

constexpr int ramp_steps = 1000;
constexpr Duration step_least = milliseconds(100);

}  // namespace

Instant drain_end(const DrainRamp& ramp, Duration ttl) {
  return ramp.over <= Duration{} ? ramp.since : ramp.since + ttl + ramp.over;
}

DrainProgress drain_progress(const DrainRamp& ramp, Duration ttl, Instant now) {
  ASSERT(ttl > Duration{});
  DrainProgress progress;
  if (now >= drain_end(ramp, ttl)) {
    progress.drained = RoomShare::all;
    return progress;
  }
  progress.ttl_most = lowered_ttl(ttl, ramp.over);
  const Instant begin = ramp.since + ttl;
  if (now < begin) {
    progress.phase = DrainPhase::lead;
    progress.next = begin;
    return progress;
  }
  progress.phase = DrainPhase::ramp;
  const double part = std::chrono::duration<double>(now - begin) / ramp.over;
  progress.drained = static_cast<std::uint64_t>(part * static_cast<double>(RoomShare::all));
  progress.next =
      std::min(now + std::max<Duration>(ramp.over / ramp_steps, step_least), drain_end(ramp, ttl));
  return progress;
}

}  // namespace hither::dns
