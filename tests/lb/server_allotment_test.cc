// SPDX-License-Identifier: Apache-2.0
//
// The real balancer when copies come back, and when few are left.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "io/admin.h"
#include "io/clock.h"
#include "io/http_client.h"
#include "lb/server.h"
#include "tests/lb/live_peer.h"
#include "tests/lb/named_copy.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

/// A balancer before copies a and b.
class BalancerOfTwo : public testing::Test {
 protected:
  BalancerOfTwo() {
    farm_.name = "web";
    farm_.port = front_.port;
    farm_.balance = topology::Balance::round_robin;
    farm_.health.limits = {
        .interval = 50ms, .fast_interval = 10ms, .timeout = 5s, .fall = 2, .rise = 1};
    farm_.guard.hold = 0s;  // Every probe is believed.
  }
  ~BalancerOfTwo() override {
    if (!thread_.joinable()) return;
    kill(getpid(), SIGTERM);
    thread_.join();
  }

  Settings settings() const {
    return {.room = "fra",
            .listen = {front_.address},
            .admin = admin_,
            .farms = {
                {.farm = farm_,
                 .servers = {{"web-1", copies_[0]->address()}, {"web-2", copies_[1]->address()}}}}};
  }
  void start() {
    balancer_ = std::make_unique<Balancer>(settings(), /*threads=*/1);
    const Result<void> listening = balancer_->listen();
    ASSERT_TRUE(listening) << listening.error().message;
    wanted_ = settings();
    balancer_->follow(
        [this] {
          const std::lock_guard<std::mutex> hold(lock_);
          return SetupReading{.settings = wanted_, .mistakes = {}, .files = {}, .stamps = {}};
        },
        {});
    thread_ = std::thread([this] { balancer_->run(); });
    ASSERT_TRUE(usable_becomes(2));
  }
  /// Takes farm_ as it is now.
  void reload() {
    const int before = status()["reload"]["done"].get<int>();
    {
      const std::lock_guard<std::mutex> hold(lock_);
      wanted_ = settings();
    }
    kill(getpid(), SIGHUP);
    ASSERT_TRUE(eventually([&] { return status()["reload"]["done"].get<int>() == before + 1; }));
  }

  std::string ask(const std::string& path) const {
    return io::fetch_now({.target = admin_, .path = path, .body = {}, .timeout = 15s}).body;
  }
  Json status() const { return Json::parse(ask("/status")); }
  Json farm() const { return status()["farms"][0]; }
  Json report() const { return Json::parse(ask("/health"))["farms"][0]; }
  bool usable_becomes(int copies) const {
    return eventually([this, copies] { return report()["usable"] == copies; });
  }
  bool panic_becomes(bool active) const {
    return eventually([this, active] { return farm()["panic"]["active"] == active; });
  }

  struct Answers {
    int a = 0;
    int b = 0;
    int shed = 0;
  };
  /// Asks so many times, on one connection.
  Answers ask_often(int times) const {
    Answers answers;
    Peer client = connect_to(front_);
    for (int i = 0; i < times; ++i) {
      client.say("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
      const std::string head = client.hear_until("\r\n\r\n");
      if (head.starts_with("HTTP/1.1 503 ")) {
        EXPECT_NE(head.find("\r\nRetry-After: 1\r\n"), std::string::npos) << head;
        const std::string why = client.hear_until("\n");
        EXPECT_EQ(why,
                  "503: too few copies of farm web are up, and this request is refused to "
                  "spare them\n");
        ++answers.shed;
        continue;
      }
      const std::string body = client.hear(1);
      EXPECT_TRUE(body == "a" || body == "b") << head << body;
      ++(body == "a" ? answers.a : answers.b);
    }
    return answers;
  }

  Endpoint front_ = free_endpoint();
  Endpoint admin_ = free_endpoint();
  topology::Farm farm_;
  std::unique_ptr<NamedCopy> copies_[2] = {std::make_unique<NamedCopy>("a"),
                                           std::make_unique<NamedCopy>("b")};
  std::unique_ptr<Balancer> balancer_;
  std::mutex lock_;
  Settings wanted_;
  std::thread thread_;
};

TEST_F(BalancerOfTwo, LetsACopyThatIsBackStartSlowly) {
  farm_.slow_start = 1h;
  farm_.concurrency.most = 50;
  farm_.capacity = 40;
  start();
  EXPECT_EQ(farm()["servers"][1]["share"], 1) << "not at the start";
  EXPECT_EQ(report()["capacity"], 80);

  copies_[1]->pass_probes(false);
  ASSERT_TRUE(usable_becomes(1));
  ASSERT_TRUE(eventually([this] { return farm()["servers"][1]["share"] == 0; }));
  copies_[1]->pass_probes(true);
  ASSERT_TRUE(usable_becomes(2));

  EXPECT_EQ(farm()["servers"][1]["weight"], 10);
  EXPECT_EQ(farm()["servers"][1]["limit"], 1);
  EXPECT_LT(farm()["servers"][1]["share"], 0.02);
  EXPECT_EQ(report()["capacity"], 41);
  EXPECT_EQ(report()["limit"], 51);
  const Answers answers = ask_often(110);
  EXPECT_NEAR(answers.b, 10, 1);
  EXPECT_EQ(answers.a + answers.b, 110);
  EXPECT_NE(ask("/decisions?farm=web&last=1").find(R"("weight":10)"), std::string::npos);
  EXPECT_NE(ask("/metrics").find("hither_lb_server_share{"), std::string::npos);

  farm_.timeouts.idle = 70s;
  reload();
  EXPECT_EQ(farm()["servers"][1]["weight"], 10) << "whatever else changes";
  farm_.slow_start = 1s;
  reload();
  EXPECT_TRUE(eventually([this] { return farm()["servers"][1]["weight"] == 100; }));
  EXPECT_EQ(farm()["servers"][1]["limit"], 50);
  EXPECT_EQ(report()["capacity"], 80);
  EXPECT_NEAR(ask_often(40).b, 20, 1);
}

TEST_F(BalancerOfTwo, SpreadsInPanicWhateverProbesSay) {
  farm_.panic = {.below = 0.6, .mode = topology::Panic::Mode::spread};
  start();
  copies_[1]->pass_probes(false);
  ASSERT_TRUE(panic_becomes(true));

  const Answers answers = ask_often(40);

  EXPECT_EQ(answers.a, 20);
  EXPECT_EQ(answers.b, 20);
  EXPECT_EQ(report()["usable"], 1) << "the truth for the DNS";
  EXPECT_EQ(report()["capacity"], 100);
  EXPECT_NE(ask("/metrics").find("hither_lb_panic{room=\"fra\",farm=\"web\"} 1\n"),
            std::string::npos);
  EXPECT_NE(ask("/decisions?farm=web&last=2").find("not usable, but there is panic"),
            std::string::npos);

  copies_[0]->pass_probes(false);
  ASSERT_TRUE(usable_becomes(0));
  EXPECT_EQ(ask_often(40).a, 20) << "and when all seem to be down";

  copies_[0]->pass_probes(true);
  copies_[1]->pass_probes(true);
  EXPECT_TRUE(panic_becomes(false));
  EXPECT_EQ(farm()["panic"]["times"], 1);
}

TEST_F(BalancerOfTwo, ShedsInPanicWhatTheOthersWouldGet) {
  farm_.panic = {.below = 1, .mode = topology::Panic::Mode::shed};
  start();
  copies_[1]->pass_probes(false);
  ASSERT_TRUE(panic_becomes(true));
  EXPECT_EQ(farm()["panic"]["admitted"], 0.5);

  const Answers answers = ask_often(400);

  EXPECT_EQ(answers.b, 0);
  EXPECT_NEAR(answers.a, 200, 60) << "six standard deviations";
  EXPECT_EQ(farm()["shed_total"], answers.shed);
  EXPECT_NE(ask("/decisions?farm=web&last=1000").find(R"("panic":"shed")"), std::string::npos);

  copies_[1]->pass_probes(true);
  ASSERT_TRUE(panic_becomes(false));
  EXPECT_EQ(ask_often(40).shed, 0);
}

TEST_F(BalancerOfTwo, FollowsResponseTimesWithItsLimit) {
  farm_.concurrency = {.adaptive = true, .least = 4};
  farm_.capacity = 6;
  start();
  EXPECT_EQ(farm()["adaptive"], "gradient");
  EXPECT_EQ(farm()["servers"][0]["limit"], 6);
  EXPECT_EQ(farm()["servers"][0]["gradient"]["usual_s"], 0);

  ask_often(40);

  EXPECT_TRUE(eventually([this] { return farm()["servers"][0]["gradient"]["usual_s"] > 0; }));
  EXPECT_EQ(farm()["servers"][0]["limit"], 6) << "one at a time is no reason to grow";
}

}  // namespace
}  // namespace hither::lb::test
