// SPDX-License-Identifier: Apache-2.0
//
// The real balancer takes other settings while clients use it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/text.h"
#include "io/admin.h"
#include "io/clock.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "lb/server.h"
#include "tests/lb/live_peer.h"
#include "tests/lb/messages.h"
#include "tests/lb/named_copy.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

class ChangingBalancer : public testing::Test {
 protected:
  static topology::Farm farm_at(const std::string& name, std::uint16_t port) {
    topology::Farm farm;
    farm.name = name;
    farm.port = port;
    farm.timeouts.drain = 0s;
    farm.health.limits = {
        .interval = 100ms, .fast_interval = 10ms, .timeout = 5s, .fall = 3, .rise = 1};
    return farm;
  }

  Settings settings_of(std::vector<FarmSettings> farms) const {
    return {.room = "fra", .listen = {front_.address}, .admin = admin_, .farms = std::move(farms)};
  }

  /// A farm "web" at front_ with these copies.
  FarmSettings web(const std::vector<std::string>& addresses) const {
    FarmSettings farm{.farm = farm_at("web", front_.port), .servers = {}};
    for (const std::string& address : addresses) {
      farm.servers.emplace_back(fmt::format("web-{}", farm.servers.size() + 1), address);
    }
    return farm;
  }

  void start(Settings settings, unsigned threads) {
    balancer_ = std::make_unique<Balancer>(settings, threads);
    const Result<void> listening = balancer_->listen();
    ASSERT_TRUE(listening) << listening.error().message;
    wanted_ = std::move(settings);
    balancer_->follow(
        [this] {
          const std::lock_guard<std::mutex> hold(lock_);
          return SetupReading{.settings = wanted_, .mistakes = {}, .files = {}, .stamps = {}};
        },
        {});
    thread_ = std::thread([this] { balancer_->run(); });
    ASSERT_TRUE(all_are_up());
  }

  /// Waits for every copy there is.
  bool all_are_up() const {
    return eventually([this] {
      const io::HttpReply reply = ask("/health");
      if (reply.status != 200) return false;
      const Json farms = Json::parse(reply.body)["farms"];
      return std::ranges::all_of(farms,
                                 [](const Json& farm) { return farm["usable"] == farm["copies"]; });
    });
  }

  /// Returns when it was taken or refused: reload.done or reload.refused of /status is one more.
  void change(Settings settings, const char* becomes = "done") {
    const int before = status()["reload"][becomes].get<int>();
    {
      const std::lock_guard<std::mutex> hold(lock_);
      wanted_ = std::move(settings);
    }
    kill(getpid(), SIGHUP);
    ASSERT_TRUE(eventually([&] { return status()["reload"][becomes].get<int>() == before + 1; }))
        << status().dump();
  }

  io::HttpReply ask(const std::string& path) const {
    return io::fetch_now({.target = admin_, .path = path, .body = {}, .timeout = 15s});
  }
  Json status() const { return Json::parse(ask("/status").body); }

  void TearDown() override {
    if (!thread_.joinable()) return;
    kill(getpid(), SIGTERM);
    thread_.join();
  }

  Endpoint front_ = free_endpoint();
  Endpoint admin_ = free_endpoint();
  std::unique_ptr<Balancer> balancer_;
  std::mutex lock_;
  Settings wanted_;
  std::thread thread_;
};

/// One request on a connection that stays; false if it was not answered with 200 and a body.
bool ask_on(Peer& client, bool& closes) {
  client.say(get);
  const std::string head = client.hear_until("\r\n\r\n");
  closes = head.find("Connection: close") != std::string::npos;
  const std::size_t length = head.find("Content-Length: 1");
  const bool good = head.starts_with("HTTP/1.1 200 ") && length != std::string::npos;
  EXPECT_TRUE(good) << head;
  return good && client.hear(1).size() == 1;
}

TEST_F(ChangingBalancer, LosesNothingOverFiftyChangesUnderLoad) {
  const NamedCopy a("a");
  const NamedCopy b("b");
  const NamedCopy c("c");
  start(settings_of({web({a.address(), b.address()})}), /*threads=*/2);
  std::atomic<bool> stopping{false};
  std::atomic<int> answered{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!stopping) {
        Peer client = connect_to(front_);
        bool closes = false;
        for (int n = 0; n < 50 && !stopping && !closes; ++n) {
          ++(ask_on(client, closes) ? answered : failed);
        }
      }
    });
  }

  const std::vector<std::vector<std::string>> shapes = {{b.address()},
                                                        {b.address(), c.address()},
                                                        {c.address(), a.address(), b.address()},
                                                        {a.address()},
                                                        {a.address(), b.address()}};
  const std::vector<topology::Balance> ways = {
      topology::Balance::least_request, topology::Balance::maglev, topology::Balance::peak_ewma};
  for (std::size_t turn = 0; turn < 50; ++turn) {
    FarmSettings farm = web(shapes[turn % shapes.size()]);
    farm.farm.balance = ways[turn % ways.size()];
    farm.farm.timeouts.response += std::chrono::seconds(turn);
    farm.farm.weights["web-1"].weight = turn % 2 == 0 ? 100 : 50;
    // Those that stay carry it until those that come are up.
    change(settings_of({farm}));
    ASSERT_TRUE(all_are_up());
  }
  stopping = true;
  for (std::thread& client : clients) client.join();

  EXPECT_EQ(failed, 0);
  EXPECT_GT(answered, 50);
  EXPECT_EQ(status()["reload"]["done"], 50);
}

TEST_F(ChangingBalancer, ACopyThatLeavesFinishesWhatItHas) {
  const NamedCopy stays("s");
  ScriptedServer leaves;
  FarmSettings both = web({stays.address(), to_text(leaves.endpoint())});
  both.farm.health.limits.interval = 1h;
  both.farm.balance = topology::Balance::round_robin;
  std::thread prober([&] {
    Peer probe = leaves.accept();
    probe.hear_until("\r\n\r\n");
    probe.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  start(settings_of({both}), 1);
  prober.join();
  Peer one = connect_to(front_);
  Peer other = connect_to(front_);
  one.say(get);
  other.say(get);
  Peer backend = leaves.accept();
  backend.hear_until("\r\n\r\n");

  change(settings_of({web({stays.address()})}));

  const Json farm = status()["farms"][0];
  EXPECT_EQ(farm["servers"].size(), 1U);
  EXPECT_EQ(farm["leaving"][0]["in_flight"], 1) << farm.dump();
  backend.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
  const bool first_was_late =
      one.hear_until("\r\n\r\n").find("Content-Length: 4") != std::string::npos;
  EXPECT_EQ((first_was_late ? one : other).hear_until("late").find("late") == std::string::npos,
            false);
  EXPECT_TRUE(backend.hear_all().empty()) << "its connection is not kept";
  EXPECT_TRUE(eventually([&] { return status()["farms"][0]["leaving"].empty(); }));
}

TEST_F(ChangingBalancer, AnEjectedCopyStaysOutWhateverItIsCalled) {
  const NamedCopy a("a");
  NamedCopy b("b");
  const NamedCopy c("c");
  const auto farm_of = [this](const std::vector<std::string>& addresses) {
    FarmSettings farm = web(addresses);
    farm.farm.balance = topology::Balance::round_robin;
    farm.farm.outlier.backoff = farm.farm.outlier.backoff_max = 1h;
    return farm;
  };
  const auto ask_front = [this] { return io::fetch_now({.target = front_, .body = {}}).status; };
  const auto standing_of_b = [&] {
    const Json now = status();
    for (const Json& server : now["farms"][0]["servers"]) {
      if (server["address"] == b.address()) return server["outlier"]["standing"].get<std::string>();
    }
    return std::string("gone");
  };
  start(settings_of({farm_of({a.address(), b.address()})}), 2);
  b.fail_requests();
  ASSERT_TRUE(eventually([&] {
    ask_front();
    return standing_of_b() == "ejected";
  }));

  change(settings_of({farm_of({c.address(), a.address(), b.address()})}));

  EXPECT_EQ(status()["farms"][0]["servers"][2]["address"], b.address());
  EXPECT_EQ(standing_of_b(), "ejected");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask_front(), 200);
}

TEST_F(ChangingBalancer, AFarmComesAndGoesWithItsPort) {
  const NamedCopy a("a");
  start(settings_of({web({a.address()})}), 2);
  const Endpoint second = free_endpoint();
  FarmSettings api{.farm = farm_at("api", second.port), .servers = {{"api-1", a.address()}}};

  change(settings_of({web({a.address()}), api}));
  ASSERT_TRUE(all_are_up());
  Peer client = connect_to(second);
  bool closes = false;
  EXPECT_TRUE(ask_on(client, closes));
  EXPECT_FALSE(closes);

  change(settings_of({web({a.address()})}));
  EXPECT_TRUE(ask_on(client, closes)) << "it is served until it has been told to go";
  EXPECT_TRUE(closes);
  EXPECT_FALSE(io::listen_tcp(front_)) << "this port is still ours";
  EXPECT_TRUE(io::listen_tcp(second)) << "and that one is free";
  EXPECT_EQ(status()["farms"].size(), 1U);

  change(settings_of({api, web({a.address()})}));
  Peer again = connect_to(second);
  EXPECT_TRUE(all_are_up());
  EXPECT_TRUE(ask_on(again, closes));
}

TEST_F(ChangingBalancer, WhoCameToAFarmBeforeItWentIsServedOnceThoughItSaysSoLater) {
  const NamedCopy a("a");
  const Endpoint second = free_endpoint();
  FarmSettings behind{.farm = farm_at("behind", second.port), .servers = {{"b-1", a.address()}}};
  behind.farm.accept_proxy = true;
  start(settings_of({web({a.address()}), behind}), 2);
  Peer client = connect_to(second);

  change(settings_of({web({a.address()})}));
  io::Loop waits;
  io::Timer later(waits, [&waits] { waits.stop(); });
  later.set(io::monotonic_now() + 2 * leaving_interval);  // Of the 5 s that it has.
  waits.run();
  client.say("PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n");
  bool closes = false;
  EXPECT_TRUE(ask_on(client, closes));

  EXPECT_TRUE(closes);
}

TEST_F(ChangingBalancer, AShorterTimeHoldsForTcpConnectionsThatAreOpenOnceTheyMove) {
  ScriptedServer server;
  FarmSettings farm = web({to_text(server.endpoint())});
  farm.farm.mode = topology::Mode::tcp;
  farm.farm.health.kind = topology::HealthRule::Kind::tcp;
  farm.farm.health.limits.interval = 1h;
  farm.farm.timeouts.tunnel = 1h;
  start(settings_of({farm}), 2);
  server.accept();  // The probe.
  Peer before = connect_to(front_);
  Peer backend = server.accept();
  before.say("one");
  EXPECT_EQ(backend.hear(3), "one");

  farm.farm.timeouts.tunnel = 300ms;
  change(settings_of({farm}));
  before.say("two");
  Peer since = connect_to(front_);

  EXPECT_EQ(backend.hear_all(), "two") << "and then the end";
  EXPECT_EQ(before.hear_all(), "");
  EXPECT_EQ(since.hear_all(), "");
}

TEST_F(ChangingBalancer, AVersionThatCannotBeHadChangesNothing) {
  const NamedCopy a("a");
  start(settings_of({web({a.address()})}), 2);
  const Endpoint taken = free_endpoint();
  const Result<io::Fd> holder = io::listen_tcp(taken);
  ASSERT_TRUE(holder);
  FarmSettings api{.farm = farm_at("api", taken.port), .servers = {{"api-1", a.address()}}};

  change(settings_of({api, web({})}), "refused");

  const Json now = status();
  EXPECT_NE(now["reload"]["mistakes"][0].get<std::string>().find(to_text(taken)),
            std::string::npos);
  EXPECT_EQ(now["farms"].size(), 1U);
  Peer client = connect_to(front_);
  bool closes = false;
  EXPECT_TRUE(ask_on(client, closes));

  Settings moved = settings_of({web({a.address()})});
  moved.admin = free_endpoint();
  change(moved, "refused");
  EXPECT_NE(status()["reload"]["mistakes"][0].get<std::string>().find("restart hither-lb"),
            std::string::npos);
}

}  // namespace
}  // namespace hither::lb::test
