// SPDX-License-Identifier: Apache-2.0
// Operators overrule the probes of a running world, from the command to the answer and back.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/live_world.h"

namespace hither::test::override_test {
namespace {

using namespace std::chrono_literals;

constexpr const char* tokyo = "133.11.0.0/16";  // University of Tokyo
constexpr const char* nrt = "127.12.0.1\n";
constexpr Duration soon = 30s;

class Overruled : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world.start_and_wait(world.three_rooms(1))) << world.output();
    ASSERT_TRUE(eventually(soon, [&] { return world.dig(tokyo) == nrt; })) << world.output();
  }

  LiveWorld world;
};

TEST_F(Overruled, ARoomSaidToBeDownIsLeftUntilItIsRestored) {
  const auto down = world.hither("down nrt --reason 'new switches'");

  EXPECT_EQ(down.output, "nrt: down; hither restore nrt takes it back\n");
  EXPECT_EQ(down.status, 0);
  EXPECT_TRUE(eventually(soon, [&] { return world.dig(tokyo) != nrt; })) << world.output();
  const std::string overruled = world.hither("status").output;
  EXPECT_NE(overruled.find("by an operator: new switches (probes say up)"), std::string::npos)
      << overruled;
  const auto list = nlohmann::json::parse(world.hither("overrides --json").output, nullptr, false);
  EXPECT_EQ(list["overrides"][0]["room"], "nrt");

  EXPECT_EQ(world.hither("restore nrt").output, "nrt: as its probes say\n");
  EXPECT_TRUE(eventually(soon, [&] { return world.dig(tokyo) == nrt; })) << world.output();
  const std::string restored = world.hither("status").output;
  EXPECT_EQ(restored.find("by an operator"), std::string::npos) << restored;
}

TEST_F(Overruled, ADrainedRoomIsShownAsDrainingThoughItsProbesPass) {
  EXPECT_EQ(world.hither("drain nrt/web --over 10m").status, 0);
  EXPECT_TRUE(eventually(soon, [&] {
    const auto status = nlohmann::json::parse(world.hither("status --json").output, nullptr, false);
    const auto farm = status.value(nlohmann::json::json_pointer("/dns/status/rooms/2/farms/0"),
                                   nlohmann::json::object());
    return farm.value("state", "") == "draining" && farm.value("measured", "") == "up";
  })) << world.hither("status --json").output;
}

TEST_F(Overruled, WhatWasSaidOutlivesTheDnsServer) {
  ASSERT_EQ(world.hither("down nrt --reason 'new switches'").status, 0);
  ASSERT_TRUE(eventually(soon, [&] { return world.dig(tokyo) != nrt; })) << world.output();
  const int before = world.pid_of("dns");
  ASSERT_GT(before, 0);

  kill(before, SIGKILL);

  ASSERT_TRUE(eventually(soon, [&] {
    const auto dns = world.processes()["dns"];
    return dns.state == "ready" && dns.pid != before;
  })) << world.output();
  EXPECT_NE(world.dig(tokyo), nrt);
  EXPECT_TRUE(eventually(soon, [&] {
    return world.hither("status").output.find("by an operator: new switches (probes say up)") !=
           std::string::npos;
  })) << world.hither("status").output;
}

TEST_F(Overruled, WhatWasSaidGoesWithTheWorld) {
  ASSERT_EQ(world.hither("down nrt").status, 0);
  const std::string file = world.folder() + "/state/live.overrides.toml";
  ASSERT_TRUE(std::filesystem::exists(file));

  world.signal_guardian(SIGTERM);

  ASSERT_TRUE(world.wait_for_end(20s)) << world.output();
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(Overruled, ARoomThatDoesNotExistIsRefused) {
  const auto wrong = world.hither("down nrd");
  EXPECT_EQ(wrong.status, 2);
  EXPECT_EQ(wrong.output, "hither: there is no room 'nrd'; did you mean 'nrt'?\n");
}

}  // namespace
}  // namespace hither::test::override_test
