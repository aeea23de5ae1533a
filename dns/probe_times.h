// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "base/histogram.h"
#include "base/metrics.h"
#include "base/time.h"

namespace hither::dns {

/// How long the probes of each room took, those that failed too: a histogram per room, by name, so
/// that a reload does not forget it. Pure; one owner (the control thread).
class ProbeTimes {
 public:
  void add(const std::string& room, Duration took) { rooms_[room].add(took); }
  /// hither_dns_probe_seconds, by room, in steps of two from 1 ms to 4 s.
  MetricFamily to_metric() const;

 private:
  std::map<std::string, Histogram> rooms_;
};

}  // namespace hither::dns
