// SPDX-License-Identifier: Apache-2.0
#include "tools/state_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "io/socket.h"

namespace hither::tools {
namespace {

class StateFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/hither-state-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    parent_ = pattern;
    setenv("HITHER_STATE", (parent_ + "/state").c_str(), 1);
  }
  void TearDown() override {
    unsetenv("HITHER_STATE");
    std::filesystem::remove_all(parent_);
  }

  std::string parent_;
};

TEST_F(StateFolder, IsMadeForItsOwnerOnly) {
  const auto folder = make_state_folder();

  ASSERT_TRUE(folder);
  struct stat status {};
  ASSERT_EQ(stat(folder->c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(StateFolder, IsRefusedIfOthersMayWriteToIt) {
  std::filesystem::create_directory(parent_ + "/state");
  chmod((parent_ + "/state").c_str(), 0777);

  const auto folder = make_state_folder();

  ASSERT_FALSE(folder);
  EXPECT_NE(folder.error().message.find("set HITHER_STATE"), std::string::npos);
}

TEST_F(StateFolder, FindsTheOnlyWorldThatAnswers) {
  ASSERT_TRUE(make_state_folder());
  const auto listener = io::listen_unix(socket_of_world("one"));
  ASSERT_TRUE(listener);
  std::ofstream(socket_of_world("dead")) << "";

  EXPECT_EQ(running_worlds(), std::vector<std::string>{"one"});
  EXPECT_EQ(*find_world(""), socket_of_world("one"));
  EXPECT_EQ(*find_world("one"), socket_of_world("one"));
  EXPECT_EQ(find_world("two").error().message, "no world 'two' runs here; there is one");
}

TEST_F(StateFolder, AsksWhichOfSeveralWorldsIsMeant) {
  ASSERT_TRUE(make_state_folder());
  const auto one = io::listen_unix(socket_of_world("one"));
  const auto two = io::listen_unix(socket_of_world("two"));

  EXPECT_EQ(find_world("").error().message, "2 worlds run here; choose with --world: one and two");
}

TEST_F(StateFolder, SaysHowToStartAWorldWhereNoneRuns) {
  EXPECT_NE(find_world("").error().message.find("hither up"), std::string::npos);
}

TEST_F(StateFolder, GoesWithItsLastWorld) {
  ASSERT_TRUE(make_state_folder());
  const auto one = io::listen_unix(socket_of_world("one"));
  const auto two = io::listen_unix(socket_of_world("two"));

  remove_world("one");
  EXPECT_TRUE(std::filesystem::exists(state_folder()));
  remove_world("two");
  EXPECT_FALSE(std::filesystem::exists(state_folder()));
}

}  // namespace
}  // namespace hither::tools
