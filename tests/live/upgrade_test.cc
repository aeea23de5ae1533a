// SPDX-License-Identifier: Apache-2.0
//
// One process of hither-lb takes the place of another, and nobody notices.
#include "tests/live/upgrade.h"

#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "io/fd_passing.h"
#include "lb/handover.h"
#include "tests/lb/live_peer.h"
#include "tests/support/steady_clients.h"

namespace hither::test {
namespace {

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
  // Two threads, two sockets, and descriptors for 18 clients: the others wait in both.
  const auto old = start_balancer(2, {}, "ulimit -n 80;");
  ASSERT_TRUE(logs(" ready room=fra")) << old->output();
  SteadyClients clients(front(), 200, 1ms, 9);
  ASSERT_TRUE(eventually(soon, [&] { return status()["farms"][0]["clients"] == 18; })) << status();

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
