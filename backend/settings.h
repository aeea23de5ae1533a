// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"

namespace hither::backend {

/// How long one request takes to serve: a distribution. A plain value; pure.
struct ServiceTime {
  enum class Kind { fixed, exponential, lognormal };
  Kind kind = Kind::fixed;
  Duration mean{0};
  double sigma = 1.0;  ///< of the underlying normal; lognormal only

  /// One service time, at least zero and at most an hour.
  Duration draw(Rng& rng) const;

  friend bool operator==(const ServiceTime&, const ServiceTime&) = default;
};

/// "fixed 5ms", "exponential 20ms" or "lognormal 20ms 1.0" (mean and sigma).
[[nodiscard]] Result<ServiceTime> parse_service_time(std::string_view text);
std::string to_text(const ServiceTime& service);

/// "0.25": a share from 0 to 1, in plain decimals.
[[nodiscard]] Result<double> parse_share(std::string_view text);

/// How the stand-in server behaves. No faults: those come and go at run time (fault.h).
struct Behaviour {
  ServiceTime service;
  std::size_t concurrency = 0;   ///< requests served at once; 0: no limit
  std::size_t queue_max = 1024;  ///< further ones that wait their turn; beyond them 503
  double error_rate = 0;         ///< share of requests answered 500
  std::uint64_t seed = 1;        ///< of all draws
  std::size_t body_bytes = 0;    ///< added to every answer of the application
};

/// Who the server says it is.
struct Identity {
  std::string room;
  std::string farm;
  std::uint64_t copy = 0;
  std::int64_t pid = 0;
};

}  // namespace hither::backend
