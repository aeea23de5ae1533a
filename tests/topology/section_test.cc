// SPDX-License-Identifier: Apache-2.0
#include "topology/section.h"

#include <gtest/gtest.h>

namespace hither::topology {
namespace {

using namespace std::chrono_literals;

TEST(Section, GivesTheDefaultsOfTheTableWhereTheFileIsSilent) {
  const Section dns = Section("", nullptr).inside("dns");

  EXPECT_EQ(dns.texts("geo"), std::vector<std::string>{"builtin"});
  EXPECT_EQ(to_text(dns.endpoints("listen").at(0)), "127.0.0.1:5300");
  EXPECT_EQ(dns.inside("health").integer("fall"), 2);
  EXPECT_EQ(dns.inside("health").duration("interval"), 500ms);
  EXPECT_FALSE(dns.has("listen"));
  EXPECT_EQ(dns.where("listen").line, 0);
}

TEST(Section, TakesAWrongValueForNone) {
  const Document document = read_document("[dns]\nlisten = 5\nhealth = 3\ngeo = ['a', 'b']");
  const Section dns = Section("", &document.root).inside("dns");

  EXPECT_EQ(to_text(dns.endpoints("listen").at(0)), "127.0.0.1:5300");
  EXPECT_EQ(dns.inside("health").integer("fall"), 2);
  EXPECT_EQ(dns.texts("geo"), (std::vector<std::string>{"a", "b"}));
}

TEST(Section, TheUpperTableWinsKeyByKey) {
  const Document upper = read_document("copies = 7\nhealth.fall = 9");
  const Document under = read_document("copies = 2\ncapacity = 5\nhealth.rise = 8");
  const Section farm("farm.*", &upper.root, &under.root);

  EXPECT_EQ(farm.integer("copies"), 7);
  EXPECT_EQ(farm.integer("capacity"), 5);
  EXPECT_EQ(farm.inside("health").integer("fall"), 9);
  EXPECT_EQ(farm.inside("health").integer("rise"), 8);
}

TEST(Section, PointsAtTheValueOrElseAtTheTable) {
  const Document document = read_document("\n[farm.web]\nport = 80\n");
  const Section farm("farm.*", document.root.find("farm")->find("web"));

  EXPECT_EQ(farm.where("port").line, 3);
  EXPECT_EQ(farm.where("port").column, 8);
  EXPECT_EQ(farm.where("copies").line, 2);
}

TEST(Section, FastProbesAreNeverSlowerThanSlowOnes) {
  const Document document = read_document("interval = '20ms'");

  EXPECT_EQ(dns_health_of(Section("dns.health", &document.root)),
            (HealthLimits{20ms, 20ms, 20ms, 2, 2}));
  EXPECT_EQ(farm_health_of(Section("farm.*.health", nullptr), Mode::http).limits,
            (HealthLimits{1s, 250ms, 1s, 3, 2}));
}

}  // namespace
}  // namespace hither::topology
