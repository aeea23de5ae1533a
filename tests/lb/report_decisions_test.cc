// SPDX-License-Identifier: Apache-2.0
#include "lb/report_decisions.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/lb/start.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

class ReportDecisions : public testing::Test {
 protected:
  ReportDecisions() {
    farm_->set_usable(2, false);
    prober_.due(start);
    prober_.on_result(2, {.passed = false, .reason = "Connection refused"}, start);
  }

  nlohmann::json farm(const DecisionQuery& query = {}) {
    const auto json = nlohmann::json::parse(to_decisions_json(room_, query, start + 2s));
    EXPECT_EQ(json["room"], "fra");
    return json["farms"].empty() ? nlohmann::json() : json["farms"][0];
  }

  std::unique_ptr<Farm> farm_ = make_farm(3);
  Prober prober_{HealthLimits{}, 3, start};
  Outliers outliers_{{.failures = 1}, 3};
  std::vector<FarmView> views_{{.farm = farm_.get(), .prober = &prober_, .outliers = &outliers_}};
  RoomView room_{.room = "fra", .draining = false, .farms = views_};
  Picker picker_{*farm_, 0, 1};
};

TEST_F(ReportDecisions, SayOfEachCopyWhatBecameOfIt) {
  picker_.pick({}, start, {}, "first");
  picker_.pick({}, start + 1s, {}, "second");

  const auto web = farm();

  EXPECT_EQ(web["farm"], "web");
  EXPECT_EQ(web["records"], "sample");
  ASSERT_EQ(web["decisions"].size(), 2U);
  const auto& newest = web["decisions"][0];
  EXPECT_EQ(newest["request"], "second");
  EXPECT_EQ(newest["ago_s"], 1.0);
  EXPECT_EQ(newest["attempt"], 1);
  EXPECT_EQ(newest["balance"], "round-robin");
  EXPECT_EQ(newest["server"], "web-2");
  EXPECT_EQ(newest["why"], "its turn");
  EXPECT_FALSE(newest["refused"]);
  ASSERT_EQ(newest["copies"].size(), 3U);
  EXPECT_EQ(newest["copies"][0]["part"], "outdone");
  EXPECT_EQ(newest["copies"][0]["why"], "waits for its turn");
  EXPECT_EQ(newest["copies"][1]["part"], "chosen");
  EXPECT_EQ(newest["copies"][1]["why"], "its turn");
  EXPECT_EQ(newest["copies"][2]["part"], "down");
  EXPECT_EQ(newest["copies"][2]["why"], "down by its probes: Connection refused");
  EXPECT_TRUE(newest["copies"][2]["score"].is_null());
}

TEST_F(ReportDecisions, GiveTheLastOnesOrThoseOfOneRequest) {
  for (int i = 0; i < 20; ++i) picker_.pick({}, start, {}, i == 3 ? "wanted" : "other");

  EXPECT_EQ(farm()["decisions"].size(), 10U);
  EXPECT_EQ(farm({.last = 3})["decisions"].size(), 3U);
  EXPECT_EQ(farm({.request = "wanted"})["decisions"].size(), 1U);
  EXPECT_EQ(farm({.request = "unknown"})["decisions"].size(), 0U);
  EXPECT_TRUE(farm({.farm = "api"}).is_null());
}

TEST_F(ReportDecisions, SayHowLongAnEjectionLasts) {
  std::vector<Outliers::Seen> seen(3, {.candidate = true});
  seen[0].streak = 1;
  for (const Outliers::Change& change : outliers_.step(seen, start)) {
    farm_->set_standing(change.server, change.to);
  }
  picker_.pick({}, start + 1s);

  const std::string why = farm()["decisions"][0]["copies"][0]["why"];

  EXPECT_TRUE(why.starts_with("ejected for what became of its requests: 1 failures in a row, for "))
      << why;
}

TEST_F(ReportDecisions, SayThatTheBudgetRefusedARetry) {
  while (farm_->retry_budget().take()) {
  }
  const std::uint32_t tried[] = {0};
  picker_.pick({}, start, tried);

  const auto decision = farm()["decisions"][0];

  EXPECT_TRUE(decision["refused"]);
  EXPECT_EQ(decision["retries_left"], 0);
  EXPECT_EQ(decision["why"], "picked, but the farm's retry budget is spent");
}

}  // namespace
}  // namespace hither::lb::test
