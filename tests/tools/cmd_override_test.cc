// SPDX-License-Identifier: Apache-2.0
//
// What operators type, and the file that it makes: read back as the programs that steer read it.
#include "tools/cmd_override.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "io/clock.h"
#include "io/files.h"

namespace hither::tools::cmd_override_test {
namespace {

using Kind = topology::Override::Kind;
using namespace std::chrono_literals;

const std::string example = std::string(HITHER_SOURCE_DIR) + "/topology/examples/three_rooms.toml";

class Commands : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/hither-override-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    file_ = folder_ + "/overrides.toml";
    setenv("HITHER_OVERRIDES", file_.c_str(), 1);
    setenv("HITHER_TOPOLOGY", example.c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : {"HITHER_OVERRIDES", "HITHER_TOPOLOGY", "HITHER_STATE"}) unsetenv(name);
    std::filesystem::remove_all(folder_);
  }

  static std::string output_of(const std::function<int()>& command) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(command(), 0);
    return testing::internal::GetCapturedStdout();
  }
  static std::string refusal_of(const std::function<int()>& command) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(command(), 2);
    return testing::internal::GetCapturedStderr();
  }
  static std::string say(const std::string& target, Kind kind, const std::string& over = "",
                         const std::string& reason = "") {
    return output_of([&] {
      return cmd_override(
          {.world = "", .target = target, .kind = kind, .over = over, .reason = reason});
    });
  }
  static std::string refused(const std::string& target, const std::string& over = "",
                             const std::string& reason = "") {
    return refusal_of([&] {
      return cmd_override(
          {.world = "", .target = target, .kind = Kind::drain, .over = over, .reason = reason});
    });
  }
  topology::Overrides written() const {
    const auto reading = topology::read_overrides(io::read_file(file_).value_or(""), file_);
    EXPECT_TRUE(reading.overrides);
    return reading.overrides.value_or(topology::Overrides{});
  }

  std::string folder_;
  std::string file_;
};

TEST_F(Commands, WriteWhatProgramsThatSteerRead) {
  const auto before = io::wall_now();
  const std::string output = say("fra/web", Kind::drain, "10m", "new \"switches\"");

  const topology::Overrides overrides = written();
  ASSERT_EQ(overrides.all.size(), 1U);
  const topology::Override& one = overrides.all[0];
  EXPECT_EQ(one.room, "fra");
  EXPECT_EQ(one.farm, "web");
  EXPECT_EQ(one.kind, Kind::drain);
  EXPECT_EQ(one.over, 10min);
  EXPECT_EQ(one.reason, "new \"switches\"");
  EXPECT_GE(one.since, before);
  EXPECT_LE(one.since, io::wall_now());
  EXPECT_EQ(output, "fra/web: drain over 10m; hither restore fra/web takes it back\n");
}

TEST_F(Commands, OfALaterTimeReplaceTheEarlier) {
  say("fra", Kind::down);
  say("nrt", Kind::down);
  say("fra", Kind::up);

  const topology::Overrides overrides = written();
  ASSERT_EQ(overrides.all.size(), 2U);
  EXPECT_EQ(overrides.find("fra", "web")->kind, Kind::up);
  EXPECT_EQ(overrides.find("nrt", "web")->kind, Kind::down);
}

TEST_F(Commands, RestoreTakesOneBackAndLeavesTheOthers) {
  say("fra", Kind::down);
  say("nrt/web", Kind::down);

  EXPECT_EQ(output_of([] { return cmd_restore("", "fra"); }), "fra: as its probes say\n");

  EXPECT_EQ(written().find("fra", "web"), nullptr);
  EXPECT_NE(written().find("nrt", "web"), nullptr);
}

TEST_F(Commands, RestoreOfWhatNobodySaidIsAMistake) {
  say("fra", Kind::down);
  EXPECT_EQ(refusal_of([] { return cmd_restore("", "iad"); }),
            "hither: there is no override of iad; see hither overrides\n");
  EXPECT_EQ(written().all.size(), 1U);
}

TEST_F(Commands, RefuseWhatCannotBeMeantAndWriteNothing) {
  struct Case {
    const char* target;
    const char* over;
    const char* reason;
    const char* says;
  };
  const std::array cases = {
      Case{"frb", "", "", "there is no room 'frb'; did you mean 'fra'?"},
      Case{"fra/mail", "", "", "room 'fra' has no farm 'mail'"},
      Case{"fra/", "", "", "'fra/' is no room; write ROOM or ROOM/FARM"},
      Case{"/web", "", "", "'/web' is no room; write ROOM or ROOM/FARM"},
      Case{"fra/web/1", "", "", "'fra/web/1' is no room; write ROOM or ROOM/FARM"},
      Case{"", "", "", "'' is no room; write ROOM or ROOM/FARM"},
      Case{"fra", "soon", "", "--over: "},
      Case{"fra", "", "\xff", "this would not be read back: "},
  };
  for (const Case& one : cases) {
    const std::string said = refused(one.target, one.over, one.reason);
    EXPECT_NE(said.find(one.says), std::string::npos) << said;
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(Commands, LeaveAFileWithAMistakeAsItIs) {
  const std::string mine = "[[override]]\nroom = \"fra\"\nstate = \"dwon\"\n";
  std::ofstream(file_) << mine;

  const std::string said = refused("nrt");

  EXPECT_NE(said.find(file_ + ":3:"), std::string::npos) << said;
  EXPECT_EQ(io::read_file(file_).value_or(""), mine);
}

TEST_F(Commands, SayThatNobodyCheckedTheRoomWhereTheDescriptionCannotBeRead) {
  const std::string broken = folder_ + "/broken.toml";
  std::ofstream(broken) << "schema = ";
  const std::array<std::pair<std::string, std::string>, 3> cases = {
      {{"", "set HITHER_TOPOLOGY"}, {"/nowhere/world.toml", "No such file"}, {broken, ":1:"}}};
  for (const auto& [topology, says] : cases) {
    setenv("HITHER_TOPOLOGY", topology.c_str(), 1);
    testing::internal::CaptureStderr();
    say("anywhere", Kind::down);
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("nobody checked"), std::string::npos) << said;
    EXPECT_NE(said.find(says), std::string::npos) << said;
    EXPECT_EQ(written().all.size(), 1U);
  }
}

TEST_F(Commands, ANamedWorldIsMeantWhateverTheEnvironmentNames) {
  setenv("HITHER_STATE", (folder_ + "/state").c_str(), 1);
  const std::string said = refusal_of([] { return cmd_overrides("live", false); });
  EXPECT_NE(said.find("no world"), std::string::npos) << said;
}

TEST_F(Commands, SayWhatToSetWhereNoWorldRunsAndNoFileIsNamed) {
  setenv("HITHER_STATE", (folder_ + "/state").c_str(), 1);
  unsetenv("HITHER_OVERRIDES");
  const std::string said = refused("fra");
  EXPECT_NE(said.find("hither up FILE"), std::string::npos) << said;
  EXPECT_NE(said.find("set HITHER_OVERRIDES to"), std::string::npos) << said;
  const std::string of_a_name = refusal_of([] { return cmd_overrides("live", false); });
  EXPECT_EQ(of_a_name.find("HITHER_OVERRIDES"), std::string::npos) << of_a_name;
}

TEST_F(Commands, AtTheSameTimeAllCount) {
  unsetenv("HITHER_TOPOLOGY");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  {
    std::vector<std::jthread> operators;
    for (int i = 0; i < 8; ++i) {
      operators.emplace_back([i] {
        EXPECT_EQ(cmd_override({.world = "",
                                .target = fmt::format("room{}", i),
                                .kind = Kind::down,
                                .over = "",
                                .reason = ""}),
                  0);
      });
    }
  }
  testing::internal::GetCapturedStderr();
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(written().all.size(), 8U);
}

TEST_F(Commands, ListWhatWasSaid) {
  EXPECT_EQ(output_of([] { return cmd_overrides("", false); }),
            "no overrides: every room is as its probes say\n");
  say("fra/web", Kind::drain, "10m", "new switches");
  say("nrt", Kind::down);

  const std::string table = output_of([] { return cmd_overrides("", false); });
  EXPECT_TRUE(table.starts_with("ROOM  FARM  STATE  SINCE")) << table;
  EXPECT_NE(table.find("10m   new switches\n"), std::string::npos) << table;
  const auto json = nlohmann::json::parse(output_of([] { return cmd_overrides("", true); }));
  EXPECT_EQ(json["file"], file_);
  EXPECT_EQ(json["overrides"][0]["over"], "10m");
  EXPECT_EQ(json["overrides"][1]["room"], "nrt");
  EXPECT_TRUE(json["overrides"][1]["farm"].is_null());
  EXPECT_TRUE(json["overrides"][1]["over"].is_null());
}

}  // namespace
}  // namespace hither::tools::cmd_override_test
