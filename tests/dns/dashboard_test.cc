// SPDX-License-Identifier: Apache-2.0
//
// docs/grafana/hither-dns.json beside the metrics that the status pages really show.
#include <gtest/gtest.h>

#include "dns/status.h"
#include "tests/dns/support.h"
#include "tests/support/dashboard.h"

namespace hither::dns {
namespace {

TEST(Dashboard, ShowsEveryMetricThatThereIsAndNoOther) {
  const testing::World world;
  const Settings settings{.description = world.description()};
  const RoomStates states = world.states();
  const auto snapshot = world.snapshot();
  const ProbeTimes probe_times;
  const Notifier notifier(1);
  const Counters counters;
  const std::vector<const Counters*> threads = {&counters};
  const Metrics metrics = status_metrics({.settings = settings,
                                          .rooms = states,
                                          .shares = {},
                                          .directory = snapshot->directory.get(),
                                          .probe_times = &probe_times,
                                          .notifier = &notifier,
                                          .threads = threads,
                                          .databases = {},
                                          .started = {},
                                          .now = {}});

  test::expect_dashboard_shows(HITHER_SOURCE_DIR "/docs/grafana/hither-dns.json", metrics);
}

}  // namespace
}  // namespace hither::dns
