// SPDX-License-Identifier: Apache-2.0
#include "lb/routes.h"

#include <gtest/gtest.h>

namespace hither::lb {
namespace {

FarmSettings farm_at(std::uint16_t port, std::vector<std::string> names = {}) {
  FarmSettings settings;
  settings.farm.port = port;
  settings.farm.mode = topology::Mode::tcp;
  settings.farm.server_names = std::move(names);
  return settings;
}

TEST(NameRoutes, TheNearestPatternWins) {
  NameRoutes routes;
  routes.add("www.example.test", 1);
  routes.add("*.example.test", 2);
  routes.add("*.eu.example.test", 3);

  EXPECT_EQ(routes.find("www.example.test"), 1);
  EXPECT_EQ(routes.find("mail.example.test"), 2);
  EXPECT_EQ(routes.find("a.b.example.test"), 2);
  EXPECT_EQ(routes.find("a.eu.example.test"), 3);
  EXPECT_EQ(routes.find("eu.example.test"), 2);
}

TEST(NameRoutes, APatternIsNotTheNameItself) {
  NameRoutes routes;
  routes.add("*.example.test", 2);
  EXPECT_EQ(routes.find("example.test"), std::nullopt);
  EXPECT_EQ(routes.find("badexample.test"), std::nullopt);
  EXPECT_EQ(routes.find(""), std::nullopt);
}

TEST(NameRoutes, TheFallbackTakesTheRest) {
  NameRoutes routes;
  routes.add("www.example.test", 1);
  routes.set_fallback(7);
  EXPECT_EQ(routes.find("other.test"), 7);
  EXPECT_EQ(routes.find(""), 7);
  EXPECT_EQ(routes.find("www.example.test"), 1);
}

TEST(PortsOf, FarmsOfOnePortAreToldApartByName) {
  const std::vector<Port> ports =
      ports_of({farm_at(443, {"a.test"}), farm_at(80), farm_at(443, {"b.test"}), farm_at(443)},
               std::vector<std::size_t>{0, 7, 2, 3});

  ASSERT_EQ(ports.size(), 2U);
  EXPECT_EQ(ports[0].port, 443);
  EXPECT_EQ(ports[0].farms, (std::vector<std::size_t>{0, 2, 3}));
  EXPECT_EQ(ports[0].routes.find("b.test"), 2);
  EXPECT_EQ(ports[0].routes.find("c.test"), 3);
  EXPECT_EQ(ports[1].farms, std::vector<std::size_t>{7});
  EXPECT_TRUE(ports[1].routes.empty());
}

TEST(PortsOf, AFarmMayDemandAProxyHeader) {
  std::vector<FarmSettings> farms = {farm_at(80), farm_at(81)};
  farms[1].farm.accept_proxy = true;
  const std::vector<Port> ports = ports_of(farms, std::vector<std::size_t>{0, 1});
  EXPECT_FALSE(ports[0].proxy_header);
  EXPECT_TRUE(ports[1].proxy_header);
}

}  // namespace
}  // namespace hither::lb
