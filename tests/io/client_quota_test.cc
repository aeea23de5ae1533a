// SPDX-License-Identifier: Apache-2.0
#include "io/client_quota.h"

#include <gtest/gtest.h>

#include <thread>

namespace hither::io {
namespace {

Address address(const char* text) { return *parse_address(text); }

TEST(ClientQuota, AClientHasItsPlacesAndGetsThemBack) {
  ClientQuota quota(2, 7);
  auto one = quota.take(address("192.0.2.1"));
  const auto two = quota.take(address("192.0.2.1"));
  EXPECT_TRUE(one && two);
  EXPECT_FALSE(quota.take(address("192.0.2.1")));
  EXPECT_TRUE(quota.take(address("192.0.2.2"))) << "another has its own";

  one = ClientQuota::Place();
  EXPECT_TRUE(quota.take(address("192.0.2.1")));
}

TEST(ClientQuota, AnIpv6NetworkOf64BitsIsOneClient) {
  ClientQuota quota(1, 7);
  const auto one = quota.take(address("2001:db8::1"));
  EXPECT_TRUE(one);
  EXPECT_FALSE(quota.take(address("2001:db8::ffff:1")));
  EXPECT_TRUE(quota.take(address("2001:db8:0:1::1")));
}

TEST(ClientQuota, ANewLimitIsForThoseWhoComeThen) {
  ClientQuota quota(2, 7);
  const auto one = quota.take(address("192.0.2.1"));
  const auto two = quota.take(address("192.0.2.1"));
  quota.set_per_client(1);
  EXPECT_FALSE(quota.take(address("192.0.2.1")));
  quota.set_per_client(3);
  EXPECT_TRUE(quota.take(address("192.0.2.1")));
}

TEST(ClientQuota, CountsOverThreads) {
  ClientQuota quota(1000, 7);
  const auto take_and_return = [&] {
    for (int i = 0; i < 20'000; ++i) EXPECT_TRUE(quota.take(address("192.0.2.1")));
  };
  {
    const std::jthread one(take_and_return);
    const std::jthread two(take_and_return);
  }
  std::vector<ClientQuota::Place> places;
  for (int i = 0; i < 1000; ++i) places.push_back(quota.take(address("192.0.2.1")));
  EXPECT_TRUE(places.back());
  EXPECT_FALSE(quota.take(address("192.0.2.1")));
}

}  // namespace
}  // namespace hither::io
