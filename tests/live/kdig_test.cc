// SPDX-License-Identifier: Apache-2.0
// Another implementation's view than dig's: Knot's kdig, which reads answers with code of its own.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/live_dns.h"
#include "tests/support/stand_in_rooms.h"

namespace hither::test {
namespace {

class Kdig : public testing::Test {
 protected:
  Kdig() : rooms({"fra", "iad", "nrt"}, "web") {}

  void SetUp() override {
    server.folder().write("world.toml",
                          fmt::format(R"(schema = 1
world = "kdig"
[dns]
listen = ["{}"]
tell = ["nsid"]
node = "ns1.kdig"
[zone."example.test"]
[name."www.example.test"]
farm = "web"
{})",
                                      to_text(server.endpoint()), tables_of_three_rooms(rooms)));
    ASSERT_TRUE(server.start()) << server.output();
  }
  std::string kdig(const std::string& words) {
    const auto result = run_command(
        fmt::format("kdig @127.0.0.1 -p {} +retry=0 +timeout=10 {}", server.port(), words));
    EXPECT_EQ(result.status, 0) << result.output;
    return result.output;
  }
  static int count(const std::string& text, const std::string& part) {
    int result = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
      ++result;
    }
    return result;
  }

  StandInRooms rooms;
  LiveDns server;
};

TEST_F(Kdig, IsSentToTheRoomOfItsSubnetInBothFamilies) {
  EXPECT_EQ(kdig("www.example.test a +short +subnet=10.1.0.0/16"), "198.51.100.1\n");
  EXPECT_EQ(kdig("www.example.test a +short +subnet=10.3.0.0/16"), "198.51.100.3\n");
  EXPECT_EQ(kdig("www.example.test aaaa +short +subnet=10.3.0.0/16"), "2001:db8:100::3\n");
  EXPECT_EQ(kdig("www.example.test a +short +subnet=2001:db8:1::/48"), "198.51.100.1\n");
  EXPECT_EQ(kdig("www.example.test aaaa +short +subnet=2001:db8:2::/48"), "2001:db8:100::2\n");
}

TEST_F(Kdig, ReadsTheScopeBesideItsSubnet) {
  const std::string v4 = kdig("www.example.test a +subnet=10.3.0.0/16");
  EXPECT_EQ(count(v4, "CLIENT-SUBNET: 10.3.0.0/16/16"), 1) << v4;

  const std::string v6 = kdig("www.example.test aaaa +subnet=2001:db8:2::/48");
  EXPECT_EQ(count(v6, "CLIENT-SUBNET: 2001:db8:2::/48/48"), 1) << v6;

  const std::string fixed = kdig("example.test soa +subnet=10.3.0.0/16");
  EXPECT_EQ(count(fixed, "CLIENT-SUBNET: 10.3.0.0/16/0"), 1) << fixed;
}

TEST_F(Kdig, ReadsTheNameOfTheServer) {
  const std::string answer = kdig("example.test soa +nsid");

  EXPECT_EQ(count(answer, "\"ns1.kdig\""), 1) << answer;
}

TEST_F(Kdig, GetsACookieAndIsKnownByIt) {
  const std::string answer = kdig("example.test soa +cookie=0123456789abcdef");
  const std::string words = "COOKIE: 0123456789ABCDEF";
  ASSERT_EQ(count(answer, words), 1) << answer;
  const std::size_t at = answer.find(words) + words.size();
  const std::string server_part = answer.substr(at, answer.find('\n', at) - at);
  EXPECT_EQ(server_part.size(), 32U) << "16 octets, RFC 9018 s4";

  kdig("example.test soa +cookie=0123456789abcdef" + server_part);
  const std::string metrics = server.page("/metrics");
  EXPECT_EQ(count(metrics, "hither_dns_cookies_total{kind=\"good\"} 1\n"), 1) << metrics;
}

TEST_F(Kdig, AsksSeveralQuestionsOverOneConnection) {
  const std::string answers = kdig(
      "+tcp +keepopen example.test soa www.example.test a +subnet=10.3.0.0/16 "
      "nothing.example.test");

  EXPECT_EQ(count(answers, "(TCP)"), 3) << answers;
  EXPECT_EQ(count(answers, "status: NOERROR"), 2) << answers;
  EXPECT_EQ(count(answers, "status: NXDOMAIN"), 1) << answers;
  EXPECT_EQ(count(answers, "198.51.100.3"), 1) << answers;
}

}  // namespace
}  // namespace hither::test
