// SPDX-License-Identifier: Apache-2.0
//
// A balancer whose copy is described by a name, and a DNS server that changes its mind.
#include "lb/server_names.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "io/clock.h"
#include "io/http_client.h"
#include "lb/server.h"
#include "tests/lb/live_peer.h"
#include "tests/lb/messages.h"
#include "tests/lb/named_copy.h"
#include "tests/support/name_server.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;
using hither::test::NameServer;
using Json = nlohmann::json;

/// web.internal is first where `here_` is, then where `there_` is: on another address, at the same
/// port.
class NamedCopies : public testing::Test {
 protected:
  NamedCopies() : here_(free_endpoint()), there_(here_) {
    there_.address = Address::v4(here_.address.v4_value() ^ 0x00200000);
  }

  void start() {
    names_.answer({here_.address}, 0);
    topology::Farm farm;
    farm.name = "web";
    farm.port = front_.port;
    farm.health.kind = topology::HealthRule::Kind::tcp;
    farm.health.limits = {.interval = 1h, .fast_interval = 1h, .timeout = 5s, .fall = 1, .rise = 1};
    Settings settings{.room = "fra", .listen = {front_.address}, .admin = admin_};
    settings.resolvers = {names_.endpoint()};
    settings.farms.push_back(
        {.farm = farm, .servers = {{"web-1", fmt::format("web.internal:{}", here_.port)}}});
    balancer_ = std::make_unique<Balancer>(settings, 1);
    const Result<void> listening = balancer_->listen();
    ASSERT_TRUE(listening) << listening.error().message;
    thread_ = std::thread([this] { balancer_->run(); });
    ASSERT_TRUE(eventually([this] { return ask("/health").status == 200; }));
  }

  io::HttpReply ask(const std::string& path) const {
    return io::fetch_now({.target = admin_, .path = path, .body = {}, .timeout = 15s});
  }
  Json server() const { return Json::parse(ask("/status").body)["farms"][0]["servers"][0]; }
  bool uses(const Endpoint& endpoint) const {
    return server()["resolved"]["address"] == to_text(endpoint.address);
  }

  void TearDown() override {
    if (!thread_.joinable()) return;
    kill(getpid(), SIGTERM);
    thread_.join();
  }

  NameServer names_;
  Endpoint here_;
  Endpoint there_;
  Endpoint front_ = free_endpoint();
  Endpoint admin_ = free_endpoint();
  std::unique_ptr<Balancer> balancer_;
  std::thread thread_;
};

TEST_F(NamedCopies, MoveWhileWhatIsInFlightFinishes) {
  ScriptedServer here(here_);
  ScriptedServer there(there_);
  start();
  here.accept();  // The probe.
  Peer slow = connect_to(front_);
  slow.say(get);
  Peer in_flight = here.accept();
  in_flight.hear_until("\r\n\r\n");
  Peer quick = connect_to(front_);
  quick.say(get);
  Peer idle = here.accept();
  idle.hear_until("\r\n\r\n");
  idle.say(dated_hello);
  EXPECT_EQ(quick.hear(dated_hello.size()), dated_hello);

  names_.answer({there_.address}, 0);

  EXPECT_TRUE(eventually([this] { return uses(there_); })) << server().dump();
  EXPECT_EQ(idle.hear_all(), "") << "idle connections to the old address are closed";
  there.accept();  // It is probed at once, though the next probe was an hour away.
  EXPECT_EQ(server()["state"], "up") << "it is as healthy as it was";
  in_flight.say(dated_hello);
  EXPECT_EQ(slow.hear(dated_hello.size()), dated_hello);
  EXPECT_EQ(in_flight.hear_all(), "") << "and not kept for the next request";
  slow.say(get);
  Peer moved = there.accept();
  moved.hear_until("\r\n\r\n");
  moved.say(dated_hello);
  EXPECT_EQ(slow.hear(dated_hello.size()), dated_hello);
}

TEST_F(NamedCopies, KeepTheLastAnswerThroughFailures) {
  ScriptedServer here(here_);
  start();
  here.accept();
  const auto is_kept = [this] { return server()["resolved"]["kept"] == true; };

  for (const int code : {2, 0}) {  // SERVFAIL, and an answer with nothing in it.
    if (code == 0) {
      names_.answer({}, 0);
    } else {
      names_.fail(static_cast<std::uint8_t>(code));
    }
    EXPECT_TRUE(eventually(is_kept)) << server().dump();
    EXPECT_TRUE(uses(here_));
    EXPECT_NE(server()["resolved"]["failure"], "");
    EXPECT_NE(ask("/metrics")
                  .body.find("hither_lb_server_name_failing{room=\"fra\",farm=\"web\","
                             "server=\"web-1\"} 1"),
              std::string::npos);
    Peer client = connect_to(front_);
    client.say(get);
    Peer backend = here.accept();
    backend.hear_until("\r\n\r\n");
    backend.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_TRUE(client.hear_until("hello").ends_with("hello"));

    names_.answer({there_.address, here_.address}, 0);
    EXPECT_TRUE(eventually([&] { return !is_kept(); }));
    EXPECT_TRUE(uses(here_)) << "it is still in the answer";
  }
}

TEST_F(NamedCopies, KeepTheFamilyWhoseLookupFails) {
  ScriptedServer here(here_);
  const Address ipv6 = *parse_address("::1");
  start();
  here.accept();
  names_.answer({here_.address, ipv6}, 0);
  EXPECT_TRUE(eventually([this] { return server()["resolved"]["addresses"].size() == 2; }));

  names_.fail_ipv4(2);

  EXPECT_TRUE(eventually([this] { return server()["resolved"]["kept"] == true; }))
      << server().dump();
  EXPECT_TRUE(uses(here_)) << server().dump();

  names_.answer({ipv6}, 0);
  EXPECT_TRUE(eventually([&] { return server()["resolved"]["address"] == "::1"; }))
      << server().dump();
}

TEST_F(NamedCopies, OneThatDoesNotResolveIsDownAndSaysWhy) {
  names_.fail(3);
  ScriptedServer here(here_);
  topology::Farm farm;
  farm.name = "web";
  farm.port = front_.port;
  farm.health.limits = {
      .interval = 50ms, .fast_interval = 10ms, .timeout = 5s, .fall = 1, .rise = 1};
  farm.health.kind = topology::HealthRule::Kind::tcp;
  Settings settings{.room = "fra", .listen = {front_.address}, .admin = admin_};
  settings.resolvers = {names_.endpoint()};
  settings.farms.push_back(
      {.farm = farm, .servers = {{"web-1", fmt::format("web.internal:{}", here_.port)}}});
  balancer_ = std::make_unique<Balancer>(settings, 1);
  ASSERT_TRUE(balancer_->listen());
  thread_ = std::thread([this] { balancer_->run(); });

  EXPECT_TRUE(eventually([this] {
    return server().value("last_failure", "").find("'web.internal' does not resolve") !=
           std::string::npos;
  })) << server().dump();
  EXPECT_EQ(server()["state"], "down");

  names_.answer({here_.address}, 0);
  EXPECT_TRUE(eventually([this] { return ask("/health").status == 200; }));
}

}  // namespace
}  // namespace hither::lb::test
