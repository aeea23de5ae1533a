// SPDX-License-Identifier: Apache-2.0
#include "topology/description.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/text.h"
#include "tests/topology/worlds.h"

namespace hither::topology {
namespace {

using namespace std::chrono_literals;
using testing::mistakes_of;
using testing::read_sound;
using testing::replaced;
using testing::two_rooms;
using testing::with;

std::string example(const std::string& name) {
  std::ifstream file(std::string(HITHER_SOURCE_DIR) + "/topology/examples/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Description, ReadsTheExampleOfTheDesign) {
  const Description world = read_sound(example("three_rooms.toml"));

  EXPECT_EQ(world.schema, 1);
  EXPECT_EQ(world.name, "three-rooms");
  EXPECT_EQ(to_text(world.dns.listen.at(0)), "127.0.0.1:5300");
  EXPECT_EQ(world.dns.geo, std::vector<std::string>{"builtin"});
  EXPECT_EQ(world.dns.health, (HealthLimits{500ms, 100ms, 400ms, 2, 2}));
  ASSERT_EQ(world.names.size(), 1U);
  EXPECT_EQ(world.names.at(0).name, "www.example.test");
  EXPECT_EQ(world.names.at(0).policy, "nearest");
  EXPECT_EQ(world.names.at(0).ttl, 20s);
  ASSERT_EQ(world.rooms.size(), 3U);
  EXPECT_EQ(world.rooms.at(2).title, "Tokyo");
  EXPECT_EQ(world.rooms.at(2).location, (Location{35.76, 140.39}));
  EXPECT_EQ(to_text(world.rooms.at(2).address.at(0)), "127.12.0.1");
  ASSERT_EQ(world.networks.size(), 1U);
  EXPECT_EQ(to_text(world.networks[0].prefix), "127.1.0.0/16");
  EXPECT_EQ(world.networks[0].title, "Paris office");
}

TEST(Description, ReadsTheOtherExamples) {
  const Description one = read_sound(example("one_room.toml"));
  const Description ten = read_sound(example("ten_rooms.toml"));

  EXPECT_EQ(one.rooms.size(), 1U);
  EXPECT_EQ(ten.rooms.size(), 10U);
  EXPECT_EQ(ten.rooms[9].farms.at(0).copies, 20);
}

TEST(Description, GivesFarmsTheirTimeoutsAndLimitsOneByOne) {
  const Description world = read_sound(with(std::string(two_rooms), R"(
[farm.api]
port = 8081
timeouts = { response = "5s", tunnel = "1h" }
limits = { body_bytes = 5368709120, min_body_rate = 0 }
half_close = "abort"
trusted_proxies = ["10.0.0.0/8"]
access_log = "json"
)"));

  const Farm& farm = *world.rooms.at(0).find_farm("api");
  EXPECT_EQ(farm.timeouts.response, 5s);
  EXPECT_EQ(farm.timeouts.tunnel, 1h);
  EXPECT_EQ(farm.timeouts.header, Timeouts{}.header);
  EXPECT_EQ(farm.limits.body_bytes, 5368709120U) << "more than an int";
  EXPECT_EQ(farm.limits.min_body_rate, 0U);
  EXPECT_EQ(farm.limits.header_bytes, Limits{}.header_bytes);
  EXPECT_EQ(farm.half_close, HalfClose::abort);
  EXPECT_EQ(to_text(farm.trusted_proxies.at(0)), "10.0.0.0/8");
  EXPECT_EQ(farm.access_log, AccessLog::json);
}

TEST(Description, DefaultsOfFarmsAreThoseOfTheirTypes) {
  const Description world = read_sound(std::string(two_rooms));

  const Farm& farm = world.rooms.at(0).farms.at(0);
  const Timeouts timeouts;
  const Limits limits;
  EXPECT_EQ(farm.timeouts.header, timeouts.header);
  EXPECT_EQ(farm.timeouts.idle, timeouts.idle);
  EXPECT_EQ(farm.timeouts.connect, timeouts.connect);
  EXPECT_EQ(farm.timeouts.response, timeouts.response);
  EXPECT_EQ(farm.timeouts.stall, timeouts.stall);
  EXPECT_EQ(farm.timeouts.tunnel, timeouts.tunnel);
  EXPECT_EQ(farm.limits.header_bytes, limits.header_bytes);
  EXPECT_EQ(farm.limits.header_fields, limits.header_fields);
  EXPECT_EQ(farm.limits.body_bytes, limits.body_bytes);
  EXPECT_EQ(farm.limits.min_body_rate, limits.min_body_rate);
  EXPECT_EQ(farm.limits.body_grace, limits.body_grace);
}

TEST(Description, ReadsWhoMayTransferAZoneAndWhoIsTold) {
  EXPECT_TRUE(read_sound(two_rooms).zones[0].transfer_to.empty());

  const std::string zone = "[zone.\"copied.test\"]\n";
  const Description world = read_sound(
      std::string(two_rooms) + zone +
      "transfer_to = [\"192.0.2.53/32\", \"2001:db8::/32\"]\nnotify = [\"[2001:db8::1]:53\"]\n");
  const Zone& copied = world.zones.back();
  ASSERT_EQ(copied.transfer_to.size(), 2U);
  EXPECT_TRUE(copied.transfer_to[1].contains(*parse_address("2001:db8::7")));
  ASSERT_EQ(copied.notify.size(), 1U);
  EXPECT_EQ(to_text(copied.notify[0]), "[2001:db8::1]:53");

  const std::string bare =
      mistakes_of(std::string(two_rooms) + zone + "transfer_to = [\"192.0.2.53\"]\n");
  EXPECT_NE(bare.find("write 192.0.2.53/32"), std::string::npos) << bare;
}

TEST(Description, KeepsTheOrderOfTheFile) {
  const Description world = read_sound(R"(
    [room.z]
    [farm.y]
    port = 1
    [room.a]
    [farm.b]
    port = 2
    [room.m])");

  EXPECT_EQ(world.farms, (std::vector<std::string>{"y", "b"}));
  ASSERT_EQ(world.rooms.size(), 3U);
  EXPECT_EQ(world.rooms.at(0).name + world.rooms.at(1).name + world.rooms.at(2).name, "zam");
  EXPECT_EQ(world.rooms.at(0).farms[0].name, "y");
}

TEST(Description, GivesRoomsTheirDefaultAddressByPlace) {
  const Description world = read_sound(two_rooms);

  EXPECT_EQ(to_text(world.rooms.at(0).address.at(0)), "127.10.0.1");
  EXPECT_EQ(to_text(world.rooms.at(1).address.at(0)), "127.11.0.1");
  EXPECT_TRUE(world.rooms.at(1).local());
  EXPECT_EQ(to_text(world.admin_of(world.rooms.at(1))), "127.11.0.1:7070");
  EXPECT_EQ(to_text(world.dns_admin()), "127.0.0.1:7070");
}

TEST(Description, RoomWithAForeignAddressIsNotLocal) {
  const Description world =
      read_sound("room.fra = { address = '192.0.2.1', admin = '10.0.0.1:99' }");

  EXPECT_FALSE(world.rooms.at(0).local());
  EXPECT_EQ(to_text(world.admin_of(world.rooms.at(0))), "10.0.0.1:99");
}

TEST(Description, RoomsOwnFarmValuesWinKeyByKey) {
  const Description world = read_sound(with(two_rooms, R"(
    [room.iad.farm.web]
    copies = 5
    health = { interval = "3s" }
    environment = { B = "room", C = "room" }
    [farm.web.health]
    path = "/up"
    fall = 9
    [farm.web.environment]
    A = "world"
    B = "world")"));

  const Farm& fra = world.rooms.at(0).farms.at(0);
  const Farm& iad = world.rooms.at(1).farms.at(0);
  EXPECT_EQ(fra.copies, 2);
  EXPECT_EQ(iad.copies, 5);
  EXPECT_EQ(iad.port, 8080);
  EXPECT_EQ(iad.health.path, "/up");
  EXPECT_EQ(iad.health.limits, (HealthLimits{3s, 250ms, 1s, 9, 2}));
  EXPECT_EQ(fra.health.limits.interval, 1s);
  EXPECT_EQ(iad.environment,
            (std::map<std::string, std::string>{{"A", "world"}, {"B", "room"}, {"C", "room"}}));
}

TEST(Description, ServersTakeThePlaceOfCopiesAndBack) {
  const Description world = read_sound(R"(
    [farm.a]
    port = 1
    copies = 3
    [farm.b]
    port = 2
    servers = ["10.0.0.1:80"]
    [room.fra.farm.a]
    servers = ["web.internal:80"]
    [room.fra.farm.b]
    copies = 2)");

  const Farm& a = world.rooms.at(0).farms.at(0);
  const Farm& b = world.rooms.at(0).farms.at(1);
  EXPECT_EQ(a.servers, std::vector<std::string>{"web.internal:80"});
  EXPECT_EQ(a.copies, 0);
  EXPECT_TRUE(a.command.empty());
  EXPECT_TRUE(b.servers.empty());
  EXPECT_EQ(b.copies, 2);
  EXPECT_EQ(b.command, std::vector<std::string>{"hither-backend"});
}

TEST(Description, ShortIntervalsShortenWhatDependsOnThem) {
  const Description world = read_sound(R"(
    dns.health.interval = "50ms"
    [farm.web]
    port = 8080
    health.interval = "200ms"
    [room.fra])");

  EXPECT_EQ(world.dns.health.fast_interval, 50ms);
  EXPECT_EQ(world.dns.health.timeout, 50ms);
  EXPECT_EQ(world.rooms.at(0).farms.at(0).health.limits.fast_interval, 200ms);
  EXPECT_EQ(world.rooms.at(0).farms.at(0).health.limits.timeout, 200ms);
}

TEST(Description, ARoomMayBeProbedInItsOwnWay) {
  const Description world = read_sound(
      with(two_rooms,
           "[room.nrt]\nlocation = [1, 2]\n"
           "farm.web.probe = { kind = 'http', path = '/up', host = 'a.test', port = 81 }"));

  EXPECT_EQ(world.find_room("fra")->find_farm("web")->probe, ProbeRule{});
  EXPECT_EQ(world.find_room("nrt")->find_farm("web")->probe,
            (ProbeRule{ProbeRule::Kind::http, "/up", "a.test", 81}));
}

TEST(Description, TheGuardsWindowIsTheTimeOfOneDetection) {
  const Description world =
      read_sound(with(two_rooms,
                      "[dns.health]\ninterval = '1s'\nfall = 3\ntimeout = '300ms'\n"
                      "[dns.guard]\npercent = 60\nhold = '5m'"));

  EXPECT_EQ(world.dns.guard.window, 1500ms);
  EXPECT_EQ(world.dns.guard.percent, 60);
  EXPECT_EQ(world.dns.guard.members, 2);
  EXPECT_EQ(world.dns.guard.hold, 5min);
}

TEST(Description, HostNamesLoseCaseAndLastDot) {
  const Description world = read_sound(R"(
    zone."Example.TEST." = {}
    name."WWW.example.test." = { farm = "web", policy = "ordered" }
    [farm.web]
    port = 8080
    [room.fra])");

  EXPECT_EQ(world.zones.at(0).name, "example.test");
  EXPECT_EQ(world.names.at(0).name, "www.example.test");
}

TEST(Description, PathsStartAtTheFolderOfTheFile) {
  const std::string text = R"(
    dns.geo = ["builtin", "a.mmdb", "/b.mmdb"]
    zone."x.test".file = "x.zone"
    [room.fra])";

  const Reading reading = read_description(text, "some/where/world.toml");

  ASSERT_TRUE(reading.description.has_value());
  EXPECT_EQ(reading.description->dns.geo,
            (std::vector<std::string>{"builtin", "some/where/a.mmdb", "/b.mmdb"}));
  EXPECT_EQ(reading.description->zones[0].file, "some/where/x.zone");
  EXPECT_EQ(read_sound(text).zones[0].file, "x.zone");
}

TEST(Description, OneWordWillDoForAListOfOne) {
  const Description world = read_sound(R"(
    dns.listen = "[::1]:53"
    dns.geo = "a.mmdb"
    [room.fra]
    address = "127.5.0.1")");

  EXPECT_EQ(world.dns.listen.size(), 1U);
  EXPECT_EQ(world.dns.geo, std::vector<std::string>{"a.mmdb"});
  EXPECT_EQ(to_text(world.rooms.at(0).address.at(0)), "127.5.0.1");
}

TEST(Description, SaysEveryMistakeInOneGoInTheOrderOfTheFile) {
  const std::string text = R"(schema = 2
[zone."example.test"]
fiel = "x"
[name."www.example.test"]
farm = "wbe"
ttl = 20
[farm.web]
port = "8080"
[room.fra]
)";

  EXPECT_EQ(mistakes_of(text),
            "w:1:10: schema is 2; write 1\n"
            "w:3:1: unknown key 'fiel'; did you mean 'file'?\n"
            "w:5:8: farm 'wbe' is not defined; did you mean 'web'?\n"
            "w:6:7: ttl is 20 without a unit; write \"20ms\" or \"20s\"\n"
            "w:8:8: port is a string; write an integer from 1 to 65535\n"
            "w:9:7: room 'fra' has no location, which name 'www.example.test' with policy nearest "
            "needs; write location = [latitude, longitude]\n");
}

TEST(Description, CountsTheMistakesInTheLastLine) {
  const auto one = read_description("rom = 1\n[room.a]", "w").mistakes;
  const auto two = read_description("rom = 1\nnmae = 2\n[room.a]", "w").mistakes;

  EXPECT_EQ(to_text(one, "w"),
            "w:1:1: unknown key 'rom'; did you mean 'room'?\n1 mistake; nothing was started\n");
  EXPECT_NE(to_text(two, "w").find("\n2 mistakes; nothing was started\n"), std::string::npos);
}

TEST(Description, NamesAtMostAHundredMistakes) {
  std::string text = "[room.fra]\n";
  for (int i = 0; i < 300; ++i) text += "key" + std::to_string(i) + " = 1\n";

  const auto mistakes = read_description(text, "w").mistakes;

  EXPECT_EQ(mistakes.size(), mistakes_max);
  EXPECT_EQ(mistakes.front().where.line, 2);
  EXPECT_NE(to_text(mistakes, "w").find("100 mistakes or more;"), std::string::npos);
}

TEST(Description, AMistakeWithoutAPlaceNamesTheFile) {
  EXPECT_EQ(mistakes_of("schema = 1"),
            "w: there is no room; write [room.NAME] with its location\n");
}

TEST(Description, FindsRoomsAndFarmsByName) {
  const Description world = read_sound(two_rooms);

  ASSERT_NE(world.find_room("iad"), nullptr);
  EXPECT_EQ(world.find_room("iad")->name, "iad");
  EXPECT_EQ(world.find_room("nrt"), nullptr);
  EXPECT_NE(world.rooms.at(0).find_farm("web"), nullptr);
  EXPECT_EQ(world.rooms.at(0).find_farm("wbe"), nullptr);
}

}  // namespace
}  // namespace hither::topology
