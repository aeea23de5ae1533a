// SPDX-License-Identifier: Apache-2.0
#include "lb/report_times.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

/// Two copies of one farm in a room; the first one has answered in 3 ms.
class ReportTimes : public testing::Test {
 protected:
  explicit ReportTimes(topology::Mode mode = topology::Mode::http) : farm_(make(mode)) {
    for (Timings* times : {&farm_->totals(0).timings, &farm_->server(0).totals(0).timings}) {
      times->add(Stage::response, 3ms);
      times->add(Stage::total, 5ms);
    }
    room_ = {.room = "fra", .draining = false, .farms = views_};
  }

  static std::unique_ptr<Farm> make(topology::Mode mode) {
    topology::Farm settings = round_robin_farm();
    settings.mode = mode;
    return make_farm(2, settings);
  }

  const MetricFamily* family(const std::string& name) {
    add_times(room_, metrics_);
    const auto found = std::ranges::find(metrics_, name, &MetricFamily::name);
    return found == metrics_.end() ? nullptr : &*found;
  }

  std::unique_ptr<Farm> farm_;
  Prober prober_{HealthLimits{}, 2, Instant{}};
  Outliers outliers_{farm_->settings().outlier, 2};
  std::vector<FarmView> views_{{.farm = farm_.get(), .prober = &prober_, .outliers = &outliers_}};
  RoomView room_;
  Metrics metrics_;
};

class ReportTimesOfTcp : public ReportTimes {
 protected:
  ReportTimesOfTcp() : ReportTimes(topology::Mode::tcp) {}
};

/// How many samples the bucket with this upper edge holds, with all below; -1: there is no such.
int up_to(const MetricSample& sample, double edge) {
  for (const MetricBucket& bucket : sample.buckets) {
    if (std::abs(bucket.up_to - edge) < 1e-9) return static_cast<int>(bucket.count);
  }
  return -1;
}

TEST_F(ReportTimes, RoomAndFarmHaveFourStepsToADoublingAndACopyHasTwo) {
  for (const char* name : {"hither_lb_room_response_seconds", "hither_lb_response_seconds"}) {
    const MetricFamily* fine = family(name);
    ASSERT_NE(fine, nullptr) << name;
    ASSERT_EQ(fine->samples.size(), 1U);
    const MetricSample& sample = fine->samples[0];
    EXPECT_EQ(sample.buckets.size(), 70U);
    EXPECT_EQ(up_to(sample, 0.0025), 0);
    EXPECT_EQ(up_to(sample, 0.003), 1);
    EXPECT_EQ(up_to(sample, 0.0035), 1);
    EXPECT_EQ(up_to(sample, 32.768), 1);
    EXPECT_EQ(sample.buckets.back().count, 1U);
    EXPECT_DOUBLE_EQ(sample.value, 0.003);
  }

  const MetricFamily* servers = family("hither_lb_server_response_seconds");
  ASSERT_NE(servers, nullptr);
  ASSERT_EQ(servers->samples.size(), 2U);
  EXPECT_EQ(servers->samples[0].buckets.size(), 30U);
  EXPECT_EQ(up_to(servers->samples[0], 0.0025), -1);
  EXPECT_EQ(up_to(servers->samples[0], 0.002), 0);
  EXPECT_EQ(up_to(servers->samples[0], 0.003), 1);
  EXPECT_EQ(servers->samples[1].buckets.back().count, 0U);
}

TEST_F(ReportTimes, ARoomIsAllOfItsFarms) {
  const std::unique_ptr<Farm> other = make(topology::Mode::tcp);
  other->totals(0).timings.add(Stage::total, 9ms);
  views_.push_back({.farm = other.get(), .prober = &prober_, .outliers = &outliers_});
  room_.farms = views_;

  const MetricFamily* requests = family("hither_lb_room_request_seconds");
  ASSERT_NE(requests, nullptr);
  ASSERT_EQ(requests->samples.size(), 1U);
  EXPECT_EQ(requests->samples[0].buckets.back().count, 2U);
  EXPECT_DOUBLE_EQ(requests->samples[0].value, 0.014);
}

TEST_F(ReportTimesOfTcp, HasNoResponses) {
  EXPECT_TRUE(family("hither_lb_room_response_seconds")->samples.empty());
  EXPECT_TRUE(family("hither_lb_response_seconds")->samples.empty());
  EXPECT_TRUE(family("hither_lb_server_response_seconds")->samples.empty());
  EXPECT_EQ(family("hither_lb_request_seconds")->samples.size(), 1U);
}

TEST_F(ReportTimes, StatusHasQuantilesOfFarmCopyAndRoom) {
  const auto status = nlohmann::json::parse(to_status_json(room_, Instant(1h)));

  for (const auto& times :
       {status["times"], status["farms"][0]["times"], status["farms"][0]["servers"][0]["times"]}) {
    EXPECT_EQ(times["response"]["count"], 1);
    EXPECT_NEAR(times["response"]["p50_ms"].get<double>(), 3, 3.0 / 16);
    EXPECT_NEAR(times["total"]["p99_ms"].get<double>(), 5, 5.0 / 16);
    EXPECT_TRUE(times["queue"]["p90_ms"].is_null());
  }
  EXPECT_EQ(status["farms"][0]["servers"][1]["times"]["response"]["count"], 0);
}

}  // namespace
}  // namespace hither::lb::test
