// SPDX-License-Identifier: Apache-2.0
#include "dns/sites.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

namespace hither::dns::sites_test {
namespace {

topology::Network network(const std::string& prefix, const std::string& country) {
  topology::Network network;
  network.prefix = *parse_prefix(prefix);
  network.location = {1, 2};
  network.country = country;
  return network;
}

class SitesOfTwoNetworks : public ::testing::Test {
 protected:
  const std::vector<topology::Network> networks_ = {network("10.0.0.0/8", "DE"),
                                                    network("10.1.0.0/16", "")};
  const Geography geography_{{}, networks_};
  const Sites sites_{geography_,
                     {*parse_prefix("10.0.0.0/9"), *parse_prefix("10.1.128.0/17"),
                      *parse_prefix("2001:db8::/32")}};
};

TEST_F(SitesOfTwoNetworks, CutWhereThePlaceOrTheNetworkChanges) {
  std::array<std::map<Address, std::pair<std::uint32_t, std::uint32_t>>, 2> families;
  for (const Family family : {Family::v6, Family::v4}) {
    auto& steps = families[family == Family::v4 ? 1 : 0];
    sites_.walk(family, [&](Bits128 first, std::uint32_t place, std::uint32_t net) {
      EXPECT_TRUE(steps.empty() || steps.rbegin()->first < to_address(first));
      steps[to_address(first)] = {place, net};
    });
  }
  const auto at = [&](const std::string& text) {
    const Address address = *parse_address(text);
    return std::prev(families[address.is_v4() ? 1 : 0].upper_bound(address))->second;
  };

  EXPECT_EQ(families[0].begin()->first, Address());
  EXPECT_EQ(to_text(families[1].begin()->first), "0.0.0.0");
  EXPECT_EQ(at("10.0.0.1"), std::pair(0U, 0U));
  EXPECT_EQ(at("10.1.0.1"), std::pair(1U, 0U));
  EXPECT_EQ(at("10.1.128.1"), std::pair(1U, 1U));
  EXPECT_EQ(at("10.2.0.1"), std::pair(0U, 0U));
  EXPECT_EQ(at("10.128.0.1"), std::pair(0U, Sites::no_network));
  EXPECT_EQ(at("11.0.0.1"), std::pair(Geography::nowhere, Sites::no_network));
  EXPECT_EQ(at("2001:db8::1"), std::pair(Geography::nowhere, 2U));
  EXPECT_EQ(at("2001:db9::1"), std::pair(Geography::nowhere, Sites::no_network));
}

TEST_F(SitesOfTwoNetworks, ASiteKnowsPlaceCountryAndNetwork) {
  const Site found = sites_.find(*parse_address("10.2.0.1"));
  EXPECT_TRUE(found.point);
  EXPECT_EQ(found.country, "DE");
  EXPECT_EQ(to_text(*found.network), "10.0.0.0/9");
  EXPECT_EQ(sites_.find(*parse_address("10.1.200.1")).country, "") << "the longer network decides";

  const Site nowhere = sites_.find(*parse_address("2001:db8::1"));
  EXPECT_FALSE(nowhere.point);
  EXPECT_TRUE(nowhere.network);
  EXPECT_EQ(sites_.site(0, 1).country, "DE");
}

}  // namespace
}  // namespace hither::dns::sites_test
