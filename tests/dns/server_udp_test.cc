// SPDX-License-Identifier: Apache-2.0
//
// The way of a packet through the driver: over a loopback socket, and in this thread, so that what
// it allocates can be counted.
#include "dns/server_udp.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dns/protocol.h"
#include "io/fd_passing.h"
#include "tests/dns/support.h"
#include "tests/support/allocations.h"

namespace hither::dns::server_udp_test {
namespace {

using testing::ask;
using testing::World;

/// A thread that is never started, on a port of its own, and somebody who asks it.
class Driven {
 public:
  explicit Driven(const World& world) {
    io::Fd socket = *io::bind_udp(*parse_endpoint("127.0.0.1:0"), false);
    server_ = *io::local_endpoint(socket.get());
    second_ = io::duplicate(socket.get());
    thread_ = std::make_unique<UdpThread>(std::move(socket), server_, world.snapshot());
    client_ = *io::bind_udp(*parse_endpoint("127.0.0.1:0"), false);
  }

  UdpThread& thread() { return *thread_; }
  /// From now on the kernel takes no answer.
  void refuse_answers() { shutdown(second_.get(), SHUT_WR); }
  const Counters& counters() const { return thread_->counters(); }
  void send(const Bytes& packet) {
    EXPECT_EQ(io::send_to(client_.get(), server_, packet).kind, io::IoResult::Kind::ok);
    ++sent_;
  }
  /// Turns until all that was sent has been answered or left; the allocations of the turns alone.
  std::size_t allocations_of_turns() {
    std::size_t all = 0;
    for (int turns = 0; handled() < sent_ && turns < 100; ++turns) {
      const std::size_t before = test::allocations();
      thread_->turn();
      all += test::allocations() - before;
    }
    EXPECT_EQ(handled(), sent_) << "a loopback lost packets, or an answer was not counted";
    return all;
  }
  std::vector<testing::Reply> replies() {
    std::vector<testing::Reply> all;
    std::array<std::byte, 4096> buffer;
    Endpoint from;
    while (true) {
      const io::IoResult got = io::receive_from(client_.get(), buffer, from);
      if (got.kind != io::IoResult::Kind::ok) return all;
      all.push_back(testing::parse_reply(ByteView(buffer).first(got.size)));
    }
  }
  /// Sends them all, a batch or so at a time, and takes the answers. Returns the allocations of the
  /// turns.
  std::size_t allocations_for(std::span<const Bytes> packets, std::size_t& answers) {
    std::size_t all = 0;
    while (!packets.empty()) {
      const std::size_t count = std::min(packets.size(), io::UdpSocket::width + 3);
      for (const Bytes& packet : packets.first(count)) send(packet);
      packets = packets.subspan(count);
      all += allocations_of_turns();
      answers += replies().size();
    }
    return all;
  }

 private:
  std::uint64_t handled() const {
    const Counters& all = counters();
    return all.by_transport[0].total() + all.ignored.total() + all.rate_dropped.total();
  }

  Endpoint server_;
  io::Fd second_;  ///< the server's socket, too
  std::unique_ptr<UdpThread> thread_;
  io::Fd client_;
  std::uint64_t sent_ = 0;
};

std::vector<Bytes> packets_of_all_kinds() {
  std::vector<Bytes> packets = {Bytes(3)};  // Silence.
  for (const std::string name : {"www.example.test", "shop.example.test", "mail.example.test",
                                 "nothing.example.test", "other.invalid"}) {
    for (const Type type : {Type::a, Type::aaaa, Type::mx, Type::any}) {
      packets.push_back(ask(name, type).packet());
      packets.push_back(ask(name, type).with_edns().subnet("10.3.0.0/24").packet());
      packets.push_back(ask(name, type).option(8, {std::byte{1}}).packet());
      packets.push_back(ask(name, type).option(10, Bytes(8)).option(3, {}).packet());
    }
  }
  testing::Ask notify = ask("example.test", Type::soa).with_edns();
  notify.flags = 4U << 11U;
  packets.push_back(notify.packet());
  return packets;
}

TEST(UdpThread, ABatchIsAnsweredWithoutAnAllocation) {
  World world(testing::make_description(), testing::example_zone());
  world.protocol = make_protocol({.node = "ns1", .tell_nsid = true},
                                 {.node = "ns1", .secrets = {SipKey{std::byte{1}}}, .rates = {}});
  Driven driven(world);
  const std::vector<Bytes> packets = packets_of_all_kinds();

  std::size_t answers = 0;
  driven.allocations_for(packets, answers);  // warm
  EXPECT_EQ(answers, packets.size() - 1) << "all but the scrap";
  EXPECT_EQ(driven.allocations_for(packets, answers), 0U);
  EXPECT_GT(test::allocations(), 0U) << "the counter counts";
}

TEST(UdpThread, RateLimitsAndTheQueryLogAllocateNothingEither) {
  World world(testing::make_description(), testing::example_zone());
  auto protocol = std::make_shared<Protocol>(*make_protocol(
      {.rate_limit = {.per_second = 20, .slip = 2, .exempt = {*parse_prefix("198.51.100.0/24")}}},
      {.secrets = {SipKey{std::byte{1}}}, .rates = std::make_shared<RateTable>(7)}));
  protocol->query_log_one_in = 2;
  world.protocol = protocol;
  Driven driven(world);
  const std::vector<Bytes> packets = packets_of_all_kinds();

  std::size_t answers = 0;
  driven.allocations_for(packets, answers);  // warm
  for (int round = 0; round < 9; ++round) {
    EXPECT_EQ(driven.allocations_for(packets, answers), 0U) << "round " << round;
  }

  EXPECT_GT(driven.counters().rate_cut.total(), 0U);
  EXPECT_GT(driven.counters().rate_dropped.total(), 0U);
  EXPECT_TRUE(driven.thread().query_log().take());
  EXPECT_EQ(driven.counters().log_dropped.total(), 0U) << "the log was written, not full";
}

TEST(UdpThread, ANewSnapshotHoldsFromTheNextBatchOn) {
  World world;
  Driven driven(world);
  const Bytes packet = ask("www.example.test").subnet("10.3.0.0/16").packet();
  const auto answer = [&] {
    driven.send(packet);
    driven.allocations_of_turns();
    const auto replies = driven.replies();
    return replies.size() == 1 ? replies[0].only_data() : "no answer";
  };

  EXPECT_EQ(answer(), "127.12.0.1");
  world.down = {"nrt"};
  driven.thread().publish(world.snapshot());
  EXPECT_EQ(answer(), "127.10.0.1");
}

TEST(UdpThread, AnAnswerThatTheKernelDoesNotTakeIsCounted) {
  Driven driven{World()};
  driven.send(ask("www.example.test").packet());
  driven.allocations_of_turns();
  EXPECT_EQ(driven.counters().send_failed.total(), 0U);
  EXPECT_EQ(driven.replies().size(), 1U);

  driven.refuse_answers();
  driven.send(ask("www.example.test").packet());
  driven.send(Bytes(3));  // Silence is no failure.
  driven.send(ask("mail.example.test").packet());
  driven.allocations_of_turns();

  EXPECT_EQ(driven.counters().send_failed.total(), 2U);
  EXPECT_TRUE(driven.replies().empty());
}

TEST(UdpThread, APacketOfMoreThanItReadsIsMalformed) {
  Driven driven{World()};
  Bytes long_query = ask("www.example.test").packet();
  long_query.resize(5000);
  Bytes long_response = long_query;
  long_response[2] |= std::byte{0x80};
  driven.send(long_response);
  driven.send(long_query);

  driven.allocations_of_turns();

  const auto replies = driven.replies();
  ASSERT_EQ(replies.size(), 1U) << "a response gets silence, whatever its size";
  EXPECT_EQ(replies[0].rcode, 1);
  EXPECT_EQ(replies[0].question, "www.example.test. IN A");
}

}  // namespace
}  // namespace hither::dns::server_udp_test
