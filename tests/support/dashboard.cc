// SPDX-License-Identifier: Apache-2.0
#include "tests/support/dashboard.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

namespace hither::test {
namespace {

/// The names of metrics as Prometheus will know them: of the three series of a histogram, the one
/// that queries ask for.
std::set<std::string> exposed_names(const Metrics& metrics) {
  std::set<std::string> names;
  for (const MetricFamily& family : metrics) {
    const bool histogram = family.type == MetricFamily::Type::histogram;
    names.insert(histogram ? family.name + "_bucket" : family.name);
  }
  return names;
}

std::set<std::string> metric_names_in(const std::string& text) {
  static const std::regex pattern("hither_[a-z_]+");
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    names.insert(it->str());
  }
  return names;
}

}  // namespace

void expect_dashboard_shows(const std::string& path, const Metrics& metrics) {
  std::ifstream file(path);
  const nlohmann::json dashboard = nlohmann::json::parse(file);

  EXPECT_EQ(metric_names_in(dashboard.dump()), exposed_names(metrics));
  EXPECT_FALSE(dashboard["panels"].empty());
  for (const nlohmann::json& panel : dashboard["panels"]) {
    EXPECT_FALSE(panel["targets"].empty()) << panel["title"];
    for (const nlohmann::json& target : panel["targets"]) {
      EXPECT_FALSE(metric_names_in(target["expr"]).empty()) << panel["title"];
    }
  }
}

}  // namespace hither::test
