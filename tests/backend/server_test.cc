// SPDX-License-Identifier: Apache-2.0
//
// The driver with real sockets on loopback. What is only true soon after an order is asked for
// again until it is, never awaited by time.
#include "backend/server.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "io/http_client.h"

namespace hither::backend {
namespace {

using namespace std::chrono_literals;

constexpr int asks_max = 2000;

const Endpoint any_port = {.address = Address::v4(0x7f000001), .port = 0};

/// A server that runs on a thread of its own until the test ends.
class Running {
 public:
  explicit Running(const Server::Options& options) : server_(options) {
    const auto endpoint = server_.listen();
    EXPECT_TRUE(endpoint) << (endpoint ? "" : endpoint.error().message);
    if (endpoint) endpoint_ = *endpoint;
    thread_ = std::thread([this] { server_.run(); });
  }
  ~Running() { stop(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  io::HttpReply ask(const std::string& method, const std::string& path, Duration timeout = 10s) {
    return io::fetch_now({.target = endpoint_, .method = method, .path = path, .timeout = timeout});
  }
  io::HttpReply ask_admin(const std::string& method, const std::string& path) {
    return io::fetch_now({.target = *server_.admin(), .method = method, .path = path});
  }
  /// Asks for `/` until that status comes back.
  bool soon(int status) {
    for (int i = 0; i < asks_max; ++i) {
      if (ask("GET", "/").status == status) return true;
    }
    return false;
  }
  /// Waits until the server has ended by itself, after what was in flight.
  void stop() {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }

 private:
  Server server_;
  Endpoint endpoint_;
  std::thread thread_;
};

TEST(Server, AnswersWhereItSaysItListens) {
  Running server({.identity = {.room = "fra", .farm = "web", .copy = 1}, .listen = any_port});

  const io::HttpReply reply = server.ask("GET", "/hello");

  EXPECT_EQ(reply.status, 200) << reply.error;
  EXPECT_NE(reply.body.find("\"path\":\"/hello\""), std::string::npos);
  EXPECT_EQ(server.ask("GET", "/health").status, 200);
  EXPECT_NE(server.ask("GET", "/metrics").body.find("hither_backend_requests_total{room=\"fra\""),
            std::string::npos);
}

TEST(Server, EveryThreadServesTheSameSite) {
  Running server({.listen = any_port, .threads = 3});
  for (int i = 0; i < 20; ++i) ASSERT_EQ(server.ask("GET", "/").status, 200);

  EXPECT_NE(server.ask("GET", "/status").body.find("\"requests\":20,"), std::string::npos);
}

TEST(Server, APortThatIsTakenIsAMistakeAndNotACrash) {
  Server first({.listen = any_port});
  const auto endpoint = first.listen();
  ASSERT_TRUE(endpoint);

  Server second({.listen = *endpoint});

  EXPECT_FALSE(second.listen());
}

TEST(Server, FrozenItHangsUntilItIsHealed) {
  Running server({.listen = any_port});

  EXPECT_EQ(server.ask("POST", "/fault?freeze").status, 200);
  EXPECT_EQ(server.ask("GET", "/", 200ms).status, 0);
  EXPECT_EQ(server.ask("POST", "/fault?heal").status, 200);

  EXPECT_EQ(server.ask("GET", "/").status, 200);
}

TEST(Server, AskedWhileFrozenItAnswersWhenHealed) {
  Running server({.listen = any_port});
  EXPECT_EQ(server.ask("POST", "/fault?freeze").status, 200);

  io::HttpReply reply;
  std::thread client([&] { reply = server.ask("GET", "/", 60s); });
  server.ask("GET", "/", 100ms);
  EXPECT_EQ(server.ask("POST", "/fault?heal").status, 200);
  client.join();

  EXPECT_EQ(reply.status, 200) << reply.error;
}

TEST(Server, RefusingWithAnAdminAddressThePortIsClosedAndOpensAgain) {
  Running server({.listen = any_port, .admin = any_port});
  ASSERT_EQ(server.ask("GET", "/").status, 200);

  EXPECT_EQ(server.ask_admin("POST", "/fault?refuse").status, 200);
  EXPECT_TRUE(server.soon(0));
  EXPECT_EQ(server.ask("GET", "/").error, "Connection refused");
  EXPECT_EQ(server.ask_admin("POST", "/fault?heal").status, 200);

  EXPECT_TRUE(server.soon(200));
}

TEST(Server, WhatIsInFlightIsFinishedBeforeItStops) {
  Running server({.behaviour = {.service = {.mean = 200ms}}, .listen = any_port});
  io::HttpReply reply;
  std::thread client([&] { reply = server.ask("GET", "/"); });
  int asks = 0;
  while (server.ask("GET", "/status").body.find("\"requests\":1,") == std::string::npos) {
    ASSERT_LT(++asks, asks_max);
  }

  server.stop();
  client.join();

  EXPECT_EQ(reply.status, 200) << reply.error;
}

TEST(ServerDeathTest, ACrashHasTheStatusThatWasAskedFor) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Running server({.listen = any_port});
        server.ask("POST", "/fault?crash=7");
        server.soon(-1);
      },
      testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace hither::backend
