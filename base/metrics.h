// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hither {

/// What a program shows at /metrics, as plain values: a driver fills families from its own
/// per-thread counters when it is asked, io/admin prints them in the Prometheus text format. Names
/// start with `hither_`, carry their unit last (`_seconds`, `_bytes`) and end in `_total` if they
/// only grow.
struct MetricSample {
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
};

struct MetricFamily {
  enum class Type { counter, gauge };
  std::string name;
  std::string help;
  Type type = Type::counter;
  std::vector<MetricSample> samples;
};

using Metrics = std::vector<MetricFamily>;

}  // namespace hither
