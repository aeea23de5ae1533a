// SPDX-License-Identifier: Apache-2.0
#include "topology/dns_protocol.h"

#include <gtest/gtest.h>

#include "tests/topology/worlds.h"

namespace hither::topology {
namespace {

using namespace std::chrono_literals;
using testing::mistakes_of;
using testing::read_sound;
using testing::two_rooms;

DnsProtocol protocol_of(const std::string& keys) {
  return read_sound(std::string(two_rooms) + "[dns]\n" + keys).dns.protocol;
}

TEST(DnsProtocol, SaysNothingAboutItselfUnlessTold) {
  const DnsProtocol plain = protocol_of("");
  EXPECT_FALSE(plain.tell_version || plain.tell_id || plain.tell_nsid);
  EXPECT_EQ(plain.node, "");

  const DnsProtocol told = protocol_of("tell = [\"nsid\", \"version\"]\nnode = \"ns1\"");
  EXPECT_TRUE(told.tell_version);
  EXPECT_FALSE(told.tell_id);
  EXPECT_TRUE(told.tell_nsid);
  EXPECT_EQ(told.node, "ns1");
}

TEST(DnsProtocol, LimitsNothingUnlessTold) {
  EXPECT_EQ(protocol_of("").rate_limit.per_second, 0);
  EXPECT_EQ(protocol_of("").rate_limit.slip, 2);

  const RateLimitRule rule =
      protocol_of("rate_limit = { per_second = 50, slip = 1, exempt = [\"10.0.0.0/8\"] }")
          .rate_limit;
  EXPECT_EQ(rule.per_second, 50);
  EXPECT_EQ(rule.slip, 1);
  EXPECT_EQ(rule.exempt, std::vector<Prefix>{*parse_prefix("10.0.0.0/8")});
}

TEST(DnsProtocol, ReadsTheLimitsOfTcp) {
  const TcpRule plain = protocol_of("").tcp;
  EXPECT_EQ(plain.connections, 4000);
  EXPECT_EQ(plain.per_client, 200);
  EXPECT_EQ(plain.idle, 10s);

  const TcpRule rule = protocol_of("tcp = { connections = 10, per_client = 2, idle = \"3s\" }").tcp;
  EXPECT_EQ(rule.connections, 10);
  EXPECT_EQ(rule.per_client, 2);
  EXPECT_EQ(rule.idle, 3s);
}

TEST(DnsProtocol, ReadsHowLargeAnswersOverUdpMayBe) {
  EXPECT_EQ(protocol_of("").udp_payload, 1232);
  EXPECT_EQ(protocol_of("udp_payload = 4096").udp_payload, 4096);
}

TEST(DnsProtocol, PrivateSubnetsAreUsedUnlessTheResolverShallDecide) {
  using enum DnsProtocol::PrivateSubnets;
  EXPECT_EQ(protocol_of("").private_subnets, use);
  EXPECT_EQ(protocol_of("private_subnets = \"resolver\"").private_subnets, resolver);
}

TEST(DnsProtocol, ThePathOfTheSecretsStartsAtTheDescription) {
  const Reading reading = read_description(
      std::string(two_rooms) + "[dns]\ncookie_secrets = \"cookie.key\"", "folder/w.toml");
  ASSERT_TRUE(reading.description);
  EXPECT_EQ(reading.description->dns.protocol.cookie_secrets, "folder/cookie.key");
}

TEST(DnsProtocol, WhatCannotBeIsNamedWithItsPlace) {
  const std::string text = std::string(two_rooms) + "[dns]\n";
  EXPECT_NE(mistakes_of(text + "tell = [\"all\"]").find("tell cannot be \"all\""),
            std::string::npos);
  EXPECT_NE(mistakes_of(text + "tcp = { idle = \"0s\" }").find("idle is \"0s\""),
            std::string::npos);
  EXPECT_NE(mistakes_of(text + "udp_payload = 511").find("udp_payload is 511"), std::string::npos);
  EXPECT_NE(mistakes_of(text + "udp_payload = 4097").find("udp_payload is 4097"),
            std::string::npos);
  EXPECT_NE(mistakes_of(text + "rate_limit = { slip = 11 }").find("slip is 11"), std::string::npos);
}

}  // namespace
}  // namespace hither::topology
