// SPDX-License-Identifier: Apache-2.0
// The geo database is exchanged under a server that runs, as those who sell them do every week.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/dns/support.h"
#include "tests/support/live_dns.h"
#include "tests/support/live_world.h"
#include "tests/support/mmdb_writer.h"
#include "tests/support/stand_in_rooms.h"

namespace hither::test::database_test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration soon = 30s;
constexpr const char* client = "141.20.0.0/16";
constexpr const char* fra = "198.51.100.1";
constexpr const char* iad = "198.51.100.2";
constexpr const char* nrt = "198.51.100.3";

struct Place {
  double latitude;
  double longitude;
};
constexpr Place berlin = {.latitude = 52.52, .longitude = 13.4};
constexpr Place boston = {.latitude = 42.36, .longitude = -71.06};
constexpr Place tokyo = {.latitude = 35.68, .longitude = 139.69};

class Database : public testing::Test {
 protected:
  Database() : rooms({"fra", "iad", "nrt"}, "web") {}

  void SetUp() override {
    move_client_to(berlin);
    server.folder().write("world.toml",
                          fmt::format(R"(schema = 1
world = "database"
[dns]
listen = ["{}"]
geo = "places.mmdb"
[zone."example.test"]
[name."www.example.test"]
farm = "web"
{})",
                                      to_text(server.endpoint()), tables_of_three_rooms(rooms)));
    ASSERT_TRUE(server.start()) << server.output();
  }
  /// A whole new file, renamed over the old one.
  void move_client_to(const Place& place) {
    MmdbWriter database(6);
    database.add(*parse_prefix(client),
                 {{"location.latitude", place.latitude}, {"location.longitude", place.longitude}});
    server.folder().write("places.mmdb", database.bytes());
  }
  std::string room_of_client() {
    auto query = dns::testing::ask("www.example.test").subnet(client);
    query.id = 0;
    return dns::testing::parse_reply(ask_all(server.endpoint(), {query.packet()})[0]).only_data();
  }
  bool gets(const std::string& room) {
    return eventually(soon, [&] { return room_of_client() == room; });
  }
  json reload_status() {
    const json all = json::parse(server.status(), nullptr, false);
    return all.is_object() ? all["reload"] : json::object();
  }

  StandInRooms rooms;
  LiveDns server;
};

TEST_F(Database, ANewOneIsServedWithoutARestart) {
  ASSERT_EQ(room_of_client(), fra) << server.output();
  const int before = server.program().pid();

  move_client_to(tokyo);

  EXPECT_TRUE(gets(nrt)) << server.output();
  EXPECT_TRUE(server.program().running());
  EXPECT_EQ(server.program().pid(), before);
}

TEST_F(Database, GarbageOverItIsNamedAndTheOldOneServesOnUntilAGoodOneComes) {
  ASSERT_EQ(room_of_client(), fra) << server.output();

  server.folder().write("places.mmdb", std::string(5000, 'x'));
  ASSERT_TRUE(eventually(soon, [&] { return reload_status()["refused"] == 1; })) << server.output();
  const std::string log = server.output();
  const std::size_t refused = log.find("reload-refused");
  ASSERT_NE(refused, std::string::npos) << log;
  const std::string line = log.substr(refused, log.find('\n', refused) - refused);
  EXPECT_NE(line.find(server.folder().path("places.mmdb")), std::string::npos) << line;
  EXPECT_NE(line.find("MaxMind"), std::string::npos) << line;
  EXPECT_EQ(reload_status()["mistakes"].size(), 1U) << reload_status();
  EXPECT_EQ(room_of_client(), fra) << "the old one serves on";

  move_client_to(boston);
  EXPECT_TRUE(gets(iad)) << server.output();
  EXPECT_EQ(reload_status()["mistakes"].size(), 0U) << reload_status();
}

}  // namespace
}  // namespace hither::test::database_test
