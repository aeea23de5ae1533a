// SPDX-License-Identifier: Apache-2.0
#include "io/socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <optional>

namespace hither::io {
namespace {

Endpoint loopback(std::uint16_t port = 0) { return {Address::v4(0x7f000001), port}; }

TEST(Socket, PortZeroIsChosenByTheKernelAndTold) {
  const auto listener = listen_tcp(loopback());
  ASSERT_TRUE(listener);

  const auto endpoint = local_endpoint(listener->get());

  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->address, loopback().address);
  EXPECT_NE(endpoint->port, 0);
}

TEST(Socket, APortInUseIsOneLineWithTheCure) {
  const auto first = listen_tcp(loopback());
  ASSERT_TRUE(first);
  const auto second = listen_tcp(*local_endpoint(first->get()));

  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("Address already in use"), std::string::npos);
  EXPECT_NE(second.error().message.find("choose another port"), std::string::npos);
}

TEST(Socket, ThreadsMayShareAPortIfTheyAllSaySo) {
  const auto first = listen_tcp(loopback(), {.reuse_port = true});
  ASSERT_TRUE(first);
  EXPECT_TRUE(listen_tcp(*local_endpoint(first->get()), {.reuse_port = true}));

  const auto udp = bind_udp(loopback(), true);
  ASSERT_TRUE(udp);
  EXPECT_TRUE(bind_udp(*local_endpoint(udp->get()), true));
}

TEST(Socket, AnAddressOfNobodyIsSaidToBeSo) {
  const auto listener = listen_tcp(*parse_endpoint("192.0.2.1:0"));

  ASSERT_FALSE(listener);
  EXPECT_NE(listener.error().message.find("no such address"), std::string::npos);
}

TEST(Socket, EndpointsSurviveTheWayThroughSockaddr) {
  for (const char* text : {"127.0.0.1:53", "[::1]:5300", "[2001:db8::1]:65535", "0.0.0.0:0"}) {
    const Endpoint endpoint = *parse_endpoint(text);
    sockaddr_storage storage{};
    to_sockaddr(endpoint, storage);
    EXPECT_EQ(from_sockaddr(storage), endpoint) << text;
  }
}

TEST(Socket, AConnectionSaysWhereItLeads) {
  const auto listener = listen_tcp(loopback());
  ASSERT_TRUE(listener);
  const Endpoint there = *local_endpoint(listener->get());
  const auto connection = connect_tcp(there);
  ASSERT_TRUE(connection);

  EXPECT_EQ(*remote_endpoint(connection->get()), there);
  EXPECT_FALSE(remote_endpoint(listener->get()));
}

/// Does what is written leave at once, however little it is? Nullopt if the kernel does not say.
std::optional<bool> sends_at_once(int fd) {
  int value = 0;
  socklen_t size = sizeof value;
  if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size) != 0) return std::nullopt;
  return value != 0;
}

TEST(Socket, AShortageIsOursAndTowardsEverybody) {
  for (const int error : {EMFILE, ENFILE, ENOMEM, ENOBUFS}) EXPECT_TRUE(is_shortage(error));
  for (const int error : {ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, ETIMEDOUT}) {
    EXPECT_FALSE(is_shortage(error)) << error_text(error);
    EXPECT_EQ(lacks_port(error), error == EADDRNOTAVAIL) << error_text(error);
  }
}

TEST(Socket, NeitherEndOfAConnectionHoldsSmallWritesBack) {
  for (const char* text : {"127.0.0.1:0", "[::1]:0"}) {
    const auto listener = listen_tcp(*parse_endpoint(text));
    ASSERT_TRUE(listener) << text;
    const auto connection = connect_tcp(*local_endpoint(listener->get()));
    ASSERT_TRUE(connection) << text;
    pollfd somebody{.fd = listener->get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&somebody, 1, 10'000), 1) << text;

    const Accepted accepted = accept_one(listener->get());

    ASSERT_EQ(accepted.kind, IoResult::Kind::ok) << text;
    EXPECT_EQ(sends_at_once(connection->get()), true) << text;
    EXPECT_EQ(sends_at_once(accepted.fd.get()), true) << text;
  }
}

TEST(Socket, AnEmptyQueueOfConnectionsIsNoError) {
  const auto listener = listen_tcp(loopback());
  ASSERT_TRUE(listener);
  EXPECT_EQ(accept_one(listener->get()).kind, IoResult::Kind::would_block);
}

TEST(Socket, APacketArrivesWithItsSender) {
  for (const char* text : {"127.0.0.1:0", "[::1]:0"}) {
    const auto one = bind_udp(*parse_endpoint(text), false);
    const auto other = bind_udp(*parse_endpoint(text), false);
    ASSERT_TRUE(one && other) << text;
    std::array<std::byte, 4> buffer{};
    Endpoint from;
    EXPECT_EQ(receive_from(other->get(), buffer, from).kind, IoResult::Kind::would_block);

    const auto sent = send_to(one->get(), *local_endpoint(other->get()), as_bytes("ping"));
    EXPECT_EQ(sent.kind, IoResult::Kind::ok);
    const IoResult got = receive_from(other->get(), buffer, from);
    ASSERT_EQ(got.kind, IoResult::Kind::ok);
    EXPECT_EQ(as_text(ByteView(buffer).first(got.size)), "ping");
    EXPECT_EQ(from, *local_endpoint(one->get()));
  }
}

TEST(Socket, TheLimitOfOpenFilesIsRaisedAsFarAsItGoes) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit lower{.rlim_cur = before.rlim_max / 2, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
  EXPECT_EQ(open_files_max(), lower.rlim_cur);

  raise_open_files_limit();

  EXPECT_EQ(open_files_max(), before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(Fd, MovesItsDescriptorAndLeavesNothingBehind) {
  Fd first(::socket(AF_INET, SOCK_STREAM, 0));
  const int number = first.get();
  Fd second = std::move(first);

  EXPECT_EQ(second.get(), number);
  EXPECT_FALSE(
      static_cast<bool>(first));  // NOLINT(bugprone-use-after-move): the claim of this test
}

}  // namespace
}  // namespace hither::io
