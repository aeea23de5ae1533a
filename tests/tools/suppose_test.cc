// SPDX-License-Identifier: Apache-2.0
//
// explain --file and whatif on an example of the tree, with the built-in geography: the whole way
// from a file to what is printed.
#include "tools/suppose.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "dns/whatif.h"
#include "tests/support/scratch_folder.h"
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

std::string text_of(const std::function<int()>& command) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(command(), 0);
  return ::testing::internal::GetCapturedStdout();
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Two rooms of ten requests at once.
const std::string two_rooms = R"(schema = 1
[zone."example.test"]
[name."www.example.test"]
farm = "web"
policy = "p"
[farm.web]
port = 8080
copies = 2
capacity = 5
)";

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

TEST(WhatIfCommand, RoomsWithoutALocationAreNoDistanceAway) {
  const test::ScratchFolder folder;
  folder.write("w.toml", two_rooms + "[room.fra]\n[room.iad]\n[policy.p]\nrule = 'ordered'\n");
  WhatIfOptions options{.file = folder.path("w.toml"), .down = {"fra"}};

  const std::string text = text_of([&] { return cmd_whatif(options); });
  EXPECT_TRUE(says(text, "mean distance     ?                       ?\n")) << text;
  EXPECT_TRUE(says(text, "95 of 100 within  ?                       ?\n")) << text;
  EXPECT_FALSE(says(text, "km")) << text;
  options.json = true;
  const auto json = output_of([&] { return cmd_whatif(options); });
  EXPECT_TRUE(json["before"]["mean_km"].is_null());
  EXPECT_TRUE(json["before"]["p95_km"].is_null());

  const ExplainOptions explain{
      .name = "www.example.test", .from = "133.11.0.1", .file = folder.path("w.toml")};
  const std::string why = text_of([&] { return cmd_explain(explain); });
  EXPECT_TRUE(says(why, "fra  fra  ? km")) << why;
}

TEST(WhatIfCommand, SaysWhoIsSentToARoomThatIsDown) {
  const test::ScratchFolder folder;
  folder.write("w.toml", two_rooms +
                             "[room.fra]\nlocation = [50.11, 8.68]\n"
                             "[room.iad]\nlocation = [39.04, -77.49]\n"
                             "[[network]]\nprefix = '192.0.2.0/24'\nlocation = [39, -77]\n"
                             "[policy.p]\nfence = [{ from = '10.0.0.0/8', only = 'fra' }]\n");
  folder.write("p.csv", "10.0.0.0/8,75\n192.0.2.0/24,25\n");
  WhatIfOptions options{.file = folder.path("w.toml"),
                        .down = {"fra"},
                        .clients = 1000,
                        .population = folder.path("p.csv")};

  const std::string text = text_of([&] { return cmd_whatif(options); });
  EXPECT_TRUE(says(text, "  0         down, and yet named to 750 clients\n")) << text;
  EXPECT_TRUE(says(text, "  10        too full: 250 clients\n")) << text;
  EXPECT_TRUE(says(text, "lost clients      0.0 %                   75.0 %\n")) << text;
  EXPECT_TRUE(says(text, "13 clients (fra first)  40 clients (iad first)\n")) << text;

  options.json = true;
  const auto outcome = output_of([&] { return cmd_whatif(options); })["supposed"][0]["outcome"];
  EXPECT_DOUBLE_EQ(outcome["lost"], 0.75);
  EXPECT_EQ(outcome["full_first"], "iad");
  EXPECT_EQ(outcome["rooms"][0]["capacity"], 0.0);
  EXPECT_EQ(outcome["rooms"][0]["up"], false);

  options.down = {"fra", "iad"};
  const auto nobody = output_of([&] { return cmd_whatif(options); })["supposed"][0]["outcome"];
  EXPECT_DOUBLE_EQ(nobody["lost"], 1);
  EXPECT_TRUE(nobody["full_at"].is_null());

  options.down = {};
  options.all = true;
  options.json = false;
  const std::string all = text_of([&] { return cmd_whatif(options); });
  EXPECT_TRUE(says(all, "75.0 %  40 clients (iad first)  too full: iad (250 of 10)\n")) << all;
}

TEST(ExplainFile, SaysFileOrderOnlyWhereNothingElseDecides) {
  const test::ScratchFolder folder;
  const std::string places =
      "[room.fra]\nlocation = [50.11, 8.68]\n[room.iad]\nlocation = [39.04, -77.49]\n[policy.p]\n";
  const ExplainOptions options{
      .name = "www.example.test", .from = "10.0.0.1", .file = folder.path("w.toml")};
  const auto client = [&](const std::string& rule) {
    folder.write("w.toml", two_rooms + places + rule);
    const std::string text = text_of([&] { return cmd_explain(options); });
    const std::size_t begin = text.find("nobody knows");
    return begin == std::string::npos ? text : text.substr(begin, text.find('\n', begin) - begin);
  };

  EXPECT_EQ(client(""), "nobody knows where that is: the rooms are tried as the file lists them");
  EXPECT_EQ(client("rule = 'weighted'\n"), "nobody knows where that is");
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
