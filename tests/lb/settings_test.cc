// SPDX-License-Identifier: Apache-2.0
#include "lb/settings.h"

#include <gtest/gtest.h>

namespace hither::lb::settings_test {
namespace {

topology::Description two_rooms() {
  topology::Description description;
  description.file = "world.toml";
  topology::Farm farm;
  farm.name = "web";
  farm.port = 8080;
  farm.copies = 2;
  for (const char* name : {"fra", "iad"}) {
    topology::Room room;
    room.name = name;
    room.address = {*parse_address(room.name == "fra" ? "127.10.0.1" : "127.11.0.1")};
    room.farms = {farm};
    description.rooms.push_back(room);
  }
  return description;
}

TEST(LbSettings, AreOneRoomsPart) {
  const Result<Settings> settings = make_settings(two_rooms(), "iad", "");

  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(to_text(settings->listen.at(0)), "127.11.0.1");
  EXPECT_EQ(to_text(settings->admin), "127.11.0.1:7070");
  ASSERT_EQ(settings->farms.size(), 1U);
  EXPECT_EQ(settings->farms[0].servers.size(), 2U);
  EXPECT_EQ(settings->farms[0].servers[1].first, "web-2");
}

TEST(LbSettings, TakeTheServersThatAreNamedInsteadOfCopies) {
  topology::Description description = two_rooms();
  description.rooms[0].farms[0].servers = {"10.0.0.7:8080", "web.internal:8080"};

  const Result<Settings> settings = make_settings(description, "fra", "");

  ASSERT_TRUE(settings);
  using Servers = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(settings->farms[0].servers,
            (Servers{{"web-1", "10.0.0.7:8080"}, {"web-2", "web.internal:8080"}}));
}

TEST(LbSettings, TheEnvironmentMovesTheStatusPage) {
  const Result<Settings> settings = make_settings(two_rooms(), "fra", "127.0.0.1:9");

  ASSERT_TRUE(settings);
  EXPECT_EQ(to_text(settings->admin), "127.0.0.1:9");
}

TEST(LbSettings, AnUnknownRoomIsToldWhichThereAre) {
  const Result<Settings> settings = make_settings(two_rooms(), "osaka", "");

  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().message,
            "world.toml: room 'osaka' is not defined; rooms are fra and iad: write one of these");
}

struct Address {
  std::string_view text;
  std::string_view host;
  int port;
};

TEST(LbSettings, SplitsHostAndPort) {
  for (const Address& row :
       {Address{"web.internal:8080", "web.internal", 8080}, Address{"[::1]:80", "::1", 80}}) {
    const Result<HostPort> parsed = parse_host_port(row.text);
    ASSERT_TRUE(parsed) << row.text;
    EXPECT_EQ(parsed->host, row.host);
    EXPECT_EQ(parsed->port, row.port);
  }
  for (const std::string_view bad : {"web", "web:", ":80", "web:0", "web:65536", "web:8x"}) {
    EXPECT_FALSE(parse_host_port(bad)) << bad;
  }
}

TEST(LbSettings, ThreadsAreANumberFromOne) {
  EXPECT_EQ(parse_threads("").value_or(0), 1U);
  EXPECT_EQ(parse_threads("2").value_or(0), 2U);
  EXPECT_FALSE(parse_threads("0"));
  EXPECT_FALSE(parse_threads("many"));
}

TEST(Settings, ReadsResolversWithAndWithoutPorts) {
  EXPECT_TRUE(parse_resolvers("")->empty());
  const auto some = parse_resolvers("10.0.0.2,10.0.0.3:5353,[fd00::2]:5353,fd00::3");
  ASSERT_TRUE(some);
  std::string all;
  for (const Endpoint& one : *some) all += to_text(one) + " ";
  EXPECT_EQ(all, "10.0.0.2:53 10.0.0.3:5353 [fd00::2]:5353 [fd00::3]:53 ");

  for (const char* wrong : {"dns.internal", "10.0.0.2,", "10.0.0.2:dns", ","}) {
    const auto none = parse_resolvers(wrong);
    ASSERT_FALSE(none) << wrong;
    EXPECT_NE(none.error().message.find("write addresses of DNS servers"), std::string::npos);
  }
}

}  // namespace
}  // namespace hither::lb::settings_test
