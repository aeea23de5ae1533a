// SPDX-License-Identifier: Apache-2.0
#include "tools/world_status.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hither::tools {
namespace {

using namespace std::chrono_literals;

TEST(WorldStatus, ShowsEveryProcessWithStateAgeAndPid) {
  const auto reading = topology::read_description(
      "schema = 1\nworld = \"w\"\n[dns]\nlisten = \"127.0.0.1:5300\"\n[zone.\"example.test\"]\n"
      "[name.\"www.example.test\"]\nfarm = \"web\"\n[farm.web]\nport = 8080\ncopies = 1\n"
      "[room.fra]\nlocation = [50, 8]\n",
      "w.toml");
  ASSERT_TRUE(reading.description) << to_text(reading.mistakes, "w.toml");
  const Instant start{};
  topology::Supervisor supervisor(topology::make_plan(*reading.description), {}, 1, start);
  ASSERT_EQ(supervisor.on_time(start).size(), 1U);
  ASSERT_TRUE(supervisor.on_started(0, 4711, start).empty());
  ASSERT_FALSE(supervisor.on_ready(0, start + 1s).empty());

  const auto json =
      nlohmann::json::parse(world_status(*reading.description, supervisor, start, start + 3s));

  EXPECT_EQ(json["world"], "w");
  EXPECT_EQ(json["state"], "starting");
  EXPECT_EQ(json["since_s"], 3.0);
  EXPECT_EQ(json["rooms"][0]["address"][0], "127.10.0.1");
  const auto& copy = json["processes"][0];
  EXPECT_EQ(copy["name"], "fra/web-1");
  EXPECT_EQ(copy["state"], "ready");
  EXPECT_EQ(copy["since_s"], 2.0);
  EXPECT_EQ(copy["ready_after_s"], 1.0);
  EXPECT_EQ(copy["pid"], 4711);
  EXPECT_EQ(json["processes"][2]["state"], "waiting");
}

}  // namespace
}  // namespace hither::tools
