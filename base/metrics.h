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
/// How many values were at most `up_to`; the last bucket's is infinite and counts all.
struct MetricBucket {
  double up_to = 0;
  std::uint64_t count = 0;
};

struct MetricSample {
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;                        ///< of a histogram: the sum
  std::vector<MetricBucket> buckets = {};  ///< of a histogram
};

struct MetricFamily {
  enum class Type { counter, gauge, histogram };
  std::string name;
  std::string help;
  Type type = Type::counter;
  std::vector<MetricSample> samples;
};

using Metrics = std::vector<MetricFamily>;

}  // namespace hither
