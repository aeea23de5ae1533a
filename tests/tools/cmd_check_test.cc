// SPDX-License-Identifier: Apache-2.0
//
// What `hither check` says on which stream, and with which status; which mistakes and warnings
// there are is for tests/topology.
#include "tools/cmd_check.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/scratch_folder.h"

namespace hither::tools::cmd_check_test {
namespace {

using nlohmann::json;

const std::string sound = R"(schema = 1
[zone."example.test"]
[name."www.example.test"]
farm = "web"
[farm.web]
port = 8080
[room.fra]
location = [50.11, 8.68]
)";
const std::string unused_policy = "[policy.spare]\nof = [\"fra\"]\n";  // lines 9 and 10
const std::string its_warning =
    "policy 'spare' is used by no name; write policy = \"spare\" in one, or take it out";

struct Said {
  int status = 0;
  std::string out;
  std::string err;
};

class CmdCheck : public testing::Test {
 protected:
  Said check(const std::string& text, bool strict = false, bool json = false) {
    folder.write("w.toml", text);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Said said;
    said.status = cmd_check({.file = file, .json = json, .strict = strict});
    said.out = testing::internal::GetCapturedStdout();
    said.err = testing::internal::GetCapturedStderr();
    return said;
  }

  test::ScratchFolder folder;
  std::string file = folder.path("w.toml");
};

TEST_F(CmdCheck, ASoundFileIsStatus0AndNothingOnStderr) {
  for (const bool strict : {false, true}) {
    const Said said = check(sound, strict);
    EXPECT_EQ(said.status, 0);
    EXPECT_EQ(said.err, "");
    EXPECT_TRUE(said.out.starts_with(file + ": sound; 1 room, 1 farm, 1 name, 3 processes\n"))
        << said.out;
  }
}

TEST_F(CmdCheck, WarningsStandOnStderrAndFailOnlyWhereThatIsWanted) {
  for (const bool strict : {false, true}) {
    const Said said = check(sound + unused_policy, strict);
    EXPECT_EQ(said.status, strict ? 1 : 0);
    EXPECT_EQ(said.err, file + ":9:9: warning: " + its_warning + "\n");
    EXPECT_TRUE(
        said.out.starts_with(file + ": sound; 1 room, 1 farm, 1 name, 3 processes, 1 warning\n"))
        << said.out;
  }
}

TEST_F(CmdCheck, MistakesAreStatus2AndNoWarningIsSaidBesideThem) {
  const Said said = check(sound + unused_policy + "[policy.other]\nof = [\"oslo\"]\n", true);
  EXPECT_EQ(said.status, 2);
  EXPECT_EQ(said.out, "");
  EXPECT_NE(said.err.find(":12:6: policy 'other' has the member 'oslo'"), std::string::npos);
  EXPECT_NE(said.err.find("1 mistake; nothing was started"), std::string::npos);
  EXPECT_EQ(said.err.find("warning"), std::string::npos) << said.err;
}

TEST_F(CmdCheck, SaysTheSameAsJson) {
  const Said warned = check(sound + unused_policy, false, true);
  EXPECT_EQ(warned.status, 0);
  EXPECT_EQ(warned.err, "");
  EXPECT_EQ(
      json::parse(warned.out),
      (json{{"file", file},
            {"sound", true},
            {"mistakes", json::array()},
            {"warnings", json::array({{{"line", 9}, {"column", 9}, {"message", its_warning}}})}}));
  EXPECT_EQ(check(sound + unused_policy, true, true).status, 1);

  const Said wrong = check("schema = 1\n[room.fra]\nlocatio = 1\n", false, true);
  EXPECT_EQ(wrong.status, 2);
  const json said = json::parse(wrong.out);
  EXPECT_EQ(said["sound"], false);
  ASSERT_EQ(said["mistakes"].size(), 1U) << said;
  EXPECT_EQ(said["mistakes"][0]["line"], 3);
  EXPECT_EQ(said["warnings"], json::array());
}

TEST_F(CmdCheck, AFileThatIsNotThereIsStatus2) {
  for (const bool as_json : {false, true}) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    EXPECT_EQ(cmd_check({.file = folder.path("none.toml"), .json = as_json}), 2);
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
    EXPECT_NE(testing::internal::GetCapturedStderr().find("none.toml"), std::string::npos);
  }
}

}  // namespace
}  // namespace hither::tools::cmd_check_test
