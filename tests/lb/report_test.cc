// SPDX-License-Identifier: Apache-2.0
#include "lb/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lb/picker.h"
#include "tests/lb/start.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

class Report : public testing::Test {
 protected:
  Report()
      : farm_(make_farm(2)),
        prober_(HealthLimits{}, 2, start),
        outliers_(farm_->settings().outlier, 2) {
    farm_->set_usable(1, false);
    prober_.due(start);
    prober_.on_result(0, {.passed = true, .reason = {}}, start + 1s);
    prober_.on_result(1, {.passed = false, .reason = "Connection refused"}, start + 1s);
    views_.push_back({.farm = farm_.get(), .prober = &prober_, .outliers = &outliers_});
    room_ = {.room = "fra", .draining = false, .farms = views_};
  }

  std::unique_ptr<Farm> farm_;
  Prober prober_;
  Outliers outliers_;
  std::vector<FarmView> views_;
  RoomView room_;
};

TEST_F(Report, SaysWhatTheDnsNeeds) {
  EXPECT_EQ(to_json(make_report(room_, start)),
            R"({"room":"fra","draining":false,"farms":[)"
            R"({"farm":"web","copies":2,"usable":1,"capacity":100,"load":0,)"
            R"("limit":0,"waiting":0,"wait_ms":0}]})");
}

TEST_F(Report, ServesWhileEveryFarmHasACopy) {
  EXPECT_TRUE(is_serving(make_report(room_, start)));

  farm_->set_usable(0, false);

  EXPECT_FALSE(is_serving(make_report(room_, start)));
}

TEST_F(Report, StatusTellsEachCopysStateAndWhyItFailed) {
  Picker picker(*farm_, 0, 1);
  const Lease lease = picker.pick();
  lease.totals().results[2].add(7);

  const auto status = nlohmann::json::parse(to_status_json(room_, start + 5s));

  const auto& servers = status["farms"][0]["servers"];
  EXPECT_EQ(servers[0]["name"], "web-1");
  EXPECT_EQ(servers[0]["state"], "up");
  EXPECT_EQ(servers[0]["since_s"], 4.0);
  EXPECT_EQ(servers[0]["in_flight"], 1);
  EXPECT_EQ(servers[0]["results"]["2xx"], 7);
  EXPECT_FALSE(servers[0].contains("last_failure"));
  EXPECT_EQ(servers[1]["state"], "down");
  EXPECT_EQ(servers[1]["last_failure"], "Connection refused");
}

TEST_F(Report, StatusTellsHowTheFarmIsBalanced) {
  farm_->set_weight(1, 20);
  Picker(*farm_, 0, 1).pick({}, start).took(start + 250ms);

  const auto farm = nlohmann::json::parse(to_status_json(room_, start + 250ms))["farms"][0];

  EXPECT_EQ(farm["balance"], "round-robin");
  EXPECT_EQ(farm["hash"], "");
  EXPECT_EQ(farm["sticky"], "");
  EXPECT_EQ(farm["servers"][0]["weight"], 100);
  EXPECT_EQ(farm["servers"][1]["weight"], 20);
  EXPECT_NEAR(farm["servers"][0]["response_s"].get<double>(), 0.25, 0.001);
}

TEST_F(Report, MetricsNameEachServerAndResult) {
  farm_->server(0).totals(0).results[5].add(3);

  const Metrics metrics = make_metrics(room_);

  ASSERT_EQ(metrics[0].name, "hither_lb_requests_total");
  double errors = 0;
  for (const MetricSample& sample : metrics[0].samples) {
    if (sample.labels.back().second == "5xx") errors += sample.value;
  }
  EXPECT_EQ(errors, 3);
}

TEST_F(Report, MetricsCountWhatClientsAskedOfFarmAndRoom) {
  farm_->totals(0).requests.add(4);
  farm_->totals(0).requests.add(5);

  const Metrics metrics = make_metrics(room_);

  for (const char* name : {"hither_lb_farm_requests_total", "hither_lb_room_requests_total"}) {
    const auto found = std::ranges::find(metrics, name, &MetricFamily::name);
    ASSERT_NE(found, metrics.end()) << name;
    ASSERT_EQ(found->samples.size(), 1U) << name;
    EXPECT_EQ(found->samples[0].value, 9) << name;
  }
}

}  // namespace
}  // namespace hither::lb::test
