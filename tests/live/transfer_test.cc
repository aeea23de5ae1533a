// SPDX-License-Identifier: Apache-2.0
//
// Transfers and NOTIFY, as the real dig and a real secondary (knotd) see them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/live_dns.h"

namespace hither::test::transfer_test {
namespace {

using namespace std::chrono_literals;

constexpr Duration patience = 60s;

/// Secondaries would ask again after an hour: what they know sooner they were told.
std::string zone_text(int serial, const std::string& more = "") {
  return fmt::format(R"($TTL 300
@ IN SOA ns1 hostmaster {0} 3600 600 604800 60
@ IN NS ns1
ns1 IN A 192.0.2.53
version IN TXT "{0}"
child IN NS ns.child
ns.child IN A 192.0.2.54
{1})",
                     serial, more);
}

/// The server, and where its secondary will listen.
class TransferLive : public testing::Test {
 protected:
  void SetUp() override {
    secondary_port = free_ports(1);
    server.folder().write("example.test.zone", zone_text(1));
    server.folder().write("world.toml", fmt::format(R"(schema = 1
world = "transfers"
[dns]
listen = ["{}"]
[zone."example.test"]
file = "example.test.zone"
transfer_to = ["127.0.0.1/32"]
notify = ["127.0.0.1:{}"]
[zone."closed.test"]
[name."www.example.test"]
farm = "web"
{})",
                                                    to_text(server.endpoint()), secondary_port,
                                                    tables_of_three_rooms(rooms)));
    ASSERT_TRUE(server.start()) << server.output();
  }

  std::string dig(const std::string& words) const {
    return run_command(fmt::format("dig @127.0.0.1 -p {} {}", server.port(), words)).output;
  }
  std::string dig_secondary(const std::string& words) const {
    return run_command(
               fmt::format("dig @127.0.0.1 -p {} +time=1 +tries=1 {}", secondary_port, words))
        .output;
  }
  bool has_line(const std::string& part) const {
    return eventually(patience, [&] { return server.output().find(part) != std::string::npos; });
  }

  StandInRooms rooms{{"fra", "iad", "nrt"}, "web"};
  LiveDns server;
  std::uint16_t secondary_port = 0;
};

TEST_F(TransferLive, DigGetsTheWholeZoneAndOthersNone) {
  std::string more;
  for (int i = 0; i < 20'000; ++i)
    more += fmt::format("host-{} IN A 10.0.{}.{}\n", i, i / 250, i % 250);
  server.folder().write("example.test.zone", zone_text(2, more));
  ASSERT_TRUE(
      eventually(patience, [&] { return dig("version.example.test txt +short") == "\"2\"\n"; }));

  const std::string whole = dig("example.test axfr");
  EXPECT_NE(whole.find("XFR size: 20007 records"), std::string::npos)
      << whole.substr(0, 500) << "\n...\n"
      << whole.substr(whole.size() - std::min<std::size_t>(whole.size(), 500));
  EXPECT_EQ(whole.find("www.example.test"), std::string::npos) << "steered names are left out";
  EXPECT_TRUE(has_line("transfer-sent zone=example.test. serial=2 to=127.0.0.1 type=AXFR"));

  EXPECT_NE(dig("example.test ixfr=1").find("XFR size: 20007 records"), std::string::npos);
  EXPECT_NE(dig("example.test ixfr=2").find("XFR size: 1 records"), std::string::npos);
  EXPECT_NE(dig("closed.test axfr").find("Transfer failed"), std::string::npos);
  EXPECT_NE(server.page("/metrics").find(R"(hither_dns_transfers_total{result="not_allowed"} 1)"),
            std::string::npos);
}

TEST_F(TransferLive, ASecondaryFollowsEveryNewSerial) {
  const std::string folder = server.folder().path();
  server.folder().write("knot.conf", fmt::format(R"(server:
    listen: 127.0.0.1@{0}
    rundir: "{1}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "{1}"
remote:
  - id: primary
    address: 127.0.0.1@{2}
acl:
  - id: told
    address: 127.0.0.1
    action: notify
zone:
  - domain: example.test
    storage: "{1}"
    file: copy.zone
    master: primary
    acl: told
)",
                                                 secondary_port, folder, server.port()));
  ChildProgram knot({"knotd", "-c", folder + "/knot.conf"}, folder + "/knot.log");
  const auto secondary_has = [&](const std::string& version) {
    return eventually(patience, [&] {
      return dig_secondary("version.example.test txt +short") == "\"" + version + "\"\n";
    });
  };

  ASSERT_TRUE(secondary_has("1")) << knot.output() << server.output();
  for (int serial = 2; serial <= 4; ++serial) {
    server.folder().write("example.test.zone", zone_text(serial));
    ASSERT_TRUE(secondary_has(std::to_string(serial))) << knot.output() << server.output();
    EXPECT_TRUE(has_line(fmt::format("notify-answered zone=example.test. serial={}", serial)))
        << server.output();
  }
  const std::string glue = dig_secondary("+norec x.child.example.test a");
  EXPECT_NE(glue.find("192.0.2.54"), std::string::npos) << glue;

  server.folder().write("example.test.zone", zone_text(4, "late IN A 192.0.2.99\n"));
  EXPECT_TRUE(has_line("zone-serial-unchanged zone=example.test. serial=4")) << server.output();
  EXPECT_TRUE(knot.stop());
}

}  // namespace
}  // namespace hither::test::transfer_test
