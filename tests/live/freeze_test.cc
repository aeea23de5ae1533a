// SPDX-License-Identifier: Apache-2.0
// One of three copies freezes under load (SIGSTOP): no request fails beyond those that it had
// already been given, those end by timeout, and the others never notice.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "io/clock.h"
#include "tests/support/child_program.h"
#include "tests/support/live_balancer.h"
#include "tests/support/live_world.h"
#include "tests/support/web_client.h"

namespace hither::test::freeze_test {
namespace {

using namespace std::chrono_literals;

constexpr int clients_count = 12;
constexpr std::size_t frozen = 1;
// The probes take a frozen copy for dead long before a request to it is given up.
constexpr Duration response = 5s;
constexpr const char* keys = R"(
timeouts = { response = "5s" }
health = { interval = "500ms", fast_interval = "100ms", timeout = "500ms", fall = 2, rise = 2 }
servers = )";

class Freeze : public testing::Test {
 protected:
  Freeze() {
    for (int i = 0; i < 3; ++i) {
      places.push_back(unused_endpoint());
      copies.push_back(std::make_unique<ChildProgram>(
          std::vector<std::string>{MISBEHAVING_COPY, hither::to_text(places.back())},
          folder.path("log")));
    }
  }
  ~Freeze() override {
    end_clients();
    copies[frozen]->signal(SIGCONT);  // or else it does not hear that it shall stop
  }

  FarmNow now() const { return balancer.now("web").value_or(FarmNow{}); }

  void start_clients() {
    for (int i = 0; i < clients_count; ++i) {
      clients.emplace_back([this, i] {
        WebClient client(balancer.port_of("web"), {.first = 30s, .next = 30s});
        for (int number = 0; !over; ++number) {
          if (!client.open() && !client.connect()) continue;
          const Asked asked{.target = fmt::format("/{}/{}", i, number)};
          const Instant begin = io::monotonic_now();
          client.say(asked.text());
          const Outcome outcome = client.hear(asked);
          add(outcome, io::monotonic_now() - begin);
        }
      });
    }
  }

  void end_clients() {
    over = true;
    for (std::thread& client : clients) client.join();
    clients.clear();
  }

  void add(Outcome outcome, Duration took) {
    const std::lock_guard lock(mutex);
    ++counts[static_cast<std::size_t>(outcome)];
    if (outcome == Outcome::right) longest_right = std::max(longest_right, took);
    if (outcome == Outcome::refused) soonest_refused = std::min(soonest_refused, took);
  }

  int count(Outcome outcome) const {
    const std::lock_guard lock(mutex);
    return counts[static_cast<std::size_t>(outcome)];
  }
  /// So many more right answers.
  bool go_on(int more) const {
    const int before = count(Outcome::right);
    return eventually(30s, [&] { return count(Outcome::right) >= before + more; });
  }

  ScratchFolder folder;
  std::vector<Endpoint> places;
  std::vector<std::unique_ptr<ChildProgram>> copies;
  LiveBalancer balancer;
  std::atomic<bool> over{false};
  std::vector<std::thread> clients;
  mutable std::mutex mutex;
  std::array<int, 7> counts{};
  Duration longest_right{};
  Duration soonest_refused = 1h;
};

TEST_F(Freeze, CostsOnlyTheRequestsThatTheCopyHadAndTheOthersNeverNotice) {
  ASSERT_TRUE(balancer.start({{"web", keys + server_list(places)}})) << balancer.output();
  ASSERT_TRUE(eventually(10s, [&] { return now().usable == 3; })) << balancer.output();
  start_clients();
  ASSERT_TRUE(go_on(500));
  ASSERT_EQ(count(Outcome::refused), 0);

  copies[frozen]->signal(SIGSTOP);
  FarmNow seen;
  ASSERT_TRUE(eventually(15s, [&] {
    seen = now();
    return seen.copies.size() == 3 && seen.copies[frozen].state == "down";
  }));
  const int had = seen.copies[frozen].in_flight;  // one thread serves both, so this is exact
  const int failed_early = count(Outcome::refused);
  ASSERT_TRUE(eventually(30s, [&] { return now().copies[frozen].in_flight == 0; }));
  ASSERT_TRUE(go_on(500));
  const FarmNow after = now();
  end_clients();

  std::fputs(
      fmt::format("{} right, {} failed of {} that the copy had; slowest right answer {} ms\n",
                  count(Outcome::right), count(Outcome::refused), had, longest_right / 1ms)
          .c_str(),
      stdout);
  EXPECT_GT(had, 0) << "nothing was at stake";
  EXPECT_LE(had, clients_count);
  EXPECT_EQ(failed_early, 0);
  EXPECT_EQ(count(Outcome::refused), had);
  EXPECT_EQ(count(Outcome::cut) + count(Outcome::halved) + count(Outcome::closed) +
                count(Outcome::wrong) + count(Outcome::stuck),
            0);
  EXPECT_EQ(after.copies[frozen].failed, static_cast<std::uint64_t>(had));
  EXPECT_EQ(after.copies[0].failed + after.copies[2].failed, 0U);
  // By timeout; and whoever had waited for it in vain and been sent on would be as late.
  EXPECT_GE(soonest_refused, response - 100ms);
  EXPECT_LT(longest_right, response);
}

TEST_F(Freeze, EndsAndTheCopyIsGivenRequestsAgain) {
  ASSERT_TRUE(balancer.start({{"web", keys + server_list(places)}})) << balancer.output();
  ASSERT_TRUE(eventually(10s, [&] { return now().usable == 3; })) << balancer.output();
  start_clients();
  ASSERT_TRUE(go_on(100));

  copies[frozen]->signal(SIGSTOP);
  ASSERT_TRUE(eventually(15s, [&] { return now().usable == 2; }));
  copies[frozen]->signal(SIGCONT);

  EXPECT_TRUE(eventually(15s, [&] { return now().usable == 3; }));
  EXPECT_TRUE(eventually(15s, [&] { return now().copies[frozen].in_flight > 0; }));
  EXPECT_EQ(count(Outcome::refused), 0) << "it thawed in time for all that it had";
}

}  // namespace
}  // namespace hither::test::freeze_test
