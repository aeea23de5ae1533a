// SPDX-License-Identifier: Apache-2.0
#include "lb/server_handover.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#include "io/fd_passing.h"

namespace hither::lb::test {
namespace {

/// The predecessor of a process that is sent signals while it waits for it.
TEST(Predecessor, IsWaitedForThroughSignals) {
  struct sigaction interrupts {};
  struct sigaction before {};
  interrupts.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGUSR1, &interrupts, &before), 0);
  const std::string place = fmt::format("@hither-handover-test-{}", getpid());
  const Result<io::Fd> listener = io::listen_local(place);
  ASSERT_TRUE(listener) << listener.error().message;
  std::thread old_one([&listener, waiting = pthread_self()] {
    pollfd event{.fd = listener->get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&event, 1, 20'000), 1);
    const io::Accepted accepted = io::accept_one(listener->get());
    ASSERT_TRUE(accepted.fd);
    event.fd = accepted.fd.get();
    ASSERT_EQ(poll(&event, 1, 20'000), 1);
    std::array<std::byte, 1000> dated_hello{};
    EXPECT_GT(io::read_some(accepted.fd.get(), dated_hello).size, 0U);
    for (int i = 0; i < 50; ++i) {
      pthread_kill(waiting, SIGUSR1);
      poll(nullptr, 0, 1);  // Some of these find it waiting.
    }
    RoomMemory memory;
    memory.room = "fra";
    memory.generation = 3;
    const std::string offer =
        to_frame({.step = HandoverMessage::Step::offer, .memory = to_json(memory), .sockets = 0});
    EXPECT_EQ(io::write_some(accepted.fd.get(), as_bytes(offer)).size, offer.size());
    poll(&event, 1, 20'000);  // Until it has read that, and ends.
  });
  io::Loop loop;

  auto found = Predecessor::find(loop, place, "fra");

  EXPECT_NE(found, nullptr) << "a signal says nothing about the one that is asked";
  EXPECT_EQ(found == nullptr ? 0U : found->memory().generation, 3U);
  found.reset();
  old_one.join();
  sigaction(SIGUSR1, &before, nullptr);
}

TEST(Predecessor, ThatDidNotWaitServesOnAlone) {
  const std::string place = fmt::format("@hither-handover-test-off-{}", getpid());
  const Result<io::Fd> listener = io::listen_local(place);
  ASSERT_TRUE(listener) << listener.error().message;
  std::thread old_one([&listener] {
    pollfd event{.fd = listener->get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&event, 1, 20'000), 1);
    const io::Accepted accepted = io::accept_one(listener->get());
    ASSERT_TRUE(accepted.fd);
    const auto say = [&](const std::string& frames) {
      EXPECT_EQ(io::write_some(accepted.fd.get(), as_bytes(frames)).size, frames.size());
    };
    const auto hear = [&] {
      std::array<std::byte, 1000> said{};
      pollfd news{.fd = accepted.fd.get(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(poll(&news, 1, 20'000), 1);
      EXPECT_GT(io::read_some(accepted.fd.get(), said).size, 0U);
    };
    hear();
    RoomMemory memory;
    memory.room = "fra";
    say(to_frame({.step = HandoverMessage::Step::offer, .memory = to_json(memory), .sockets = 0}));
    hear();
    say(to_frame({.step = HandoverMessage::Step::paused}) +
        to_frame({.step = HandoverMessage::Step::off, .reason = "you took too long"}));
  });
  io::Loop loop;
  auto found = Predecessor::find(loop, place, "fra");
  ASSERT_NE(found, nullptr);
  std::string became;
  const auto becomes = [&](const std::string& what) {
    became = what;
    loop.stop();
  };

  found->follow({.take_over = [&] { becomes("in charge"); },
                 .be_alone = [&] { becomes("alone"); },
                 .give_up = [&](const std::string& why) { becomes("given up: " + why); }});
  found->say_ready({});
  old_one.join();
  loop.run();

  EXPECT_EQ(became, "given up: you took too long");
}

}  // namespace
}  // namespace hither::lb::test
