// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_flow.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "io/clock.h"

namespace hither::tools {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t question_end = 28;

/// A query of 12 octets of header and a question of 16; its client's subnet stands behind.
BenchQuery make_query() {
  BenchQuery query{
      .packet = Bytes(question_end + 3), .subnet_at = question_end, .question_end = question_end};
  query.packet[5] = std::byte{1};
  return query;
}

/// A client for whom 0.0.0.`one` and 0.0.0.`other` are right.
BenchClient client_with(std::uint8_t one, std::uint8_t other) {
  BenchClient client;
  client.right[0][3] = std::byte{one};
  client.right[1][3] = std::byte{other};
  return client;
}

/// An address record whose owner is a pointer.
Bytes answer_to(ByteView query, std::uint8_t last_octet) {
  Bytes answer(query.begin(), query.begin() + question_end);
  answer[2] |= std::byte{0x80};
  answer[7] = std::byte{1};
  answer.resize(question_end + 16);
  answer.back() = std::byte{last_octet};
  return answer;
}

class BenchFlowTest : public testing::Test {
 protected:
  BenchFlowTest() {
    const Endpoint any{.address = *parse_address("127.0.0.1"), .port = 0};
    server_ = *io::bind_udp(any, false);
    io::Fd client = *io::bind_udp(any, false);
    join(client.get(), server_.get());
    join(server_.get(), client.get());
    flow_.emplace(std::move(client), query_, clients_, 1);
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

  /// Asks `count` questions and gives each the answer that `make` makes of it.
  void exchange(std::size_t count, bool whole, const std::function<Bytes(ByteView)>& make) {
    for (std::size_t i = 0; i < count; ++i) flow_->prepare(now_);
    flow_->flush(whole, tally_);
    for (std::size_t i = 0; i < count; ++i) {
      std::array<std::byte, 512> buffer;
      wait_readable(server_.get());
      const std::size_t size = io::read_some(server_.get(), buffer).size;
      EXPECT_EQ(size, query_.packet.size());
      io::write_some(server_.get(), make(ByteView(buffer.data(), size)));
    }
    for (std::size_t heard = 0; heard < count; heard += flow_->receive(now_ + 1ms, tally_)) {
      wait_readable(flow_->fd());
    }
  }

  Instant now_ = io::monotonic_now();
  BenchQuery query_ = make_query();
  std::vector<BenchClient> clients_ = {client_with(1, 2)};
  io::Fd server_;
  std::optional<BenchFlow> flow_;
  BenchTally tally_;
};

TEST_F(BenchFlowTest, CountsAnswersWithOneOfTheRightAddresses) {
  std::uint8_t octet = 0;

  exchange(4, false, [&](ByteView query) { return answer_to(query, octet++); });

  EXPECT_EQ(tally_.sent, 4U);
  EXPECT_EQ(tally_.answered, 4U);
  EXPECT_EQ(tally_.wrong, 2U);  // of 0, 1, 2 and 3
  EXPECT_EQ(flow_->in_flight(), 0U);
}

TEST_F(BenchFlowTest, ABatchThatGoesDownWholeArrivesAsSinglePackets) {
  exchange(BenchFlow::width + 3, true, [](ByteView query) { return answer_to(query, 1); });

  EXPECT_EQ(tally_.answered, BenchFlow::width + 3);
  EXPECT_EQ(tally_.wrong, 0U);
}

TEST_F(BenchFlowTest, AnAnswerWithAnotherRcodeIsWrong) {
  exchange(1, false, [](ByteView query) {
    Bytes answer = answer_to(query, 1);
    answer[3] |= std::byte{2};
    return answer;
  });

  EXPECT_EQ(tally_.wrong, 1U);
}

TEST_F(BenchFlowTest, WhatWaitsTooLongIsLostAndItsAnswerLate) {
  flow_->prepare(now_);
  flow_->flush(false, tally_);
  flow_->expire(now_ + BenchFlow::patience, tally_);
  std::array<std::byte, 512> buffer;
  wait_readable(server_.get());
  const std::size_t size = io::read_some(server_.get(), buffer).size;
  io::write_some(server_.get(), answer_to(ByteView(buffer.data(), size), 1));
  wait_readable(flow_->fd());
  flow_->receive(now_, tally_);

  EXPECT_EQ(tally_.lost, 1U);
  EXPECT_EQ(tally_.late, 1U);
  EXPECT_EQ(tally_.answered, 0U);
}

TEST(BenchTally, QuantilesAreRightToASixteenth) {
  BenchTally tally;
  for (int i = 1; i <= 1000; ++i) tally.count(std::chrono::microseconds(i));

  for (const double share : {0.01, 0.5, 0.99}) {
    const double exact = share * 1e6;
    const double got = static_cast<double>(tally.quantile(share).count());
    EXPECT_GE(got, exact * 0.99) << share;
    EXPECT_LE(got, exact * 1.0825) << share;
  }
}

}  // namespace
}  // namespace hither::tools
