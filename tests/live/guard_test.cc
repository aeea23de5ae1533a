// SPDX-License-Identifier: Apache-2.0
// Most rooms fail at once: what was before is held, and said, until it has been held for too long.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/dns/support.h"
#include "tests/support/live_dns.h"
#include "tests/support/live_world.h"
#include "tests/support/stand_in_rooms.h"

namespace hither::test::guard_test {
namespace {

using namespace std::chrono_literals;
using dns::testing::Reply;
using nlohmann::json;

constexpr Duration soon = 30s;
constexpr const char* nrt = "198.51.100.3";
constexpr int stale_answer = 3;  // RFC 8914 s4.4

class Guarded : public testing::Test {
 protected:
  Guarded() : rooms({"fra", "iad", "nrt"}, "web") {}

  void SetUp() override {
    write("1h");
    ASSERT_TRUE(server.start()) << server.output();
  }
  void write(const std::string& hold) {
    server.folder().write(
        "world.toml", fmt::format(R"(schema = 1
world = "guarded"
[dns]
listen = ["{}"]
health = {{ interval = "1s", fast_interval = "100ms", timeout = "1s" }}
guard = {{ window = "10m", hold = "{}" }}
[zone."example.test"]
[name."www.example.test"]
farm = "web"
{})",
                                  to_text(server.endpoint()), hold, tables_of_three_rooms(rooms)));
  }
  Reply ask_from_tokyo() {
    auto query = dns::testing::ask("www.example.test").subnet("10.3.0.0/16");
    query.id = 0;
    return dns::testing::parse_reply(ask_all(server.endpoint(), {query.packet()})[0]);
  }
  json status() {
    const json all = json::parse(server.status(), nullptr, false);
    return all.is_object() ? all : json::object();
  }
  json farm_of(const std::string& room) {
    const json all = status();
    for (const json& one : all.value("rooms", json::array())) {
      if (one["room"] == room) return one["farms"][0];
    }
    return json::object();
  }
  int rooms_held() {
    const json all = status();
    const json guards = all.value("guard", json::array());
    return guards.empty() ? 0 : guards[0].value("rooms_held", 0);
  }
  bool has_metric(const std::string& line) {
    return server.page("/metrics").find(line + "\n") != std::string::npos;
  }
  void expect_held() {
    ASSERT_TRUE(eventually(soon, [&] { return rooms_held() == 2; })) << status().dump(2);
    const json farm = farm_of("nrt");
    EXPECT_EQ(farm["state"], "up");
    EXPECT_EQ(farm["measured"], "down");
    EXPECT_EQ(farm["held"], true);
    EXPECT_TRUE(has_metric(R"(hither_dns_guard_holding{farm="web"} 1)"));
    EXPECT_NE(server.output().find("guard-holds"), std::string::npos) << server.output();
    const Reply reply = ask_from_tokyo();
    EXPECT_EQ(reply.only_data(), nrt);
    EXPECT_EQ(reply.extended_error(), stale_answer);
  }

  StandInRooms rooms;
  LiveDns server;
};

TEST_F(Guarded, TheLastGoodStateIsHeldAndSaidUntilTheTimeIsOver) {
  ASSERT_EQ(ask_from_tokyo().only_data(), nrt);
  ASSERT_EQ(ask_from_tokyo().extended_error(), std::nullopt);

  rooms.set_usable("fra", false);
  rooms.set_usable("nrt", false);
  expect_held();

  write("1s");  // Instead of waiting for the hour: a second has been held for.
  ASSERT_TRUE(eventually(soon, [&] { return rooms_held() == 0; })) << status().dump(2);
  EXPECT_EQ(farm_of("nrt")["state"], "down");
  EXPECT_EQ(farm_of("nrt")["held"], false);
  EXPECT_EQ(ask_from_tokyo().only_data(), "198.51.100.2") << "the one room that is left";
  EXPECT_EQ(ask_from_tokyo().extended_error(), std::nullopt);
  EXPECT_TRUE(has_metric(R"(hither_dns_guard_holding{farm="web"} 0)"));
  EXPECT_NE(server.output().find("guard-ends"), std::string::npos) << server.output();
}

TEST_F(Guarded, ItEndsWhenTheRoomsPassAgain) {
  rooms.set_usable("fra", false);
  rooms.set_usable("nrt", false);
  expect_held();

  rooms.set_usable("fra", true);
  rooms.set_usable("nrt", true);

  EXPECT_TRUE(eventually(soon, [&] { return rooms_held() == 0; })) << status().dump(2);
  EXPECT_TRUE(eventually(soon, [&] { return farm_of("nrt")["measured"] == "up"; }));
  EXPECT_EQ(ask_from_tokyo().only_data(), nrt);
}

/// What `hither status` shows people of a world in which most rooms are frozen.
TEST(GuardedWorld, StatusSaysWhatIsHeld) {
  LiveWorld world;
  std::string description = world.three_rooms(1);
  const std::string hold = "hold = \"2s\"";
  const std::size_t at = description.find(hold);
  description.replace(at, hold.size(), "hold = \"1h\"\nwindow = \"10m\"");
  ASSERT_TRUE(world.start_and_wait(description)) << world.output();
  const auto status_has = [&](const std::string& words) {
    return eventually(
        soon, [&] { return world.hither("status").output.find(words) != std::string::npos; });
  };

  for (const char* room : {"fra/balancer", "nrt/balancer"})
    ASSERT_TRUE(world.signal(room, SIGSTOP));

  EXPECT_TRUE(status_has("held (probes say down)")) << world.hither("status").output;
  EXPECT_EQ(world.dig("133.11.0.0/16"), "127.12.0.1\n");
  for (const char* room : {"fra/balancer", "nrt/balancer"})
    ASSERT_TRUE(world.signal(room, SIGCONT));
  EXPECT_TRUE(eventually(soon, [&] {
    return world.hither("status").output.find("held") == std::string::npos;
  })) << world.hither("status").output;
}

}  // namespace
}  // namespace hither::test::guard_test
