// SPDX-License-Identifier: Apache-2.0
// How worlds begin and end: nothing is ever left running.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/live_world.h"

namespace hither::test {
namespace {

using namespace std::chrono_literals;

class Lifecycle : public testing::Test {
 protected:
  void start() { ASSERT_TRUE(world.start_and_wait(world.three_rooms(1))) << world.output(); }

  LiveWorld world;
};

TEST_F(Lifecycle, CtrlCStopsEverythingAndLeavesNothing) {
  start();
  ASSERT_FALSE(world.nobody_left());

  kill(-world.guardian_pid(), SIGINT);  // as a terminal does: to the whole foreground group

  EXPECT_EQ(world.wait_for_end(20s), 0) << world.output();
  EXPECT_TRUE(eventually(20s, [&] { return world.nobody_left(); }));
  EXPECT_FALSE(std::filesystem::exists(world.folder() + "/state"));
  EXPECT_NE(world.output().find("nothing is left running"), std::string::npos);
}

TEST_F(Lifecycle, ATermSignalToTheFrontProcessAloneIsEnough) {
  start();

  world.signal_guardian(SIGTERM);

  EXPECT_EQ(world.wait_for_end(20s), 0) << world.output();
  EXPECT_TRUE(eventually(20s, [&] { return world.nobody_left(); }));
}

TEST_F(Lifecycle, AKilledSupervisorTakesEverythingWithItEvenGrandchildren) {
  std::string description = world.three_rooms(1);
  description.replace(
      description.find("[\"hither-backend\"]"), 18,
      fmt::format("[\"/bin/sh\", \"-c\", \"setsid sleep 600 & sleep 600 & exec {}\"]",
                  std::string(HITHER_PROGRAM) + "-backend"));
  ASSERT_TRUE(world.start_and_wait(description)) << world.output();
  const int supervisor = world.supervisor_pid();
  ASSERT_GT(supervisor, 0);

  kill(supervisor, SIGKILL);

  EXPECT_EQ(world.wait_for_end(20s), 128 + SIGKILL) << world.output();
  EXPECT_TRUE(eventually(20s, [&] { return world.nobody_left(); }));
  EXPECT_FALSE(std::filesystem::exists(world.folder() + "/state"));
}

TEST_F(Lifecycle, ADaemonThatLeftItsGroupEndsWithTheWorldToo) {
  std::string description = world.three_rooms(1);
  description.replace(description.find("[\"hither-backend\"]"), 18,
                      fmt::format("[\"/bin/sh\", \"-c\", \"setsid sleep 600 & exec {}\"]",
                                  std::string(HITHER_PROGRAM) + "-backend"));
  ASSERT_TRUE(world.start_and_wait(description)) << world.output();

  world.signal_guardian(SIGTERM);

  EXPECT_EQ(world.wait_for_end(20s), 0) << world.output();
  EXPECT_TRUE(world.nobody_left());
}

TEST_F(Lifecycle, ACopyThatNeverStopsWritingDoesNotHoldTheWorldUp) {
  std::string description = world.three_rooms(1);
  description.replace(
      description.find("[\"hither-backend\"]"), 18,
      fmt::format("[\"yes\", \"{}\"]\nready_timeout = \"1s\"", std::string(2000, 'y')));
  ASSERT_TRUE(world.start_and_wait(description)) << "the supervisor does not answer";

  world.signal_guardian(SIGTERM);

  EXPECT_EQ(world.wait_for_end(20s), 0);
}

TEST_F(Lifecycle, AKilledGuardianMakesTheSupervisorStopInOrder) {
  start();

  world.signal_guardian(SIGKILL);

  EXPECT_TRUE(world.wait_for_end(20s));
  EXPECT_TRUE(eventually(20s, [&] { return world.nobody_left(); }));
  EXPECT_FALSE(std::filesystem::exists(world.folder() + "/state"));
}

TEST_F(Lifecycle, ASecondWorldOfTheSameNameIsRefused) {
  start();

  const auto second = world.hither("up " + world.folder() + "/world.toml");

  EXPECT_EQ(second.status, 2);
  EXPECT_NE(second.output.find("runs already"), std::string::npos) << second.output;
}

TEST_F(Lifecycle, AProgramThatListensOnPortIsAsGoodAsOurs) {
  std::string description = world.three_rooms(1);
  description.replace(
      description.find("[\"hither-backend\"]"), 18,
      R"(["/bin/sh", "-c", "exec /usr/bin/python3 -m http.server --bind $HOST $PORT"]
health = { path = "/", status = ["200", "404"], body = "Directory listing" })");
  ASSERT_TRUE(world.start_and_wait(description)) << world.output();

  EXPECT_TRUE(eventually(20s, [&] { return world.dig("133.11.0.0/16") == "127.12.0.1\n"; }))
      << world.output();
  const auto page = world.curl(fmt::format("http://127.12.0.1:{}/", world.ports().web));
  EXPECT_NE(page.output.find("Directory listing"), std::string::npos) << page.output;
}

TEST_F(Lifecycle, AProgramThatDemandsAProxyHeaderIsReadyAndUp) {
  std::string description = world.three_rooms(1);
  description.replace(description.find("[\"hither-backend\"]"), 18,
                      R"(["/usr/bin/python3", "-c", '''
import os, socket
server = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    client, _ = server.accept()
    with client, client.makefile("rb") as heard:
        if heard.readline().startswith(b"PROXY "):
            while heard.readline().strip():
                pass
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
''']
mode = "tcp"
send_proxy = "v1"
ready_timeout = "2s"
health = { kind = "http" })");
  ASSERT_TRUE(world.start_and_wait(description)) << world.output();

  EXPECT_EQ(world.output().find("not-ready"), std::string::npos) << world.output();
  EXPECT_TRUE(eventually(20s, [&] { return world.dig("133.11.0.0/16") == "127.12.0.1\n"; }))
      << world.output();
  const auto page = world.curl(fmt::format("http://127.12.0.1:{}/", world.ports().web));
  EXPECT_NE(page.output.find("hello"), std::string::npos) << page.output;
}

TEST_F(Lifecycle, ACopyIsAskedIfItIsReadyAsItsFarmIsProbed) {
  std::string description = world.three_rooms(1);
  description.replace(
      description.find("[\"hither-backend\"]"), 18,
      R"(["/bin/sh", "-c", "exec /usr/bin/python3 -m http.server --bind $HOST $PORT"]
ready_timeout = "2s"
health = { path = "/", body = "nowhere to be found" })");
  ASSERT_TRUE(world.start_and_wait(description)) << world.output();

  EXPECT_NE(world.output().find("not-ready process=nrt/web-1"), std::string::npos)
      << world.output();
}

TEST_F(Lifecycle, ACopyThatNeverGetsReadyIsNamedAndTheRestComesUp) {
  std::string description = world.three_rooms(2);
  description +=
      R"(farm.web = { copies = 1, ready_timeout = "1s", command = ["/bin/sh", "-c", "echo waiting for godot; exec sleep 600"] }
)";
  ASSERT_TRUE(world.start_and_wait(description)) << world.output();

  const std::string output = world.output();
  EXPECT_NE(output.find("not-ready process=nrt/web-1"), std::string::npos) << output;
  EXPECT_NE(output.find("nrt/web-1: waiting for godot"), std::string::npos) << output;
  EXPECT_TRUE(eventually(10s, [&] { return world.dig("141.20.0.0/16") == "127.10.0.1\n"; }));
  EXPECT_TRUE(eventually(10s, [&] { return world.dig("133.11.0.0/16") != "127.12.0.1\n"; }));
}

TEST_F(Lifecycle, StatusNamesEveryRoomBalancerAndCopy) {
  start();

  const auto status = world.hither("status");

  EXPECT_EQ(status.status, 0);
  for (const char* word : {"fra", "iad", "nrt", "Tokyo", "balancer", "web-1", "dns", "up"}) {
    EXPECT_NE(status.output.find(word), std::string::npos) << word << " in\n" << status.output;
  }
  EXPECT_EQ(status.output.find('\x1b'), std::string::npos) << "colour where there is no terminal";
}

TEST_F(Lifecycle, WhatTheGreetingSaysToTryIsThere) {
  start();

  const std::string output = world.output();
  const std::size_t end = output.find(" status\n");
  ASSERT_NE(end, std::string::npos) << output;
  const std::size_t begin = output.rfind(' ', end - 1) + 1;
  const std::string program = output.substr(begin, end - begin);
  const auto version = run_command(program + " --version");
  EXPECT_EQ(version.status, 0) << program << ": " << version.output;
}

TEST_F(Lifecycle, ExplainTellsNetworkRankingScopeAndTtl) {
  start();

  const auto explained = world.hither("explain www.example.test --from 133.11.0.1");

  EXPECT_EQ(explained.status, 0);
  for (const char* word : {"JP", "nrt", "km", "127.12.0.1", "ttl", "scope"}) {
    EXPECT_NE(explained.output.find(word), std::string::npos) << word << " in\n"
                                                              << explained.output;
  }
}

TEST_F(Lifecycle, ExplainTellsHowARequestCameToItsCopy) {
  start();
  ASSERT_EQ(world.curl(fmt::format("http://127.12.0.1:{}/", world.ports().web)).status, 0);

  const auto last = world.hither("explain --farm web --room nrt --last 1 --json");
  ASSERT_EQ(last.status, 0) << last.output;
  const auto page = nlohmann::json::parse(last.output);
  const auto& decision = page["farms"][0]["decisions"][0];
  const auto found = world.hither("explain --request " + decision["request"].get<std::string>());

  EXPECT_EQ(page["room"], "nrt");
  EXPECT_EQ(found.status, 0);
  for (const std::string& word : {std::string("nrt web -> "), decision["server"].get<std::string>(),
                                  decision["why"].get<std::string>(), std::string("IN FLIGHT")}) {
    EXPECT_NE(found.output.find(word), std::string::npos) << word << " in\n" << found.output;
  }
}

TEST_F(Lifecycle, ExplainSaysWhatIsMissing) {
  start();
  struct Case {
    const char* arguments;
    int status;
    const char* says;
  };
  for (const Case& one : {Case{"", 2, "--farm FARM"}, Case{"www.example.test", 2, "--from CLIENT"},
                          Case{"--farm web --room ber", 2, "the rooms are"},
                          Case{"--farm shop", 2, "there is no farm shop"},
                          Case{"--request 0123456789abcdef", 1, "nobody remembers"}}) {
    const auto explained = world.hither(fmt::format("explain {}", one.arguments));

    EXPECT_EQ(explained.status, one.status) << one.arguments << "\n" << explained.output;
    EXPECT_NE(explained.output.find(one.says), std::string::npos) << explained.output;
  }
}

}  // namespace
}  // namespace hither::test
