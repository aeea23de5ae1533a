// SPDX-License-Identifier: Apache-2.0
// More TCP clients than hither-dns has descriptors: it goes on with probes and status pages, and
// new clients are served.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "tests/dns/support.h"
#include "tests/support/live_dns.h"
#include "tests/support/live_world.h"
#include "tests/support/stand_in_rooms.h"

namespace hither::test::dns_descriptors_test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration soon = 30s;
constexpr int descriptors_max = 128;
constexpr int clients_count = 200;

/// A connection from 127.9.N.1 that asks nothing.
io::Fd idle_client(const Endpoint& server, int number) {
  const auto from = parse_address(fmt::format("127.9.{}.1", number % 8));
  io::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage{};
  unsigned size = io::to_sockaddr({.address = *from, .port = 0}, storage);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size), 0);
  size = io::to_sockaddr(server, storage);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size), 0);
  return fd;
}

class DnsDescriptors : public testing::Test {
 protected:
  DnsDescriptors() : rooms({"fra", "iad", "nrt"}, "web") {
    server.limit_descriptors(descriptors_max);
    server.folder().write("world.toml",
                          fmt::format(R"(schema = 1
world = "crowded"
[dns]
listen = ["{}"]
health = {{ interval = "1s", fast_interval = "100ms", timeout = "1s" }}
tcp = {{ idle = "10m" }}
[zone."example.test"]
[name."www.example.test"]
farm = "web"
{})",
                                      to_text(server.endpoint()), tables_of_three_rooms(rooms)));
  }

  json status() {
    const json all = json::parse(server.status(), nullptr, false);
    return all.is_object() ? all : json::object();
  }
  /// Of all rooms in turn; empty if there is no answer.
  std::vector<std::string> states() {
    std::vector<std::string> found;
    const json all = status();
    for (const json& room : all.value("rooms", json::array())) {
      found.push_back(room["farms"][0].value("state", ""));
    }
    return found;
  }
  bool serves_over_tcp() {
    DnsSocket client(server.endpoint(), DnsSocket::Over::tcp);
    client.send(dns::testing::ask("www.example.test").packet());
    return !client.receive(10s).empty();
  }

  StandInRooms rooms;
  LiveDns server;
};

TEST_F(DnsDescriptors, MoreClientsThanTheyAreForTakeNothingFromProbesAndPages) {
  ASSERT_TRUE(server.start()) << server.output();
  const std::vector<std::string> all_up = {"up", "up", "up"};
  ASSERT_EQ(states(), all_up) << server.output();

  std::vector<io::Fd> clients;
  clients.reserve(clients_count);
  for (int i = 0; i < clients_count; ++i) clients.push_back(idle_client(server.endpoint(), i));

  EXPECT_TRUE(serves_over_tcp()) << server.output();
  EXPECT_TRUE(eventually(soon, [&] { return !states().empty(); })) << server.output();
  EXPECT_LT(status().value("tcp_connections", clients_count), descriptors_max - 32);
  EXPECT_EQ(states(), all_up) << server.output();
  // Probes still see what becomes of a room, and of no other.
  rooms.set_usable("iad", false);
  EXPECT_TRUE(eventually(soon, [&] {
    return states() == std::vector<std::string>{"up", "down", "up"};
  })) << server.output();
  rooms.set_usable("iad", true);
  EXPECT_TRUE(eventually(soon, [&] { return states() == all_up; })) << server.output();
  const std::string output = server.output();
  EXPECT_EQ(output.find("room-down room=fra"), std::string::npos) << output;
  EXPECT_EQ(output.find("room-down room=nrt"), std::string::npos) << output;
  EXPECT_NE(output.find("tcp-connections-limited"), std::string::npos) << output;
  EXPECT_TRUE(serves_over_tcp()) << output;
}

}  // namespace
}  // namespace hither::test::dns_descriptors_test
