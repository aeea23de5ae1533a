// SPDX-License-Identifier: Apache-2.0
//
// One process of hither-lb takes the place of another, and nobody notices.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/fd_passing.h"
#include "io/http_client.h"
#include "lb/handover.h"
#include "tests/lb/live_peer.h"
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
  /// What is said of one farm; `more` are lines of its table.
  struct Described {
    std::string name;
    int port;
    std::vector<std::size_t> copies;
    std::string more;
  };

  Upgrade() : first_port_(free_ports(3 + copies_most)) {}

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
  int port_of(std::size_t copy) const { return first_port_ + 3 + static_cast<int>(copy); }
  Endpoint at(int port) const { return *parse_endpoint(fmt::format("127.78.0.1:{}", port)); }
  Endpoint front() const { return at(first_port_); }
  Endpoint admin() const { return at(first_port_ + 1); }
  /// Of a second farm.
  int second_port() const { return first_port_ + 2; }
  Endpoint second_front() const { return at(second_port()); }

  /// A farm of these copies; `farm` is what else is said of it.
  void describe(const std::vector<std::size_t>& copies, const std::string& farm,
                const std::string& interval = "5s") {
    describe_farms({{"web", first_port_, copies, farm}}, interval);
  }
  void describe_farms(const std::vector<Described>& farms, const std::string& interval = "5s") {
    std::string world = "schema = 1\nworld = \"upgrade\"\n";
    std::string room =
        fmt::format("[room.fra]\naddress = [\"127.78.0.1\"]\nadmin = \"{}\"\n", to_text(admin()));
    for (const Described& farm : farms) {
      world += fmt::format(R"([farm.{}]
port = {}
health = {{ path = "/health", interval = "{}", fast_interval = "50ms", timeout = "5s" }}
{}
)",
                           farm.name, farm.port, interval, farm.more);
      std::string servers;
      for (const std::size_t copy : farm.copies) {
        servers += fmt::format("{}\"127.78.0.1:{}\"", servers.empty() ? "" : ", ", port_of(copy));
      }
      room += fmt::format("farm.{} = {{ servers = [{}] }}\n", farm.name, servers);
    }
    folder_.write("world.toml", world + room);
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
  bool all_are_up(std::size_t copies) const { return all_are_up(copies, copies); }
  /// In every farm; `usable` of them have a weight.
  bool all_are_up(std::size_t copies, std::size_t usable) const {
    return eventually(soon, [&] {
      const Json farms = health()["farms"];
      return std::ranges::all_of(farms, [&](const Json& farm) {
        return farm["copies"] == copies && farm["usable"] == usable;
      });
    });
  }
  /// Returns when what is described now holds: the `number`th reload of this process.
  /// At least: one that is busy may see the file before it gets the signal, and read it twice.
  bool reload(const ChildProgram& balancer, int number) const {
    balancer.signal(SIGHUP);
    return eventually(soon, [&] { return status()["reload"]["done"] >= number; });
  }
  io::HttpReply ask() const { return io::fetch_now({.target = front(), .path = "/x"}); }

  std::uint16_t first_port_;
  ScratchFolder folder_;
  std::vector<std::unique_ptr<ChildProgram>> copies_;
};

/// What the description says before each of the fifty changes is another of these. Both farms have
/// the same copies.
struct Shape {
  std::vector<std::size_t> copies;
  const char* web;
  const char* wire;
  std::size_t drained = 0;  ///< the place of one of weight 0, from 1
};
const std::array<Shape, 7> shapes = {
    {{{0, 1},
      "balance = \"least-request\"\ntimeouts = { drain = \"1s\" }",
      "timeouts = { drain = \"1s\" }"},
     {{1, 2, 3},
      "balance = \"maglev\"\ntimeouts = { drain = \"1500ms\" }",
      "balance = \"source\"\ntimeouts = { drain = \"500ms\" }"},
     {{1, 2, 3},
      "balance = \"maglev\"\nweight = { web-2 = 0 }\ntimeouts = { drain = \"1s\" }",
      "balance = \"source\"\nweight = { wire-2 = 0 }",
      2},
     {{1, 2, 3},
      "balance = \"round-robin\"\ntimeouts = { drain = \"1s\", connect = \"3s\", idle = \"90s\" }",
      "balance = \"first\"\ncapacity = 50\ntimeouts = { connect = \"4s\", tunnel = \"5m\" }"},
     {{0, 1, 2, 3},
      "balance = \"round-robin\"\nslow_start = \"300ms\""
      "\ntimeouts = { drain = \"1s\", response = \"40s\" }",
      "balance = \"round-robin\"\ntimeouts = { total = \"1h\" }"},
     {{3, 1},
      "balance = \"peak-ewma\"\ntimeouts = { drain = \"1s\", header = \"20s\" }",
      "balance = \"peak-ewma\"\nslow_start = \"1s\""},
     {{3, 0, 1},
      "balance = \"hot-cold\"\nweight = { web-1 = 50, web-2 = 10 }\nslow_start = \"10s\""
      "\ntimeouts = { drain = \"1s\" }",
      "balance = \"hot-cold\"\nweight = { wire-3 = 300 }"}}};

/// 2,000 connections: 1,700 clients of a farm in mode http, who are told when to go, and 300 of one
/// in mode tcp, whose connections only they end: from one upgrade to the next, through ten reloads,
/// and on in a process that has been succeeded already.
class UpgradeUnderLoad : public Upgrade {
 protected:
  static constexpr std::size_t web_clients = 1700;
  static constexpr std::size_t wire_clients = 300;

  void start() {
    start_copies(copies_most);
    take_shape(shapes[0]);
    start_next(2);
    ASSERT_TRUE(logs(" ready room=fra")) << now_->output();
    web_.emplace(front(), web_clients, 400ms, 4);
    wire_.emplace(second_front(), wire_clients, 400ms, 5);
    ASSERT_TRUE(web_->goes_on(2 * web_clients)) << web_->first_mistake();
    ASSERT_TRUE(wire_->goes_on(wire_clients)) << wire_->first_mistake();
    ASSERT_TRUE(wire_opened(1)) << wire_->counts().opened;
  }
  /// However slow the machine is, nobody is to be cut.
  void start_next(int threads) { now_ = start_balancer(threads, {"HITHER_LEAVE_WITHIN=10m"}); }
  void take_shape(const Shape& shape) {
    describe_farms(
        {{"web", first_port_, shape.copies, shape.web},
         {"wire", second_port(), shape.copies, std::string("mode = \"tcp\"\n") + shape.wire}});
  }
  /// Each of those in mode tcp has connected so many times.
  bool wire_opened(std::size_t times) const {
    return eventually(soon, [&] { return wire_->counts().opened == times * wire_clients; });
  }

  void reload_to(const Shape& shape) {
    const std::size_t copies = shape.copies.size();
    take_shape(shape);
    const Json before = status()["reload"]["done"];
    ASSERT_TRUE(reload(*now_, before.get<int>() + 1)) << status()["reload"];
    ASSERT_TRUE(all_are_up(copies, shape.drained > 0 ? copies - 1 : copies)) << status();
    if (shape.drained > 0) expect_drained(shape.drained - 1);
    ASSERT_TRUE(web_->goes_on(300));
    ASSERT_TRUE(wire_->goes_on(10));
  }
  /// Once it has answered what it had.
  void expect_drained(std::size_t server) {
    const auto drained = [&] { return status()["farms"][0]["servers"][server]; };
    ASSERT_TRUE(eventually(soon, [&] { return drained()["in_flight"] == 0; })) << drained();
    const Json before = drained()["results"];
    ASSERT_TRUE(web_->goes_on(300));
    EXPECT_EQ(drained()["results"], before) << "it gets nothing new";
  }

  /// The `number`th.
  void upgrade_to(int threads, std::size_t number) {
    const std::unique_ptr<ChildProgram> old = std::move(now_);
    start_next(threads);
    ASSERT_TRUE(logs("handed-over", number)) << now_->output();
    ASSERT_TRUE(logs(" ready room=fra", number + 1));
    EXPECT_TRUE(web_->goes_on(2000));
    EXPECT_TRUE(wire_->goes_on(wire_clients / 2));
    EXPECT_EQ(wire_->counts().opened, number * wire_clients) << "the old one still serves them";
    EXPECT_TRUE(old->running());
    wire_->leave();
    EXPECT_TRUE(wire_opened(number + 1)) << wire_->counts().opened;
    EXPECT_TRUE(eventually(soon, [&] { return !old->running(); })) << "it ends when all have left";
  }

  static void expect_nothing_lost(const SteadyClients& clients) {
    const SteadyClients::Counts counts = clients.counts();
    EXPECT_EQ(counts.lost, 0U) << clients.first_mistake();
    EXPECT_EQ(counts.wrong, 0U) << clients.first_mistake();
    EXPECT_EQ(counts.refused, 0U) << clients.first_mistake();
    EXPECT_EQ(counts.answered, counts.sent);
    EXPECT_EQ(counts.closed, 0U) << "who asks is told before, and in mode tcp only clients end";
  }

  std::unique_ptr<ChildProgram> now_;
  std::optional<SteadyClients> web_;
  std::optional<SteadyClients> wire_;
};

TEST_F(UpgradeUnderLoad, FiftyReloadsAndFiveUpgradesUnderTwoThousandConnectionsLoseNothing) {
  constexpr std::size_t reloads = 50;
  constexpr std::size_t upgrades = 5;
  constexpr std::array<int, upgrades> threads = {2, 1, 3, 2, 1};
  ASSERT_NO_FATAL_FAILURE(start());
  for (std::size_t turn = 1; turn <= reloads; ++turn) {
    SCOPED_TRACE(fmt::format("reload {}", turn));
    ASSERT_NO_FATAL_FAILURE(reload_to(shapes[turn % shapes.size()]));
    if (turn % (reloads / upgrades) != 0) continue;
    const std::size_t upgrade = turn / (reloads / upgrades);
    ASSERT_NO_FATAL_FAILURE(upgrade_to(threads[upgrade - 1], upgrade));
  }
  web_->stop();
  wire_->stop();

  expect_nothing_lost(*web_);
  expect_nothing_lost(*wire_);
  const SteadyClients::Counts web = web_->counts();
  const SteadyClients::Counts wire = wire_->counts();
  EXPECT_GT(web.told, web_clients * (upgrades - 1)) << "nearly all of them, by each that left";
  EXPECT_EQ(wire.left, wire_clients * upgrades);
  EXPECT_EQ(times_logged("stragglers-cut"), 0U);
  RecordProperty("requests", static_cast<int>(web.sent + wire.sent));
  fmt::print("{} requests, {} answered right, {} told to go; in mode tcp {}, {}, {} left\n",
             web.sent, web.answered, web.told, wire.sent, wire.answered, wire.left);
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

TEST_F(Upgrade, ACopyThatStartsSlowlyGoesOnWhereItWas) {
  start_copies(2);
  describe({0}, "slow_start = \"1h\"");
  const auto old = start_balancer(1);
  ASSERT_TRUE(logs(" ready room=fra")) << old->output();
  describe({0, 1}, "slow_start = \"1h\"");
  ASSERT_TRUE(reload(*old, 1));
  ASSERT_TRUE(all_are_up(2));
  const auto joined = [this] { return status()["farms"][0]["servers"][1]; };
  constexpr double second = 1.0 / 3600;
  ASSERT_TRUE(eventually(soon, [&] { return joined()["share"] > second; })) << joined();
  const double before = joined()["share"];

  const auto fresh = start_balancer(1);
  ASSERT_TRUE(logs("handed-over")) << fresh->output();
  ASSERT_TRUE(eventually(soon, [&] { return !old->running(); })) << old->output();

  EXPECT_GE(joined()["share"], before) << "no less than it had";
  EXPECT_LT(joined()["share"], 0.1) << "and not everything at once";
  EXPECT_EQ(joined()["weight"], 10);
  EXPECT_EQ(status()["farms"][0]["servers"][0]["weight"], 100);
}

/// What one request came to, on a connection of its own.
struct Reply {
  int copy = 0;
  std::string cookie;  ///< that it set; empty: none

  friend bool operator==(const Reply&, const Reply&) = default;
};
Reply ask_for(const Endpoint& server, const std::string& path, const std::string& cookie = "") {
  lb::test::Peer client = lb::test::connect_to(server);
  client.say(fmt::format("GET {} HTTP/1.1\r\nHost: a.test\r\n{}Connection: close\r\n\r\n", path,
                         cookie.empty() ? "" : fmt::format("Cookie: {}\r\n", cookie)));
  const std::string answer = client.hear_all();
  const std::size_t end = answer.find("\r\n\r\n");
  EXPECT_NE(end, std::string::npos) << answer;
  if (end == std::string::npos) return {};
  const Json body = Json::parse(answer.substr(end), nullptr, false);
  EXPECT_TRUE(body.is_object()) << answer;
  constexpr std::string_view field = "Set-Cookie: ";
  Reply reply{.copy = body.is_object() ? body.value("copy", 0) : 0, .cookie = {}};
  if (const std::size_t at = answer.find(field); at < end) {
    const std::size_t value = at + field.size();
    reply.cookie = answer.substr(value, answer.find(';', value) - value);
  }
  return reply;
}

TEST_F(Upgrade, ClientsStayWithTheirCopyThroughAReloadAndAnUpgrade) {
  start_copies(copies_most);
  const auto take_shape = [this](const std::vector<std::size_t>& hashed, const char* timeouts,
                                 const char* others_balance) {
    describe_farms({{"web", first_port_, hashed, fmt::format("balance = \"maglev\"\n{}", timeouts)},
                    {"shop",
                     second_port(),
                     {0, 1, 2},
                     fmt::format("sticky = \"seat\"\nsticky_secret = \"s\"\nbalance = \"{}\"",
                                 others_balance)}});
  };
  // By path, one after the other: with nothing in flight a path has one copy.
  const auto copies_of_paths = [this] {
    std::vector<int> copies;
    for (int i = 0; i < 200; ++i) {
      copies.push_back(ask_for(front(), fmt::format("/path-{}", i)).copy);
    }
    return copies;
  };
  take_shape({0, 1, 2}, "", "round-robin");
  auto now = start_balancer(1);
  ASSERT_TRUE(logs(" ready room=fra")) << now->output();

  const std::vector<int> at_first = copies_of_paths();
  std::vector<Reply> seats;
  for (int i = 0; i < 3; ++i) seats.push_back(ask_for(second_front(), "/"));
  EXPECT_NE(seats[0].copy, seats[1].copy);
  const auto expect_seats_kept = [&](const char* when) {
    for (const Reply& seat : seats) {
      ASSERT_FALSE(seat.cookie.empty());
      for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(ask_for(second_front(), "/", seat.cookie),
                  (Reply{.copy = seat.copy, .cookie = {}}))
            << when;
      }
    }
  };
  expect_seats_kept("at first");

  take_shape({0, 1, 2}, "timeouts = { response = \"20s\" }", "least-request");
  ASSERT_TRUE(reload(*now, 1));
  EXPECT_EQ(copies_of_paths(), at_first) << "a reload that does not concern them";
  expect_seats_kept("after a reload");

  // Now the process has its copies in the order in which they came, its successor in that of the
  // description.
  take_shape({3, 1, 2}, "", "round-robin");
  ASSERT_TRUE(reload(*now, 2));
  ASSERT_TRUE(logs("server-up farm=web", 4));
  const std::vector<int> since = copies_of_paths();
  EXPECT_NE(since, at_first);
  expect_seats_kept("after another reload");

  const auto old = std::move(now);
  now = start_balancer(1);
  ASSERT_TRUE(logs("handed-over")) << now->output();
  ASSERT_TRUE(eventually(soon, [&] { return !old->running(); })) << old->output();
  EXPECT_EQ(copies_of_paths(), since) << "after an upgrade";
  expect_seats_kept("after an upgrade");
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
  describe({0}, "mode = \"tcp\"\naccess_log = \"text\"\ntimeouts = { drain = \"0s\" }");
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
  EXPECT_EQ(times_logged(" end=KT "), 1U) << old->output();
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
