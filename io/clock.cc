// SPDX-License-Identifier: Apache-2.0
#include "io/clock.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <ctime>

namespace hither::io {

Instant monotonic_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

std::uint32_t unix_seconds() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME_COARSE, &time);
  return static_cast<std::uint32_t>(time.tv_sec);
}

std::string wall_clock_text() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(time.tv_sec),
                     time.tv_nsec / 1'000'000);
}

std::string wall_clock_text(Instant when) {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  const auto wall = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec) -
                    (monotonic_now() - when);
  const auto whole = std::chrono::floor<std::chrono::seconds>(wall);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::time_t{whole.count()}),
                     (wall - whole) / std::chrono::milliseconds(1));
}

std::chrono::sys_seconds wall_now() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return std::chrono::sys_seconds(std::chrono::seconds(time.tv_sec));
}

Duration wall_offset() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  const Instant now = monotonic_now();
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec) -
         now.time_since_epoch();
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) {
    seed = static_cast<std::uint64_t>(monotonic_now().time_since_epoch().count());
  }
  return seed;
}

}  // namespace hither::io
