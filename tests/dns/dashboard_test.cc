// SPDX-License-Identifier: Apache-2.0
//
// docs/grafana/hither-dns.json beside the metrics that the status pages really show.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "dns/status.h"
#include "tests/dns/support.h"

namespace hither::dns {
namespace {

/// As Prometheus will know them: a histogram is three series.
std::set<std::string> exposed_names() {
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
  std::set<std::string> names;
  for (const MetricFamily& family : metrics) {
    const bool histogram = family.type == MetricFamily::Type::histogram;
    names.insert(histogram ? family.name + "_bucket" : family.name);
  }
  return names;
}

nlohmann::json dashboard() {
  std::ifstream file(HITHER_SOURCE_DIR "/docs/grafana/hither-dns.json");
  return nlohmann::json::parse(file);
}

std::set<std::string> names_in(const std::string& text) {
  static const std::regex pattern("hither_[a-z_]+");
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    names.insert(it->str());
  }
  return names;
}

TEST(Dashboard, ShowsEveryMetricThatThereIsAndNoOther) {
  EXPECT_EQ(names_in(dashboard().dump()), exposed_names());
}

TEST(Dashboard, EveryPanelAsksForSomething) {
  const nlohmann::json panels = dashboard()["panels"];
  EXPECT_FALSE(panels.empty());
  for (const nlohmann::json& panel : panels) {
    EXPECT_FALSE(panel["targets"].empty()) << panel["title"];
    for (const nlohmann::json& target : panel["targets"]) {
      EXPECT_FALSE(names_in(target["expr"]).empty()) << panel["title"];
    }
  }
}

}  // namespace
}  // namespace hither::dns
