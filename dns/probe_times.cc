// SPDX-License-Identifier: Apache-2.0
#include "dns/probe_times.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace hither::dns {

void ProbeTimes::add(const std::string& room, Duration took) {
  const auto holds = [took](int bound) { return took <= std::chrono::milliseconds(bound); };
  const auto place = std::ranges::find_if(bounds_ms, holds) - bounds_ms.begin();
  Times& times = rooms_[room];
  ++times.counts[static_cast<std::size_t>(place)];
  times.sum += took;
}

MetricFamily ProbeTimes::to_metric() const {
  MetricFamily family{.name = "hither_dns_probe_seconds",
                      .help = "How long probes of the room took, failed ones too.",
                      .type = MetricFamily::Type::histogram,
                      .samples = {}};
  for (const auto& [room, times] : rooms_) {
    MetricSample sample{.labels = {{"room", room}}};
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < times.counts.size(); ++i) {
      so_far += times.counts[i];
      const double bound =
          i < bounds_ms.size() ? bounds_ms[i] / 1000.0 : std::numeric_limits<double>::infinity();
      sample.buckets.push_back({.up_to = bound, .count = so_far});
    }
    sample.value = std::chrono::duration<double>(times.sum).count();
    family.samples.push_back(std::move(sample));
  }
  return family;
}

}  // namespace hither::dns
