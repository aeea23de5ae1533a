// SPDX-License-Identifier: Apache-2.0
#include "io/files.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace hither::io {
namespace {

std::string scratch(const std::string& name) {
  return testing::TempDir() + "/hither_files_" + name;
}

TEST(Files, WhatIsWrittenIsRead) {
  const std::string path = scratch("whole");
  const std::string content("a\0b\nc", 5);

  ASSERT_TRUE(write_file(path, content));

  EXPECT_EQ(*read_file(path), content);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  std::filesystem::remove(path);
}

TEST(Files, AMissingFileIsNamedWithTheReason) {
  const auto content = read_file("/nowhere/world.toml");

  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().message,
            "/nowhere/world.toml: No such file or directory; name a file that can be read");
}

TEST(Files, AFolderIsNotAFile) {
  const auto content = read_file(testing::TempDir());

  ASSERT_FALSE(content);
  EXPECT_NE(content.error().message.find("not a regular file"), std::string::npos);
}

TEST(Files, AFailedWriteLeavesTheOldContent) {
  EXPECT_FALSE(write_file("/nowhere/world.toml", "x"));
}

TEST(Files, ALinkWhereTheDraftWouldBeLeadsNowhere) {
  const std::string path = scratch("linked");
  const std::string victim = scratch("victim");
  ASSERT_TRUE(write_file(victim, "precious"));
  std::filesystem::remove(path + ".new");
  std::filesystem::create_symlink(victim, path + ".new");

  ASSERT_TRUE(write_file(path, "x"));

  EXPECT_EQ(*read_file(victim), "precious");
  EXPECT_EQ(*read_file(path), "x");
  std::filesystem::remove(path);
  std::filesystem::remove(victim);
}

TEST(Files, OnlyWhatIsNotThereHasNoStamp) {
  const std::string path = scratch("stamped");
  std::filesystem::remove(path);
  EXPECT_FALSE(stamp_of(path));
  ASSERT_TRUE(write_file(path, "x"));
  const auto whole = stamp_of(path);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->error, 0);
  EXPECT_EQ(whole->size, 1);
  EXPECT_FALSE(stamp_of(path + "/below")) << "a file is no folder";

  std::filesystem::remove(path);
  std::filesystem::create_symlink(path, path);
  const auto unseen = stamp_of(path);
  EXPECT_EQ(unseen, (FileStamp{.error = ELOOP})) << "it may well be there";
  std::filesystem::remove(path);
}

TEST(Environment, AnEmptyVariableIsAsGoodAsNone) {
  setenv("HITHER_TEST_EMPTY", "", 1);
  EXPECT_EQ(environment("HITHER_TEST_EMPTY", "otherwise"), "otherwise");
  EXPECT_EQ(environment("HITHER_TEST_NONE", "otherwise"), "otherwise");
}

}  // namespace
}  // namespace hither::io
