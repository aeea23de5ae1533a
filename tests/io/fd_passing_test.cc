// SPDX-License-Identifier: Apache-2.0
#include "io/fd_passing.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

namespace hither::io {
namespace {

class LocalPlace : public testing::Test {
 protected:
  LocalPlace() {
    std::string pattern = testing::TempDir() + "hither-place-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~LocalPlace() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
};

TEST_F(LocalPlace, DescriptorsArriveWithTheFirstByteAndAreTheSameThing) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const Fd here(ends[0]);
  const Fd there(ends[1]);
  const auto listener = listen_tcp({.address = Address::v4(0x7f000001), .port = 0});
  ASSERT_TRUE(listener);
  const std::array<int, 2> fds = {listener->get(), listener->get()};

  ASSERT_EQ(send_with_fds(here.get(), as_bytes("abc"), fds).size, 3U);
  ASSERT_EQ(send_with_fds(here.get(), as_bytes("def"), {}).size, 3U);
  std::array<std::byte, 64> buffer;
  std::vector<Fd> got;
  const IoResult first = receive_with_fds(there.get(), buffer, got);

  EXPECT_GE(first.size, 3U);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_NE(got[0].get(), listener->get());
  const auto same = local_endpoint(got[0].get());
  ASSERT_TRUE(same);
  EXPECT_EQ(*same, *local_endpoint(listener->get()));
}

TEST_F(LocalPlace, OnlyItsUserMayConnectAndIsKnown) {
  const auto listener = listen_local(path("place"));
  ASSERT_TRUE(listener) << listener.error().message;
  struct stat file {};
  ASSERT_EQ(stat(path("place").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777U, 0600U);

  const auto client = connect_local(path("place"));
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(peer_user(client->get()), std::optional<unsigned>(geteuid()));
}

TEST_F(LocalPlace, ALinkIsNotFollowed) {
  const auto listener = listen_local(path("real"));
  ASSERT_TRUE(listener);
  std::filesystem::create_symlink(path("real"), path("link"));

  EXPECT_FALSE(connect_local(path("link")));
  EXPECT_FALSE(listen_local(path("link")));
  remove_local(path("link"));
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_TRUE(connect_local(path("real")));
}

TEST_F(LocalPlace, WhatADeadProgramLeftIsReplacedAndNothingElse) {
  { ASSERT_TRUE(listen_local(path("left"))); }  // Closed, but its file is there.
  ASSERT_TRUE(std::filesystem::exists(path("left")));
  const auto again = listen_local(path("left"));
  EXPECT_TRUE(again) << again.error().message;
  EXPECT_FALSE(listen_local(path("left"))) << "somebody listens there";

  std::filesystem::create_directory(path("folder"));
  EXPECT_FALSE(listen_local(path("folder")));
  EXPECT_FALSE(listen_local(std::string(200, 'x')));
  EXPECT_FALSE(connect_local(path("nobody")));
}

TEST_F(LocalPlace, AbstractNamesLeaveNothingBehind) {
  const std::string name = "@hither-test-" + std::to_string(getpid());
  {
    const auto listener = listen_local(name);
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_TRUE(connect_local(name));
    EXPECT_FALSE(listen_local(name));
  }
  EXPECT_FALSE(connect_local(name));
  EXPECT_TRUE(listen_local(name));
}

}  // namespace
}  // namespace hither::io
