// SPDX-License-Identifier: Apache-2.0
#include "dns/status.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/dns/support.h"

namespace hither::dns::status_test {
namespace {

struct Fixture {
  testing::World world;
  Settings settings{.description = world.description(),
                    .listen = world.description().dns.listen,
                    .admin = world.description().dns_admin(),
                    .threads = 1};
  RoomStates states = world.states();
  Shares shares;
  Counters counters;
  std::vector<const Counters*> threads = {&counters};

  StatusInput input() const {
    return {.settings = settings,
            .rooms = states,
            .shares = shares,
            .threads = threads,
            .databases = {"builtin"},
            .started = Instant{},
            .now = Instant{} + std::chrono::milliseconds(2500)};
  }
};

TEST(Status, ShowsEveryRoomAndFarm) {
  Fixture fixture;
  fixture.states.at(2, 0).state = RoomState::down;
  fixture.states.at(2, 0).reason = "timed out";

  const auto json = nlohmann::json::parse(status_json(fixture.input()));

  EXPECT_EQ(json["ready"], true);
  EXPECT_EQ(json["uptime_s"], 2.5);
  EXPECT_EQ(json["listen"][0], "127.0.0.1:5300");
  ASSERT_EQ(json["rooms"].size(), 3U);
  EXPECT_EQ(json["rooms"][0]["admin"], "127.10.0.1:7070");
  EXPECT_EQ(json["rooms"][0]["farms"][0]["state"], "up");
  EXPECT_EQ(json["rooms"][2]["room"], "nrt");
  EXPECT_EQ(json["rooms"][2]["farms"][0]["state"], "down");
  EXPECT_EQ(json["rooms"][2]["farms"][0]["reason"], "timed out");
}

TEST(Status, FarmsThatARoomDoesNotRunAreLeftOut) {
  Fixture fixture;
  fixture.states.at(1, 0).runs = false;
  const auto json = nlohmann::json::parse(status_json(fixture.input()));
  EXPECT_TRUE(json["rooms"][1]["farms"].empty());
}

TEST(Status, HealthIsReadiness) {
  RoomStates states(1, 1);
  EXPECT_EQ(health_json(states), R"({"ready":false})");
  states.set_complete(true);
  EXPECT_EQ(health_json(states), R"({"ready":true})");
}

TEST(Status, RoomStatesAreAGauge) {
  Fixture fixture;
  fixture.states.at(1, 0).state = RoomState::draining;
  fixture.states.at(2, 0).state = RoomState::down;

  const Metrics metrics = status_metrics(fixture.input());

  const MetricFamily& rooms = metrics.back();
  EXPECT_EQ(rooms.name, "hither_dns_room_up");
  ASSERT_EQ(rooms.samples.size(), 3U);
  EXPECT_EQ(rooms.samples[0].value, 1);
  EXPECT_EQ(rooms.samples[1].value, 0.5);
  EXPECT_EQ(rooms.samples[2].value, 0);
}

TEST(Status, ShowsWhatOfItsClientsARoomKeeps) {
  Fixture fixture;
  fixture.shares = Shares(3, 1);
  fixture.states.at(1, 0).state = RoomState::draining;
  fixture.shares.at(1, 0).drained = RoomShare::all / 4;
  fixture.shares.at(0, 0).shed = RoomShare::all / 2;
  fixture.shares.at(0, 0).open = 0;
  fixture.counters.named_until_s[1].raise_to(4);

  const auto json = nlohmann::json::parse(status_json(fixture.input()))["rooms"];

  EXPECT_EQ(json[0]["farms"][0]["shed"], 0.5);
  EXPECT_EQ(json[0]["farms"][0]["takes_shed"], 0.0);
  EXPECT_EQ(json[0]["farms"][0]["drained"], 0.0);
  EXPECT_EQ(json[1]["farms"][0]["drained"], 0.25);
  EXPECT_EQ(json[0]["named_for_s"], 0.0);
  EXPECT_EQ(json[1]["named_for_s"], 1.5);
}

// What an earlier process has answered, nobody knows.
TEST(Status, ARoomCountsAsNamedUntilTheStart) {
  Fixture fixture;
  fixture.counters.named_until_s[0].raise_to(3609);
  StatusInput input = fixture.input();
  input.started = Instant{} + std::chrono::hours(1);
  input.now = input.started + std::chrono::milliseconds(2500);
  input.ttls_at_start = {std::chrono::seconds(6), std::chrono::seconds(20)};

  auto json = nlohmann::json::parse(status_json(input))["rooms"];
  EXPECT_EQ(json[0]["named_for_s"], 6.5) << "it has been named since";
  EXPECT_EQ(json[1]["named_for_s"], 17.5);
  EXPECT_EQ(json[2]["named_for_s"], 0.0) << "it came later";

  input.counted_rooms = {"iad", "nrt", "fra"};
  json = nlohmann::json::parse(status_json(input))["rooms"];
  EXPECT_EQ(json[0]["named_for_s"], 0.0);
  EXPECT_EQ(json[1]["named_for_s"], 6.5);
  EXPECT_EQ(json[2]["named_for_s"], 17.5);

  input.now = input.started + std::chrono::seconds(20);
  EXPECT_EQ(nlohmann::json::parse(status_json(input))["rooms"][2]["named_for_s"], 0.0);
}

TEST(Status, TheLongestTtlIsThatOfTheNamesOfTheFarmsThatARoomHas) {
  using std::chrono::seconds;
  topology::Description description = testing::make_description();
  description.names = {{.name = "a.example.test", .farm = "web", .ttl = seconds(9)},
                       {.name = "b.example.test", .farm = "web", .ttl = seconds(7)},
                       {.name = "c.example.test", .farm = "api", .ttl = seconds(99)}};
  description.rooms[1].farms.push_back({.name = "api", .servers = {"10.0.0.1:80"}});
  description.rooms[2].farms.clear();

  EXPECT_EQ(longest_ttls(description),
            (std::vector<Duration>{seconds(9), seconds(99), seconds(0)}));
}

TEST(Status, ShowsAnOverrideBesideWhatTheProbesSay) {
  Fixture fixture;
  FarmState& state = fixture.states.at(2, 0);
  state.state = RoomState::down;
  state.forced = RoomState::down;
  state.measured = RoomState::up;
  const topology::Overrides overrides{
      .all = {{.room = "nrt", .kind = topology::Override::Kind::down, .reason = "new switches"}}};
  StatusInput input = fixture.input();
  input.overrides = &overrides;

  const auto json = nlohmann::json::parse(status_json(input));

  EXPECT_EQ(json["rooms"][2]["farms"][0]["state"], "down");
  EXPECT_EQ(json["rooms"][2]["farms"][0]["measured"], "up");
  EXPECT_EQ(json["rooms"][2]["farms"][0]["override"]["reason"], "new switches");
  EXPECT_TRUE(json["rooms"][1]["farms"][0]["override"].is_null());
}

TEST(Status, AlarmsAreMetrics) {
  Fixture fixture;
  fixture.states.set_stale(0, true);
  fixture.states.at(1, 0).forced = RoomState::up;
  StatusInput input = fixture.input();
  input.reloads.refused = 3;

  const Metrics metrics = status_metrics(input);

  const auto find = [&](const char* name) -> const MetricFamily& {
    return *std::ranges::find(metrics, name, &MetricFamily::name);
  };
  EXPECT_EQ(find("hither_dns_guard_holding").samples.at(0).value, 1);
  EXPECT_EQ(find("hither_dns_room_overridden").samples.at(0).value, 0);
  EXPECT_EQ(find("hither_dns_room_overridden").samples.at(1).value, 1);
  EXPECT_EQ(find("hither_dns_reloads_total").samples.at(1).value, 3);
}

TEST(Status, CountsTcpConnections) {
  Fixture fixture;
  StatusInput input = fixture.input();
  input.tcp = {.accepted = 9, .closed = 7, .over_quota = 2, .idle = 3, .stalled = 1, .shed = 2};

  const Metrics metrics = status_metrics(input);

  const auto values = [&](const char* name) {
    std::string text;
    for (const MetricSample& one : std::ranges::find(metrics, name, &MetricFamily::name)->samples) {
      text += one.labels.empty() ? "" : one.labels[0].second + "=";
      text += std::to_string(static_cast<int>(one.value)) + " ";
    }
    return text;
  };
  EXPECT_EQ(values("hither_dns_tcp_connections"), "2 ");
  EXPECT_EQ(values("hither_dns_tcp_accepted_total"), "served=9 over_quota=2 ");
  EXPECT_EQ(values("hither_dns_tcp_cut_off_total"), "idle=3 stalled=1 to_make_room=2 ");
  EXPECT_EQ(nlohmann::json::parse(status_json(input))["tcp_connections"], 2);
}

}  // namespace
}  // namespace hither::dns::status_test
