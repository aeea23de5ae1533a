// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_noise.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <optional>

#include "io/clock.h"

namespace hither::tools::bench_noise_test {
namespace {

constexpr std::size_t header_octets = 12;

TEST(BenchNoiseDue, AHeaderThatIsNoAnswerIsDueOne) {
  Bytes packet(header_octets);
  EXPECT_TRUE(is_due_answer(packet));
  packet.resize(300);
  EXPECT_TRUE(is_due_answer(packet));
}

TEST(BenchNoiseDue, LessThanAHeaderIsNot) { EXPECT_FALSE(is_due_answer(Bytes(header_octets - 1))); }

TEST(BenchNoiseDue, WhatSaysThatItIsAnAnswerIsNot) {
  Bytes packet(header_octets);
  packet[2] = std::byte{0x80};
  EXPECT_FALSE(is_due_answer(packet));
}

class BenchNoiseTest : public testing::Test {
 protected:
  BenchNoiseTest() {
    const Endpoint any{.address = *parse_address("127.0.0.1"), .port = 0};
    server_ = *io::bind_udp(any, false);
    io::Fd client = *io::bind_udp(any, false);
    join(client.get(), server_.get());
    join(server_.get(), client.get());
    noise_.emplace(std::move(client), Bytes(40), 1);
  }

  static void join(int from, int to) {
    sockaddr_storage storage{};
    const unsigned size = io::to_sockaddr(*io::local_endpoint(to), storage);
    EXPECT_EQ(connect(from, reinterpret_cast<const sockaddr*>(&storage), size), 0);
  }

  static void wait_readable(int fd) {
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&waiting, 1, 5000), 1);
  }

  void send_all() {
    while (noise_->send_one(now_)) continue;
  }

  /// Reads what was sent, until the last, and answers it; all of it, or only what is due one.
  void answer(std::uint64_t packets, bool all = false) {
    for (std::uint64_t i = 0; i < packets; ++i) {
      std::array<std::byte, 2048> buffer{};
      wait_readable(server_.get());
      const std::size_t size = io::read_some(server_.get(), buffer).size;
      if (!all && !is_due_answer(ByteView(buffer.data(), size))) continue;
      buffer[2] |= std::byte{0x80};
      io::write_some(server_.get(), ByteView(buffer.data(), header_octets));
      wait_readable(noise_->fd());
      noise_->receive();
    }
  }

  Instant now_ = io::monotonic_now();
  io::Fd server_;
  std::optional<BenchNoise> noise_;
};

TEST_F(BenchNoiseTest, NoMoreThanSoManyWaitForTheirAnswers) {
  send_all();

  EXPECT_EQ(noise_->due(), BenchNoise::in_flight_max);
  EXPECT_GE(noise_->sent(), noise_->due());
}

TEST_F(BenchNoiseTest, AnswersMakeRoomForMore) {
  send_all();
  answer(noise_->sent());

  EXPECT_FALSE(noise_->waiting());
  EXPECT_EQ(noise_->answered(), noise_->due());
  EXPECT_TRUE(noise_->send_one(now_));
}

/// Also those that were cut to one octet and then made longer.
TEST_F(BenchNoiseTest, EachPacketHasAnIdOfItsOwn) {
  while (noise_->sent() < 10'000) {
    const std::uint64_t before = noise_->sent();
    send_all();
    answer(noise_->sent() - before);
  }

  EXPECT_EQ(noise_->answered(), noise_->due());
  EXPECT_EQ(noise_->stray(), 0U);
}

TEST_F(BenchNoiseTest, AnAnswerToWhatIsDueNoneIsStray) {
  send_all();
  ASSERT_GT(noise_->sent(), noise_->due());

  answer(noise_->sent(), true);

  EXPECT_EQ(noise_->answered(), noise_->due());
  EXPECT_EQ(noise_->stray(), noise_->sent() - noise_->due());
}

TEST_F(BenchNoiseTest, WhatGetsNoAnswerStaysDueAndMakesRoomAfterAWhile) {
  send_all();

  noise_->expire(now_ + BenchNoise::patience);

  EXPECT_FALSE(noise_->waiting());
  EXPECT_EQ(noise_->due(), BenchNoise::in_flight_max);
  EXPECT_EQ(noise_->answered(), 0U);
}

TEST_F(BenchNoiseTest, AnAnswerThatComesTooLateIsStray) {
  send_all();
  noise_->expire(now_ + BenchNoise::patience);

  answer(noise_->sent());

  EXPECT_EQ(noise_->answered(), 0U);
  EXPECT_EQ(noise_->stray(), noise_->due());
}

}  // namespace
}  // namespace hither::tools::bench_noise_test
