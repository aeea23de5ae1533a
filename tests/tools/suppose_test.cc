// SPDX-License-Identifier: Apache-2.0
//
// explain --file and whatif on an example of the tree, with the built-in geography: the whole way
// from a file to what is printed.
#include "tools/suppose.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "dns/whatif.h"
#include "tools/cmd_explain.h"
#include "tools/cmd_whatif.h"

namespace hither::tools::suppose_test {
namespace {

const std::string example = std::string(HITHER_SOURCE_DIR) + "/topology/examples/three_rooms.toml";

nlohmann::json output_of(const std::function<int()>& command) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(command(), 0);
  return nlohmann::json::parse(::testing::internal::GetCapturedStdout(), nullptr, false);
}

std::string refusal_of(const std::function<int()>& command) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(command(), 2);
  return ::testing::internal::GetCapturedStderr();
}

TEST(Suppose, RoomsAreCalledByTheirNames) {
  const auto world = suppose_world(example);
  ASSERT_TRUE(world);
  EXPECT_EQ(rooms_called(world->description, {"nrt", "fra"})->to_ulong(), 0b101U);
  EXPECT_EQ(rooms_called(world->description, {"frb"}).error().message,
            "there is no room 'frb'; did you mean 'fra'?");
}

TEST(ExplainFile, AnswersAsTheServerWould) {
  ExplainOptions options{.name = "www.example.test", .from = "133.11.0.1", .file = example};
  options.json = true;
  EXPECT_EQ(output_of([&] { return cmd_explain(options); })["addresses"][0], "127.12.0.1");

  options.down = {"nrt"};
  const auto json = output_of([&] { return cmd_explain(options); });
  EXPECT_EQ(json["addresses"][0], "127.10.0.1");
  EXPECT_EQ(json["rooms"][0]["reason"], "supposed to be down");
}

TEST(ExplainFile, SupposesOnlyWithAFile) {
  const ExplainOptions options{.name = "www.example.test", .from = "133.11.0.1", .down = {"nrt"}};
  EXPECT_EQ(refusal_of([&] { return cmd_explain(options); }),
            "hither: --down supposes; write --file FILE to suppose it for a description\n");
}

TEST(WhatIfCommand, TellsSharesBeforeAndAfter) {
  const WhatIfOptions options{.file = example, .down = {"fra"}, .clients = 450, .json = true};
  const auto json = output_of([&] { return cmd_whatif(options); });

  double before = 0;
  for (const auto& room : json["before"]["rooms"]) before += room["share"].get<double>();
  EXPECT_NEAR(before, 1, 1e-9);
  const auto& after = json["supposed"][0];
  EXPECT_EQ(after["down"][0], "fra");
  EXPECT_EQ(after["outcome"]["rooms"][0]["share"], 0.0);
  EXPECT_GT(after["outcome"]["mean_km"], json["before"]["mean_km"]);
  EXPECT_EQ(after["outcome"]["full_first"], "iad");
  EXPECT_EQ(after["outcome"]["rooms"][1]["too_full"], true) << "450 clients, 300 fit";
}

TEST(WhatIfCommand, AllIsEveryRoomAndEveryPair) {
  const WhatIfOptions options{.file = example, .all = true, .json = true};
  EXPECT_EQ(output_of([&] { return cmd_whatif(options); })["supposed"].size(), 6U);
}

TEST(WhatIfCommand, SaysWhatItCannotSuppose) {
  EXPECT_NE(refusal_of([&] {
              return cmd_whatif({.file = example, .down = {"fra"}, .all = true});
            }).find("leave --down out"),
            std::string::npos);
  EXPECT_NE(refusal_of([&] {
              return cmd_whatif({.file = example, .name = "a.test"});
            }).find("the names are www.example.test"),
            std::string::npos);
  EXPECT_NE(refusal_of([&] {
              return cmd_whatif({.file = example, .population = "/none"});
            }).find("/none"),
            std::string::npos);
}

}  // namespace
}  // namespace hither::tools::suppose_test
