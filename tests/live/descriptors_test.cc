// SPDX-License-Identifier: Apache-2.0
// More clients than descriptors: hither-lb pauses accepting, goes on with all else, and recovers.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/live_balancer.h"
#include "tests/support/live_world.h"
#include "tests/support/misbehaving_server.h"
#include "tests/support/web_client.h"

namespace hither::test::descriptors_test {
namespace {

using namespace std::chrono_literals;

constexpr int descriptors_max = 128;
constexpr std::size_t clients_count = 120;
constexpr Patience patience = {.first = 20s, .next = 20s};
constexpr const char* keys = R"(
timeouts = { idle = "10m", connect = "300ms" }
health = { interval = "1s", fast_interval = "100ms", timeout = "1s", fall = 2, rise = 1 }
servers = )";

class Descriptors : public testing::Test {
 protected:
  Descriptors() : balancer({.descriptors_max = descriptors_max}) {
    for (int i = 0; i < 2; ++i) start_copy();
  }

  void start_copy() {
    copies.push_back(std::make_unique<MisbehavingServer>(unused_endpoint(), 1));
    places.push_back(copies.back()->endpoint());
  }
  void start() {
    ASSERT_TRUE(balancer.start({{"web", keys + server_list(places)}})) << balancer.output();
    ASSERT_TRUE(eventually(10s, [&] { return now().usable == 2; })) << balancer.output();
  }
  FarmNow now() const { return balancer.now("web").value_or(FarmNow{}); }
  bool paused() const { return balancer.output().find("accept-paused") != std::string::npos; }

  /// From now on it may have this many descriptors; what it has it keeps.
  void limit(int descriptors) const {
    const rlimit most{.rlim_cur = static_cast<rlim_t>(descriptors), .rlim_max = descriptors_max};
    ASSERT_EQ(prlimit(balancer_pid(), RLIMIT_NOFILE, &most, nullptr), 0);
  }
  int balancer_pid() const { return const_cast<LiveBalancer&>(balancer).program().pid(); }

  std::vector<std::unique_ptr<MisbehavingServer>> copies;
  std::vector<Endpoint> places;
  LiveBalancer balancer;
};

TEST_F(Descriptors, MoreClientsThanTheyAreForWaitAndAllAreServed) {
  start();
  const int before = balancer.descriptors();
  std::vector<WebClient> clients;
  for (std::size_t i = 0; i < clients_count; ++i) {
    clients.emplace_back(balancer.port_of("web"), patience);
  }
  const Asked asked{.target = "/waits"};

  for (WebClient& client : clients) {
    ASSERT_TRUE(client.connect());
    ASSERT_TRUE(client.say(asked.text()));
  }

  ASSERT_TRUE(eventually(10s, [&] { return paused(); })) << balancer.output();
  const int served = now().clients;
  EXPECT_GT(served, 10);
  EXPECT_LT(served, descriptors_max / 2);
  EXPECT_EQ(balancer.ask("/health"), 200);
  EXPECT_EQ(balancer.ask("/metrics"), 200);
  // Probes still see what becomes of the copies; nobody's request is lost with one.
  ASSERT_TRUE(eventually(10s, [&] { return now().asks_nothing(); })) << now().to_text();
  const Endpoint place = places[1];
  copies[1].reset();
  EXPECT_TRUE(eventually(10s, [&] { return now().usable == 1; })) << now().to_text();
  copies[1] = std::make_unique<MisbehavingServer>(place, 1);
  EXPECT_TRUE(eventually(10s, [&] { return now().usable == 2; })) << now().to_text() << "\n"
                                                                  << balancer.output();
  // Nobody of those who wait was served meanwhile, and all are once the first leave.
  EXPECT_EQ(now().clients, served);
  int right = 0;
  for (WebClient& client : clients) {
    if (client.hear(asked) == Outcome::right) ++right;
    client.reset();
  }
  EXPECT_EQ(right, static_cast<int>(clients_count));
  EXPECT_TRUE(eventually(10s, [&] { return now().quiet(); })) << now().to_text();
  copies.clear();
  EXPECT_TRUE(eventually(10s, [&] { return balancer.descriptors() <= before; }))
      << before << " before, now " << balancer.descriptors();
}

TEST_F(Descriptors, NoneAtAllIsWeatheredToo) {
  start();
  const Asked asked{.target = "/one"};
  WebClient old(balancer.port_of("web"), patience);
  ASSERT_TRUE(old.connect());
  ASSERT_TRUE(old.say(asked.text()));
  ASSERT_EQ(old.hear(asked), Outcome::right);

  limit(3);
  WebClient fresh(balancer.port_of("web"), patience);
  ASSERT_TRUE(fresh.connect());  // the kernel takes it
  ASSERT_TRUE(fresh.say(asked.text()));
  ASSERT_TRUE(eventually(10s, [&] { return paused(); })) << balancer.output();
  // Who is there is served as long as it needs nothing new; else it is told the truth.
  ASSERT_TRUE(old.say(asked.text()));
  const Outcome outcome = old.hear(asked);
  EXPECT_TRUE(outcome == Outcome::right || outcome == Outcome::refused) << to_text(outcome);

  limit(descriptors_max);
  const Outcome late = fresh.hear(asked);
  EXPECT_TRUE(late == Outcome::right || late == Outcome::refused) << to_text(late);
  EXPECT_TRUE(eventually(10s, [&] { return now().usable == 2; })) << balancer.output();
  EXPECT_TRUE(eventually(10s, [&] {
    WebClient last(balancer.port_of("web"), patience);
    return last.connect() && last.say(asked.text()) && last.hear(asked) == Outcome::right;
  }));
  EXPECT_TRUE(balancer.program().running());
}

}  // namespace
}  // namespace hither::test::descriptors_test
