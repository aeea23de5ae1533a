// SPDX-License-Identifier: Apache-2.0
#include "lb/report_probes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/lb/start.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

constexpr GuardRule guard{.percent = 50, .members = 2, .window = 2s, .hold = 10s};

/// Two servers: web-1 is described by a name, web-2 by its address.
class ReportProbes : public testing::Test {
 protected:
  ReportProbes()
      : farm_(make_farm(2)),
        prober_({.interval = 1s, .fast_interval = 100ms, .timeout = 800ms, .fall = 1, .rise = 1}, 2,
                start, guard),
        outliers_(farm_->settings().outlier, 2),
        name_("web.internal", start) {
    views_.push_back({.farm = farm_.get(),
                      .prober = &prober_,
                      .outliers = &outliers_,
                      .name = [this](std::size_t server) -> const NameWatch* {
                        return server == 0 ? &name_ : nullptr;
                      }});
    room_ = {.room = "fra", .draining = false, .farms = views_};
  }

  void probe(const ProbeResult& result, Instant now) {
    prober_.due(now);
    for (const std::size_t server : {0U, 1U}) prober_.on_result(server, result, now);
  }
  void hold(Instant now) {
    probe({.passed = true, .silent = false, .reason = {}}, now);
    probe({.passed = false, .silent = true, .reason = "timed out"}, now + 1s);
  }

  nlohmann::json farm(Instant now) const {
    return nlohmann::json::parse(to_status_json(room_, now))["farms"][0];
  }
  /// The value of the first sample.
  double metric(std::string_view name) const {
    for (const MetricFamily& family : make_metrics(room_)) {
      if (family.name == name && !family.samples.empty()) return family.samples.front().value;
    }
    ADD_FAILURE() << "no metric " << name;
    return -1;
  }

  std::unique_ptr<Farm> farm_;
  Prober prober_;
  Outliers outliers_;
  NameWatch name_;
  std::vector<FarmView> views_;
  RoomView room_;
};

TEST_F(ReportProbes, AHeldCopyIsUpAndSaysThatItIsHeld) {
  hold(start);

  const nlohmann::json seen = farm(start + 3s);

  EXPECT_EQ(seen["servers"][0]["state"], "up");
  EXPECT_EQ(seen["servers"][0]["held"], true);
  EXPECT_EQ(seen["servers"][0]["last_failure"], "timed out");
  EXPECT_EQ(seen["probes"]["holding"], true);
  EXPECT_EQ(seen["probes"]["held"], 2);
  EXPECT_EQ(seen["probes"]["ends_in_s"], 8.0);
  EXPECT_EQ(seen["probes"]["holds_total"], 1);
  EXPECT_EQ(seen["probes"]["kind"], "http");
  EXPECT_EQ(metric("hither_lb_server_held"), 1);
  EXPECT_EQ(metric("hither_lb_guard_holding"), 1);
  EXPECT_EQ(metric("hither_lb_guard_holds_total"), 1);
}

TEST_F(ReportProbes, NothingIsHeldUsually) {
  probe({.passed = true, .silent = false, .reason = {}}, start);

  const nlohmann::json seen = farm(start);

  EXPECT_EQ(seen["servers"][0]["held"], false);
  EXPECT_EQ(seen["probes"]["holding"], false);
  EXPECT_EQ(seen["probes"]["ends_in_s"], nullptr);
  EXPECT_EQ(metric("hither_lb_server_held"), 0);
}

TEST_F(ReportProbes, CountsProbesThatProvedNothing) {
  probe({.passed = true, .silent = false, .reason = {}}, start);
  prober_.due(start + 1s);
  prober_.was_late(5s);

  prober_.on_result(0, {.passed = false, .silent = true, .reason = "timed out"}, start + 6s);

  EXPECT_EQ(farm(start + 6s)["probes"]["repeated_total"], 1);
  EXPECT_EQ(metric("hither_lb_probes_repeated_total"), 1);
}

TEST_F(ReportProbes, TellsWhatANameResolvedTo) {
  EXPECT_EQ(farm(start)["servers"][0]["resolved"]["address"], nullptr);
  EXPECT_EQ(farm(start)["servers"][0]["resolved"]["age_s"], nullptr);
  EXPECT_FALSE(farm(start)["servers"][1].contains("resolved"));
  const Address addresses[] = {Address::v4(0x0a000001), Address::v4(0x0a000002)};
  name_.on_answer(addresses, 5s, start);

  const nlohmann::json good = farm(start + 2s)["servers"][0]["resolved"];
  EXPECT_EQ(good["name"], "web.internal");
  EXPECT_EQ(good["address"], "10.0.0.1");
  EXPECT_EQ(good["addresses"], (std::vector<std::string>{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(good["age_s"], 2.0);
  EXPECT_EQ(good["kept"], false);
  EXPECT_FALSE(good.contains("failure"));
  EXPECT_EQ(metric("hither_lb_server_name_failing"), 0);

  name_.on_failure("SERVFAIL", start + 5s);

  const nlohmann::json kept = farm(start + 6s)["servers"][0]["resolved"];
  EXPECT_EQ(kept["address"], "10.0.0.1");
  EXPECT_EQ(kept["age_s"], 6.0);
  EXPECT_EQ(kept["kept"], true);
  EXPECT_EQ(kept["failure"], "SERVFAIL");
  EXPECT_EQ(metric("hither_lb_server_name_failing"), 1);
}

}  // namespace
}  // namespace hither::lb::test
