// SPDX-License-Identifier: Apache-2.0
//
// One process of hither-lb takes the place of another, and nobody notices.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "io/fd_passing.h"
#include "io/http_client.h"
#include "lb/handover.h"
#include "tests/support/child_program.h"
#include "tests/support/live_world.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/steady_clients.h"

namespace hither::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr Duration soon = 30s;
constexpr std::size_t copies_most = 4;

/// A balancer of one room in front of copies that listen on free ports of 127.78.0.1.
class Upgrade : public testing::Test {
 protected:
  Upgrade() : first_port_(free_ports(2 + copies_most)) {}

  /// They listen when this returns, so a balancer's first probe finds them.
  void start_copies(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      copies_.push_back(std::make_unique<ChildProgram>(
          std::vector<std::string>{folder_of_programs() + "/hither-backend"},
          folder_.path("copies.log"),
          std::vector<std::string>{"HOST=127.78.0.1", fmt::format("PORT={}", port_of(i)),
                                   "HITHER_ROOM=fra", "HITHER_FARM=web",
                                   fmt::format("HITHER_COPY={}", i + 1)}));
    }
    for (std::size_t i = 0; i < count; ++i) {
      const Endpoint place{.address = front().address,
                           .port = static_cast<std::uint16_t>(port_of(i))};
      ASSERT_TRUE(eventually(
          soon, [&] { return io::fetch_now({.target = place, .path = "/health"}).status == 200; }));
    }
  }

  static std::string folder_of_programs() {
    const std::string hither = HITHER_PROGRAM;
    return hither.substr(0, hither.rfind('/'));
  }
  int port_of(std::size_t copy) const { return first_port_ + 2 + static_cast<int>(copy); }
  Endpoint front() const { return *parse_endpoint(fmt::format("127.78.0.1:{}", first_port_)); }
  Endpoint admin() const { return *parse_endpoint(fmt::format("127.78.0.1:{}", first_port_ + 1)); }

  /// A farm of these copies; `farm` is what else is said of it.
  void describe(const std::vector<std::size_t>& copies, const std::string& farm,
                const std::string& interval = "5s") {
    std::string servers;
    for (const std::size_t copy : copies) {
      servers += fmt::format("{}\"127.78.0.1:{}\"", servers.empty() ? "" : ", ", port_of(copy));
    }
    folder_.write("world.toml",
                  fmt::format(R"(schema = 1
world = "upgrade"
[farm.web]
port = {}
health = {{ path = "/health", interval = "{}", fast_interval = "50ms", timeout = "5s" }}
{}
[room.fra]
address = ["127.78.0.1"]
admin = "{}"
farm.web = {{ servers = [{}] }}
)",
                              first_port_, interval, farm, to_text(admin()), servers));
  }

  /// `before` is what the shell is told first.
  std::unique_ptr<ChildProgram> start_balancer(int threads, std::vector<std::string> more = {},
                                               const std::string& before = "") {
    std::vector<std::string> variables = {"HITHER_TOPOLOGY=" + folder_.path("world.toml"),
                                          "HITHER_ROOM=fra", "HITHER_HANDOVER=" + place(),
                                          fmt::format("HITHER_THREADS={}", threads)};
    variables.insert(variables.end(), more.begin(), more.end());
    return std::make_unique<ChildProgram>(
        std::vector<std::string>{"/bin/sh", "-c", before + "exec \"$0\"",
                                 folder_of_programs() + "/hither-lb"},
        log(), variables);
  }

  std::string place() const { return folder_.path("place"); }
  std::string log() const { return folder_.path("balancers.log"); }
  std::size_t times_logged(const std::string& what) const {
    const std::string text = read_text(log());
    std::size_t times = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
      ++times;
    }
    return times;
  }
  bool logs(const std::string& what, std::size_t times = 1) const {
    return eventually(soon, [&] { return times_logged(what) >= times; });
  }

  /// Asked again where it takes too long: the machine may be busy.
  Json page(const std::string& path) const {
    Json page;
    EXPECT_TRUE(eventually(soon, [&] {
      page = Json::parse(io::fetch_now({.target = admin(), .path = path}).body, nullptr, false);
      return page.is_object();
    })) << path;
    return page;
  }
  Json status() const { return page("/status"); }
  Json health() const { return page("/health"); }
  bool all_are_up(std::size_t copies) const {
    return eventually(soon, [&] {
      const Json room = health();
      return room["farms"][0]["copies"] == copies && room["farms"][0]["usable"] == copies;
    });
  }
  io::HttpReply ask() const { return io::fetch_now({.target = front(), .path = "/x"}); }

  std::uint16_t first_port_;
  ScratchFolder folder_;
  std::vector<std::unique_ptr<ChildProgram>> copies_;
};

/// What the description says before each of the fifty changes is another of these.
struct Shape {
  std::vector<std::size_t> copies;
  const char* farm;
};
const std::array<Shape, 5> shapes = {
    {{{0, 1}, "balance = \"least-request\"\ntimeouts = { drain = \"1s\" }"},
     {{1, 2, 3}, "balance = \"maglev\"\ntimeouts = { drain = \"1500ms\" }"},
     {{0, 1, 2, 3}, "balance = \"round-robin\"\ntimeouts = { drain = \"1s\", response = \"40s\" }"},
     {{3, 1}, "balance = \"peak-ewma\"\ntimeouts = { drain = \"1s\" }"},
     {{3, 0, 1},
      "balance = \"hot-cold\"\nweight = { web-1 = 50, web-2 = 10 }"
      "\ntimeouts = { drain = \"1s\" }"}}};

TEST_F(Upgrade, FiftyReloadsAndFiveUpgradesUnderTwoThousandConnectionsLoseNothing) {
  constexpr int reloads = 50;
  constexpr int upgrades = 5;
  constexpr std::array<int, upgrades> threads = {2, 1, 3, 2, 1};
  start_copies(copies_most);
  describe(shapes[0].copies, shapes[0].farm);
  std::unique_ptr<ChildProgram> now = start_balancer(2);
  ASSERT_TRUE(logs(" ready room=fra")) << now->output();
  SteadyClients clients(front(), 2000, 400ms, 4);
  ASSERT_TRUE(clients.goes_on(4000)) << clients.first_mistake();

  int done = 0;
  for (int turn = 1; turn <= reloads; ++turn) {
    const Shape& shape = shapes[static_cast<std::size_t>(turn) % shapes.size()];
    describe(shape.copies, shape.farm);
    now->signal(SIGHUP);
    ASSERT_TRUE(eventually(soon, [&] { return status()["reload"]["done"] == done + 1; }))
        << turn << ": " << status()["reload"];
    ++done;
    ASSERT_TRUE(all_are_up(shape.copies.size())) << status();
    ASSERT_TRUE(clients.goes_on(300)) << turn;
    if (turn % (reloads / upgrades) != 0) continue;

    const int upgrade = turn / (reloads / upgrades);
    const std::unique_ptr<ChildProgram> old = std::move(now);
    now = start_balancer(threads[static_cast<std::size_t>(upgrade - 1)]);
    ASSERT_TRUE(logs("handed-over", static_cast<std::size_t>(upgrade))) << now->output();
    ASSERT_TRUE(logs(" ready room=fra", static_cast<std::size_t>(upgrade) + 1));
    EXPECT_TRUE(clients.goes_on(2000)) << "upgrade " << upgrade;
    EXPECT_TRUE(eventually(soon, [&] { return !old->running(); })) << "it ends when all have left";
    done = 0;  // Of the new process.
  }
  clients.stop();

  const SteadyClients::Counts counts = clients.counts();
  EXPECT_EQ(counts.lost, 0U) << clients.first_mistake();
  EXPECT_EQ(counts.wrong, 0U) << clients.first_mistake();
  EXPECT_EQ(counts.refused, 0U) << clients.first_mistake();
  EXPECT_EQ(counts.answered, counts.sent);
  EXPECT_EQ(counts.closed, 0U) << "whoever asks is told before";
  EXPECT_GT(counts.told, 2000U * (upgrades - 1)) << "nearly all of them, by each that left";
  EXPECT_EQ(times_logged("stragglers-cut"), 0U);
  RecordProperty("requests", static_cast<int>(counts.sent));
  fmt::print("{} requests, {} answered right, {} told to go\n", counts.sent, counts.answered,
             counts.told);
}

TEST_F(Upgrade, WhatIsKnownOfCopiesIsHandedOver) {
  start_copies(1);  // The second does not run.
  describe({0, 1}, "", "1h");
  const auto old = start_balancer(1);
  ASSERT_TRUE(logs(" ready room=fra web=1/2")) << old->output();
  const Json before = status()["farms"][0]["servers"];

  const auto fresh = start_balancer(2);
  ASSERT_TRUE(logs("handed-over"));
  ASSERT_TRUE(eventually(soon, [&] { return !old->running(); })) << old->output();

  EXPECT_EQ(times_logged("takes-over room=fra generation=2 known_copies=2"), 1U);
  EXPECT_EQ(times_logged(" ready room=fra web=1/2"), 2U);
  EXPECT_EQ(times_logged("server-up"), 1U) << "nothing had to be probed anew";
  const Json after = status()["farms"][0]["servers"];
  for (const std::size_t copy : {0U, 1U}) {
    EXPECT_EQ(after[copy]["state"], before[copy]["state"]);
    EXPECT_GE(after[copy]["since_s"], before[copy]["since_s"]);
  }
  EXPECT_EQ(after[1]["last_failure"], before[1]["last_failure"]);
  EXPECT_EQ(ask().status, 200);
}

TEST_F(Upgrade, WhoWaitsInAnyOfTheSocketsIsServedByTheSuccessor) {
  start_copies(1);
  describe({0}, "timeouts = { drain = \"0s\" }");
  // Two threads, two sockets, and descriptors for 22 clients: the others wait in both.
  const auto old = start_balancer(2, {}, "ulimit -n 80;");
  ASSERT_TRUE(logs(" ready room=fra")) << old->output();
  SteadyClients clients(front(), 200, 1ms, 9);
  ASSERT_TRUE(eventually(soon, [&] { return status()["farms"][0]["clients"] == 22; })) << status();

  const auto fresh = start_balancer(1);
  ASSERT_TRUE(logs("handed-over")) << fresh->output();
  EXPECT_TRUE(eventually(soon, [&] { return status()["farms"][0]["clients"] == 200; })) << status();
  clients.stop();

  EXPECT_EQ(clients.counts().lost, 0U) << clients.first_mistake();
  EXPECT_EQ(clients.counts().refused, 0U) << clients.first_mistake();
  EXPECT_EQ(clients.counts().answered, clients.counts().sent);
}

TEST_F(Upgrade, ASuccessorThatFailsLeavesTheOldOneInCharge) {
  start_copies(1);
  describe({0}, "");
  const auto now = start_balancer(1);
  ASSERT_TRUE(logs(" ready room=fra"));

  // It has got the sockets when it finds out that it cannot have its status page.
  const auto fails =
      start_balancer(1, {"HITHER_ADMIN_LISTEN=" + fmt::format("127.78.0.1:{}", port_of(0))});
  ASSERT_TRUE(logs("handover-failed"));
  EXPECT_TRUE(eventually(soon, [&] { return !fails->running(); }));

  EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(health()["draining"], false);
  const auto works = start_balancer(1);
  EXPECT_TRUE(logs("handed-over")) << works->output();
  EXPECT_EQ(ask().status, 200);
}

TEST_F(Upgrade, NonsenseAndOtherRoomsAreRefusedAndChangeNothing) {
  start_copies(1);
  describe({0}, "");
  const auto now = start_balancer(1);
  ASSERT_TRUE(logs(" ready room=fra"));
  const lb::HandoverMessage other{.step = lb::HandoverMessage::Step::hello, .room = "iad"};

  std::size_t failures = 0;
  for (const std::string& said : {std::string("GET / HTTP/1.1\r\n\r\n"), lb::to_frame(other)}) {
    const Result<io::Fd> peer = io::connect_local(place());
    ASSERT_TRUE(peer) << peer.error().message;
    io::write_some(peer->get(), as_bytes(said));
    EXPECT_TRUE(logs("handover-failed", ++failures));
  }

  EXPECT_EQ(ask().status, 200);
  struct stat file {};
  ASSERT_EQ(stat(place().c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777U, 0600U) << "nobody else may even connect";
}

TEST_F(Upgrade, ASuccessorGoesOnAloneIfTheOldOneDies) {
  start_copies(1);
  describe({0}, "");
  auto old = start_balancer(1);
  ASSERT_TRUE(logs(" ready room=fra"));
  // A copy that takes connections and says nothing: the successor waits for it before it is ready.
  const Result<io::Fd> silent =
      io::listen_tcp(*parse_endpoint(fmt::format("127.78.0.1:{}", port_of(1))));
  ASSERT_TRUE(silent);
  old->signal(SIGSTOP);  // It is not to see the new description.
  describe({0, 1}, "");
  old->signal(SIGCONT);
  const auto fresh = start_balancer(1);
  ASSERT_TRUE(logs("takes-over")) << fresh->output();

  old->kill();
  EXPECT_TRUE(logs("predecessor-ended")) << fresh->output();
  EXPECT_TRUE(logs(" ready room=fra", 2)) << fresh->output();

  EXPECT_EQ(ask().status, 200);
}

TEST_F(Upgrade, ASignalStartsTheSuccessorItself) {
  start_copies(1);
  describe({0}, "");
  auto old = start_balancer(1);
  ASSERT_TRUE(logs(" ready room=fra"));

  old->signal(SIGUSR2);
  ASSERT_TRUE(logs("handed-over")) << old->output();
  EXPECT_TRUE(logs(" ready room=fra", 2));
  EXPECT_TRUE(eventually(soon, [&] { return !old->running(); }));
  EXPECT_EQ(ask().status, 200);

  // It is nobody's child here, so its end is asked for by what it logged.
  const std::string text = old->output();
  const std::size_t at = text.find("pid=");
  ASSERT_NE(at, std::string::npos) << text;
  const int pid = std::stoi(text.substr(at + 4));
  ASSERT_GT(pid, 1);
  kill(pid, SIGTERM);
  EXPECT_TRUE(logs("stopped room=fra", 2));
  EXPECT_NE(access(place().c_str(), F_OK), 0) << "who ends for good takes the place away";
}

TEST_F(Upgrade, StragglersAreToldAboutAndCutAtTheLimit) {
  start_copies(1);
  describe({0}, "mode = \"tcp\"\ntimeouts = { drain = \"0s\" }");
  const auto old = start_balancer(1, {"HITHER_LEAVE_WITHIN=500ms"});
  ASSERT_TRUE(logs(" ready room=fra"));
  ASSERT_TRUE(all_are_up(1));
  const Result<io::Fd> client = io::connect_tcp(front());
  ASSERT_TRUE(client);
  ASSERT_TRUE(eventually(soon, [&] { return status()["farms"][0]["clients"] == 1; })) << status();

  const auto fresh = start_balancer(1);
  ASSERT_TRUE(logs("handed-over")) << fresh->output();
  EXPECT_TRUE(eventually(soon, [&] { return !old->running(); }));

  EXPECT_EQ(times_logged("stragglers-cut room=fra farm=web clients=1"), 1U) << old->output();
  EXPECT_EQ(times_logged("from=127.0.0.1") + times_logged("from=127.78.0.1"), 1U);
}

class UpgradedWorld : public testing::Test {
 protected:
  LiveWorld world;
};

TEST_F(UpgradedWorld, HitherUpgradeSwitchesToANewProcessOrSaysWhyNot) {
  ASSERT_TRUE(world.start_and_wait(world.three_rooms(1))) << world.output();
  const int old = world.pid_of("fra/balancer");

  const CommandResult done = world.hither("upgrade fra");
  EXPECT_EQ(done.status, 0) << done.output << world.output();
  const int fresh = world.pid_of("fra/balancer");
  EXPECT_NE(fresh, old);
  EXPECT_NE(done.output.find(fmt::format("fra: pid {} took over from {}", fresh, old)),
            std::string::npos)
      << done.output;
  EXPECT_TRUE(eventually(soon, [&] { return kill(old, 0) != 0; })) << "it had no clients";
  EXPECT_EQ(world.processes()["fra/balancer"].restarts, 0);

  EXPECT_EQ(world.hither("upgrade").status, 0) << "all rooms";
  const CommandResult unknown = world.hither("upgrade mars");
  EXPECT_EQ(unknown.status, 2);
  EXPECT_NE(unknown.output.find("no balancer of a room 'mars'"), std::string::npos);

  // What is on disk now cannot start.
  const int before = world.pid_of("iad/balancer");
  world.write_file("world.toml", "schema = 1\nnonsense = 2\n");
  const CommandResult failed = world.hither("upgrade iad");
  EXPECT_EQ(failed.status, 1) << failed.output;
  EXPECT_NE(failed.output.find("exit status 2"), std::string::npos) << failed.output;
  EXPECT_EQ(world.pid_of("iad/balancer"), before);
}

}  // namespace
}  // namespace hither::test
