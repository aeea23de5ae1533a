// SPDX-License-Identifier: Apache-2.0
// Farms whose balancers are not hither-lb: hither-dns itself connects to the rooms, or asks them
// over HTTP.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "io/admin.h"
#include "io/loop.h"
#include "io/socket.h"
#include "tests/dns/support.h"
#include "tests/support/live_dns.h"
#include "tests/support/live_world.h"

namespace hither::test::room_probe_test {
namespace {

using namespace std::chrono_literals;

constexpr Duration soon = 30s;
constexpr const char* first = "127.31.0.1";
constexpr const char* second = "127.32.0.1";

/// A web server that knows one page, on a loop of its own. It listens as long as it lives.
class WebServer {
 public:
  WebServer(const Endpoint& endpoint, const std::string& path) : pages_(loop_) {
    pages_.add_page(path, [this](const io::PageRequest&) {
      return io::Page{.status = well_ ? 204 : 500, .content_type = "text/plain", .body = ""};
    });
    const auto listening = pages_.listen(endpoint);
    EXPECT_TRUE(listening) << listening.error().message;
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~WebServer() {
    loop_.stop();
    thread_.join();
  }
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  /// Any thread.
  void set_well(bool well) { well_ = well; }

 private:
  std::atomic<bool> well_{true};
  io::Loop loop_;
  io::AdminServer pages_;
  std::thread thread_;
};

/// Two rooms on one port of two loopback addresses. Everybody gets the first while it is up.
class RoomProbe : public testing::Test {
 protected:
  RoomProbe() : port(free_ports(1)) {}

  Endpoint at(const char* address) const { return {*parse_address(address), port}; }
  /// Something that only listens: whoever expects a word from it waits in vain.
  io::Fd listen(const char* address) const {
    auto listener = io::listen_tcp(at(address));
    EXPECT_TRUE(listener) << listener.error().message;
    return listener ? std::move(*listener) : io::Fd();
  }
  bool start(const std::string& probe) {
    server.folder().write("world.toml",
                          fmt::format(R"(schema = 1
world = "probes"
[dns]
listen = ["{}"]
health = {{ interval = "500ms", fast_interval = "100ms", timeout = "500ms" }}
[zone."example.test"]
[policy.turn]
rule = "ordered"
of = ["first", "second"]
[name."www.example.test"]
farm = "web"
policy = "turn"
[farm.web]
port = {}
command = ["never started"]
probe = {}
[room.first]
location = [50.11, 8.68]
address = "{}"
[room.second]
location = [50.11, 8.68]
address = "{}"
)",
                                      to_text(server.endpoint()), port, probe, first, second));
    return server.start();
  }
  std::string answer() {
    auto query = dns::testing::ask("www.example.test");
    query.id = 0;
    return dns::testing::parse_reply(ask_all(server.endpoint(), {query.packet()})[0]).only_data();
  }
  bool gets(const std::string& room) {
    return eventually(soon, [&] { return answer() == room; });
  }

  std::uint16_t port;
  LiveDns server;
};

TEST_F(RoomProbe, ATcpProbePassesWhileThePortListens) {
  const io::Fd other = listen(second);
  io::Fd room = listen(first);
  ASSERT_TRUE(start(R"({ kind = "tcp" })")) << server.output();
  ASSERT_TRUE(gets(first)) << server.output();

  room.close();
  EXPECT_TRUE(gets(second)) << server.output();

  room = listen(first);
  EXPECT_TRUE(gets(first)) << server.output();
}

TEST_F(RoomProbe, AnHttpProbePassesWhileThePortListens) {
  const WebServer other(at(second), "/alive");
  auto room = std::make_unique<WebServer>(at(first), "/alive");
  ASSERT_TRUE(start(R"({ kind = "http", path = "/alive" })")) << server.output();
  ASSERT_TRUE(gets(first)) << server.output();

  room.reset();
  EXPECT_TRUE(gets(second)) << server.output();

  room = std::make_unique<WebServer>(at(first), "/alive");
  EXPECT_TRUE(gets(first)) << server.output();
}

TEST_F(RoomProbe, AnHttpProbeFailsOnABadStatusThoughThePortListens) {
  const WebServer other(at(second), "/alive");
  WebServer room(at(first), "/alive");
  ASSERT_TRUE(start(R"({ kind = "http", path = "/alive" })")) << server.output();
  ASSERT_TRUE(gets(first)) << server.output();

  room.set_well(false);
  EXPECT_TRUE(gets(second)) << server.output();

  room.set_well(true);
  EXPECT_TRUE(gets(first)) << server.output();
}

}  // namespace
}  // namespace hither::test::room_probe_test
