// SPDX-License-Identifier: Apache-2.0
// A real hither-lb that is told to stop twice: who is left is cut, and told about in both logs.
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "io/socket.h"
#include "tests/support/live_balancer.h"
#include "tests/support/live_world.h"
#include "tests/support/misbehaving_server.h"

namespace hither::test::straggler_test {
namespace {

using namespace std::chrono_literals;

constexpr Duration soon = 30s;
constexpr const char* raw_keys = R"(
mode = "tcp"
access_log = "text"
health = { kind = "tcp", interval = "1s", fast_interval = "100ms", timeout = "1s", rise = 1 }
servers = )";

TEST(Stragglers, ASecondSignalCutsThemAtOnceAndTellsOfThem) {
  const MisbehavingServer copy(unused_endpoint(), 1);
  LiveBalancer balancer({.threads = 8});  // Most are empty and say so at once.
  const auto logs = [&](const std::string& what) {
    return eventually(soon, [&] { return balancer.output().find(what) != std::string::npos; });
  };
  ASSERT_TRUE(balancer.start({{"raw", raw_keys + server_list({copy.endpoint()})}}))
      << balancer.output();
  const auto now = [&] { return balancer.now("raw").value_or(FarmNow{}); };
  ASSERT_TRUE(eventually(soon, [&] { return now().usable == 1; })) << balancer.output();
  const Result<io::Fd> client = io::connect_tcp(balancer.port_of("raw"));
  ASSERT_TRUE(client);
  ASSERT_TRUE(eventually(soon, [&] { return now().clients == 1; })) << now().to_text();

  balancer.program().signal(SIGTERM);
  ASSERT_TRUE(logs(" draining ")) << balancer.output();
  EXPECT_EQ(balancer.output().find(" end="), std::string::npos) << "it has some seconds";
  balancer.program().signal(SIGTERM);
  EXPECT_TRUE(eventually(soon, [&] { return !balancer.program().running(); }));

  const std::string output = balancer.output();
  EXPECT_NE(output.find("stragglers-cut "), std::string::npos) << output;
  EXPECT_NE(output.find(" end=KT "), std::string::npos) << output;
}

}  // namespace
}  // namespace hither::test::straggler_test
