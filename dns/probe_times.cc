// SPDX-License-Identifier: Apache-2.0
#include "dns/probe_times.h"

#include <vector>

namespace hither::dns {

MetricFamily ProbeTimes::to_metric() const {
  const std::vector<Duration> edges = edges_from(std::chrono::milliseconds(1), 2, 13);
  MetricFamily family{.name = "hither_dns_probe_seconds",
                      .help = "How long probes of the room took, failed ones too.",
                      .type = MetricFamily::Type::histogram,
                      .samples = {}};
  for (const auto& [room, times] : rooms_) {
    HistogramView view;
    times.read_into(view);
    family.samples.push_back(to_sample(view, edges, {{"room", room}}));
  }
  return family;
}

}  // namespace hither::dns
