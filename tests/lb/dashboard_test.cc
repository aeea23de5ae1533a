// SPDX-License-Identifier: Apache-2.0
//
// docs/grafana/hither-lb.json beside the metrics that the status pages really show.
#include <gtest/gtest.h>

#include "lb/report.h"
#include "tests/lb/story.h"
#include "tests/support/dashboard.h"

namespace hither::lb::test {
namespace {

TEST(Dashboard, ShowsEveryMetricThatThereIsAndNoOther) {
  const auto farm = make_farm(1);
  const Prober prober(HealthLimits{}, 1, Instant{});
  const Outliers outliers(farm->settings().outlier, 1);
  const FarmView views[] = {{.farm = farm.get(), .prober = &prober, .outliers = &outliers}};
  const ReloadReport reloads;
  const RoomView room{.room = "fra", .draining = false, .farms = views, .reloads = &reloads};

  hither::test::expect_dashboard_shows(HITHER_SOURCE_DIR "/docs/grafana/hither-lb.json",
                                       make_metrics(room));
}

}  // namespace
}  // namespace hither::lb::test
