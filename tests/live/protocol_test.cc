// SPDX-License-Identifier: Apache-2.0
// The protocol beside the zones, as the real dig sees it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/live_world.h"

namespace hither::test {
namespace {

class ProtocolLive : public testing::Test {
 protected:
  void SetUp() override {
    std::string description = world.three_rooms(1);
    const std::string head = "[dns]\n";
    description.insert(description.find(head) + head.size(),
                       "tell = [\"nsid\", \"id\"]\nnode = \"ns1.live\"\nquery_log.one_in = 1\n");
    ASSERT_TRUE(world.start_and_wait(description)) << world.output();
  }
  std::string dig(const std::string& words) {
    return run_command(fmt::format("dig @127.0.0.1 -p {} {}", world.ports().dns, words)).output;
  }
  static int count(const std::string& text, const std::string& part) {
    int result = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
      ++result;
    }
    return result;
  }

  LiveWorld world;
};

TEST_F(ProtocolLive, SaysToDigWhatItIsAskedFor) {
  const std::string cookie = dig("example.test soa +cookie");
  EXPECT_EQ(count(cookie, "(good)"), 1) << cookie;

  const std::string named = dig("example.test soa +nsid");
  EXPECT_EQ(count(named, "(\"ns1.live\")"), 1) << named;
  EXPECT_EQ(dig("ch txt id.server +short"), "\"ns1.live\"\n");
  EXPECT_EQ(count(dig("ch txt version.bind"), "status: REFUSED"), 1);

  // One connection, three questions, and how long it may stay.
  const std::string kept =
      dig("+tcp +keepopen +keepalive example.test soa www.example.test a nothing.example.test a");
  EXPECT_EQ(count(kept, "(TCP)"), 3) << kept;
  EXPECT_EQ(count(kept, "status: NOERROR"), 2) << kept;
  EXPECT_EQ(count(kept, "status: NXDOMAIN"), 1) << kept;
  EXPECT_GE(count(kept, "TCP KEEPALIVE: 10.0 secs"), 1) << kept;

  EXPECT_EQ(count(dig("example.test soa +ednsopt=65001:cafe"), "status: NOERROR"), 1);
  EXPECT_EQ(count(dig("example.test soa +edns=1 +noednsnegotiation"), "status: BADVERS"), 1);

  for (const char* opcode : {"notify", "update"}) {
    const std::string other = dig(fmt::format("example.test soa +opcode={} +nsid +cookie", opcode));
    EXPECT_EQ(count(other, "status: NOTIMP"), 1) << other;
    EXPECT_EQ(count(other, "EDNS: version: 0"), 1) << other;
    EXPECT_EQ(count(other, "(good)"), 1) << other;
    EXPECT_EQ(count(other, "(\"ns1.live\")"), 1) << other;
  }
  EXPECT_EQ(count(dig("example.test soa +opcode=notify +noedns"), "EDNS:"), 0);
}

TEST_F(ProtocolLive, LogsTheQueriesThatAreWanted) {
  dig("nothing.example.test txt +subnet=10.3.0.0/16");
  const std::string line =
      "query client=127.0.0.1 subnet=10.3.0.0/16 scope=0 name=nothing.example.test. type=TXT "
      "rcode=NXDOMAIN transport=udp";
  EXPECT_TRUE(eventually(std::chrono::seconds(20), [&] {
    return count(world.output(), line) == 1;
  })) << world.output();
}

}  // namespace
}  // namespace hither::test
