// SPDX-License-Identifier: Apache-2.0
#include "io/notify.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace hither::io {
namespace {

TEST(Notify, TellsWhoSpokeByTheKernelsWord) {
  Loop loop;
  std::string name;
  auto socket = NotifyListener::open(name);
  ASSERT_TRUE(socket);
  int speaker = 0;
  std::string said;
  const NotifyListener listener(loop, std::move(*socket), [&](int pid, std::string_view message) {
    speaker = pid;
    said = message;
    loop.stop();
  });
  setenv("NOTIFY_SOCKET", name.c_str(), 1);

  notify("READY=1\nMAINPID=1");
  unsetenv("NOTIFY_SOCKET");
  loop.run();

  EXPECT_EQ(speaker, getpid());
  EXPECT_EQ(said, "READY=1\nMAINPID=1");
}

TEST(Notify, WithoutASocketNothingHappens) {
  unsetenv("NOTIFY_SOCKET");
  notify("READY=1");
}

}  // namespace
}  // namespace hither::io
