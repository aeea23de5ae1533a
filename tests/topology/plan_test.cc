// SPDX-License-Identifier: Apache-2.0
#include "topology/plan.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/topology/worlds.h"

namespace hither::topology {
namespace {

using namespace std::chrono_literals;
using testing::read_sound;
using testing::replaced;
using testing::two_rooms;
using testing::with;

const Process& named(const std::vector<Process>& plan, std::string_view name) {
  static const Process none;
  for (const Process& process : plan) {
    if (process.name == name) return process;
  }
  ADD_FAILURE() << "no process " << name;
  return none;
}

std::string names_of(const std::vector<Process>& plan) {
  std::string names;
  for (const Process& process : plan) names += process.name + " ";
  return names;
}

TEST(Plan, ListsCopiesThenTheirBalancerThenTheDns) {
  EXPECT_EQ(names_of(make_plan(read_sound(two_rooms))),
            "fra/web-1 fra/web-2 fra/balancer iad/web-1 iad/web-2 iad/balancer dns ");
}

TEST(Plan, SaysEverythingInOneLineForEachProcess) {
  const std::string text = to_text(make_plan(read_sound(
      replaced(with(two_rooms, "farm.web = { copies = 1, environment = { MOTD = \"it's on\" } }"),
               "copies = 2", "copies = 3"))));

  EXPECT_EQ(text,
            "fra/web-1     127.10.0.1:20000                                  HITHER_COPY=1 "
            "HITHER_FARM=web "
            "HITHER_ROOM=fra HITHER_THREADS=1 HOST=127.10.0.1 PORT=20000 hither-backend\n"
            "fra/web-2     127.10.0.1:20002                                  HITHER_COPY=2 "
            "HITHER_FARM=web "
            "HITHER_ROOM=fra HITHER_THREADS=1 HOST=127.10.0.1 PORT=20002 hither-backend\n"
            "fra/web-3     127.10.0.1:20004                                  HITHER_COPY=3 "
            "HITHER_FARM=web "
            "HITHER_ROOM=fra HITHER_THREADS=1 HOST=127.10.0.1 PORT=20004 hither-backend\n"
            "fra/balancer  127.10.0.1:8080,127.10.0.1:7070                   HITHER_ROOM=fra "
            "HITHER_THREADS=1 HITHER_TOPOLOGY=w hither-lb  after fra/web-1..3\n"
            "iad/web-1     127.11.0.1:20001                                  HITHER_COPY=1 "
            "HITHER_FARM=web "
            "HITHER_ROOM=iad HITHER_THREADS=1 HOST=127.11.0.1 MOTD='it'\\''s on' PORT=20001 "
            "hither-backend\n"
            "iad/balancer  127.11.0.1:8080,127.11.0.1:7070                   HITHER_ROOM=iad "
            "HITHER_THREADS=1 HITHER_TOPOLOGY=w hither-lb  after iad/web-1\n"
            "dns           127.0.0.1:5300/udp,127.0.0.1:5300,127.0.0.1:7070  HITHER_TOPOLOGY=w "
            "hither-dns  "
            "after fra/balancer,iad/balancer\n");
}

TEST(Plan, IsTheSameEveryTime) {
  const Description world = read_sound(two_rooms);

  EXPECT_EQ(to_text(make_plan(world)), to_text(make_plan(read_sound(two_rooms))));
  EXPECT_EQ(to_json(make_plan(world)), to_json(make_plan(world)));
}

TEST(Plan, EveryProcessComesAfterOnlyEarlierOnes) {
  std::set<std::string> earlier;
  for (const Process& process : make_plan(read_sound(two_rooms))) {
    for (const std::string& name : process.after) EXPECT_TRUE(earlier.contains(name)) << name;
    EXPECT_TRUE(earlier.insert(process.name).second) << process.name << " is there twice";
  }
}

TEST(Plan, CopiesAreAskedWhatTheirHealthRuleAsks) {
  const auto plan = make_plan(read_sound(with(two_rooms, R"(
    [farm.web.health]
    path = "/up"
    status = ["200-299", "401"]
    body = "ready"
    [farm.raw]
    port = 9000
    mode = "tcp"
    ready_timeout = "3s"
    send_proxy = "v2"
    [farm.safe]
    port = 9443
    mode = "tcp"
    health = { kind = "tls", host = "a.example" })")));

  const Process& web = named(plan, "fra/web-1");
  EXPECT_EQ(web.ready.how, Process::Ready::How::http);
  EXPECT_EQ(web.ready.rule.path, "/up");
  EXPECT_EQ(web.ready.rule.body, "ready");
  EXPECT_EQ(web.ready.rule.status.size(), 2U);
  EXPECT_EQ(web.ready.timeout, 10s);
  EXPECT_EQ(web.ready.endpoint, web.listen.at(0).endpoint);
  const Process& raw = named(plan, "fra/raw-1");
  EXPECT_EQ(raw.ready.how, Process::Ready::How::tcp);
  EXPECT_EQ(raw.ready.timeout, 3s);
  EXPECT_EQ(raw.ready.send_proxy, SendProxy::v2);
  const auto json = nlohmann::json::parse(to_json(plan));
  const auto ready_of = [&json](std::string_view name) {
    for (const auto& process : json) {
      if (process["name"] == name) return process["ready"];
    }
    return nlohmann::json();
  };
  EXPECT_EQ(ready_of("fra/web-1")["status"], (std::vector<std::string>{"200-299", "401"}));
  EXPECT_EQ(ready_of("fra/web-1")["body"], "ready");
  EXPECT_FALSE(ready_of("fra/web-1").contains("send_proxy"));
  EXPECT_EQ(ready_of("fra/raw-1")["send_proxy"], "v2");
  EXPECT_EQ(ready_of("fra/safe-1")["how"], "tls");
  EXPECT_EQ(ready_of("fra/safe-1")["host"], "a.example");
}

TEST(Plan, OurOwnProgramsSayThemselvesWhenTheyAreReady) {
  const auto plan = make_plan(read_sound(two_rooms));

  EXPECT_EQ(named(plan, "fra/balancer").ready.how, Process::Ready::How::notify);
  EXPECT_EQ(named(plan, "dns").ready.how, Process::Ready::How::notify);
  EXPECT_EQ(named(plan, "dns").ready.timeout, 15s);
}

TEST(Plan, AListenerKnowsTheKeyThatChoseItsPort) {
  const auto plan = make_plan(
      read_sound(with(two_rooms, "[dns]\nlisten = '127.0.0.1:53'\n[local]\nfirst_port = 30000\n")));

  EXPECT_EQ(named(plan, "fra/balancer").listen.at(0).where.line, 6);
  EXPECT_EQ(named(plan, "dns").listen.at(0).where.line, 13);
  EXPECT_EQ(named(plan, "fra/web-1").listen.at(0).where.line, 15);
}

TEST(Plan, RoomsElsewhereAndServersOfOthersHaveNoProcesses) {
  EXPECT_EQ(names_of(make_plan(read_sound(R"(
    [farm.web]
    port = 80
    servers = ["10.0.0.1:80"]
    [room.fra]
    [room.iad]
    address = "192.0.2.1")"))),
            "fra/balancer dns ");
}

TEST(Plan, PortsOfCopiesAreUniqueInTheWorld) {
  const Description world = read_sound(with(two_rooms, "[farm.api]\nport = 8081\ncopies = 3\n"));

  std::set<int> ports;
  for (const Process& process : make_plan(world)) {
    if (process.kind != Process::Kind::backend) continue;
    EXPECT_TRUE(ports.insert(process.listen.at(0).endpoint.port).second) << process.name;
  }
  EXPECT_EQ(ports.size(), 10U);
  ASSERT_TRUE(ports_of_copies(world).has_value());
  EXPECT_LE(ports_of_copies(world)->first, *ports.begin());
  EXPECT_GE(ports_of_copies(world)->last, *ports.rbegin());
}

TEST(Plan, MoreCopiesOfOneFarmMoveNoOtherPort) {
  const std::string few = with(two_rooms, "[farm.api]\nport = 8081\ncopies = 3\n");
  std::map<std::string, Endpoint> before;
  for (const Process& process : make_plan(read_sound(few))) {
    before[process.name] = process.listen.at(0).endpoint;
  }

  const auto after = make_plan(read_sound(replaced(few, "copies = 2", "copies = 9")));

  for (const Process& process : after) {
    if (before.contains(process.name)) {
      EXPECT_EQ(process.listen.at(0).endpoint, before[process.name]) << process.name;
    }
  }
}

TEST(Plan, TheBalancerFindsCopiesWhereTheyListen) {
  const Description world = read_sound(two_rooms);
  const Room& iad = world.rooms.at(1);
  const auto plan = make_plan(world);
  const Process& copy = named(plan, "iad/web-2");

  EXPECT_EQ(endpoint_of_copy(world, iad, iad.farms.at(0), 2), copy.ready.endpoint);
}

TEST(Plan, JsonSaysTheSameAsTheText) {
  const auto plan = make_plan(read_sound(two_rooms));
  const auto json = nlohmann::json::parse(to_json(plan), nullptr, false);

  ASSERT_EQ(json.size(), plan.size());
  EXPECT_EQ(json[0].at("name"), "fra/web-1");
  EXPECT_EQ(json[0].at("argv"), nlohmann::json::array({"hither-backend"}));
  EXPECT_EQ(json[6].at("after"), nlohmann::json::array({"fra/balancer", "iad/balancer"}));
  EXPECT_EQ(json[6].at("listen")[0].at("transport"), "udp");
}

}  // namespace
}  // namespace hither::topology
