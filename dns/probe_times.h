// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "base/metrics.h"
#include "base/time.h"

namespace hither::dns {

/// How long the probes of each room took, those that failed too: a histogram per room, by name, so
/// that a reload does not forget it. Pure; one owner (the control thread).
class ProbeTimes {
 public:
  /// Upper bounds in milliseconds; a last one has none.
  static constexpr std::array<int, 11> bounds_ms = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000};

  void add(const std::string& room, Duration took);
  /// hither_dns_probe_seconds, by room.
  MetricFamily to_metric() const;

 private:
  struct Times {
    std::array<std::uint64_t, bounds_ms.size() + 1> counts{};  ///< by the first bound that holds
    Duration sum{};
  };
  std::map<std::string, Times> rooms_;
};

}  // namespace hither::dns
