// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace hither {

/// The clock that all decisions are written against. It has no now(): pure code cannot read the
/// time, it is handed instants. The one real reading is `monotonic_now()` in io/clock.h; a
/// simulation counts its own.
struct Clock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
};

using Duration = Clock::duration;
using Instant = Clock::time_point;

/// As people and JSON have it.
constexpr double in_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// Later than every instant that happens: "no deadline".
constexpr Instant never = Instant::max();

}  // namespace hither
