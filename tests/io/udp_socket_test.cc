// SPDX-License-Identifier: Apache-2.0
#include "io/udp_socket.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <thread>

#include "io/clock.h"

namespace hither::io {
namespace {

struct ClientAndServer {
  std::unique_ptr<UdpSocket> server;
  Endpoint at;
  Fd client;
};

/// A server bound to `bind_to`, and a client that is connected to it at `reach`.
ClientAndServer make_pair(const std::string& bind_to, const std::string& reach) {
  ClientAndServer pair;
  const Endpoint wanted{.address = *parse_address(bind_to), .port = 0};
  auto server = bind_udp(wanted, false);
  EXPECT_TRUE(server) << server.error().message;
  pair.at = {.address = *parse_address(reach), .port = local_endpoint(server->get())->port};
  pair.server = std::make_unique<UdpSocket>(std::move(*server), wanted, 512);
  auto client = bind_udp({.address = *parse_address("127.0.0.1"), .port = 0}, false);
  EXPECT_TRUE(client);
  pair.client = std::move(*client);
  sockaddr_storage storage{};
  const unsigned size = to_sockaddr(pair.at, storage);
  // Connected: a reply from any other address than the one asked is not delivered.
  EXPECT_EQ(connect(pair.client.get(), reinterpret_cast<const sockaddr*>(&storage), size), 0);
  return pair;
}

void say(const ClientAndServer& pair, const std::string& text) {
  EXPECT_EQ(write_some(pair.client.get(), as_bytes(text)).kind, IoResult::Kind::ok);
}

bool wait_readable(int fd) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 5000) == 1;
}

std::string hear(const ClientAndServer& pair) {
  std::array<std::byte, 512> buffer{};
  if (!wait_readable(pair.client.get())) return "nothing came";
  const IoResult result = read_some(pair.client.get(), buffer);
  return std::string(as_text(ByteView(buffer).first(result.size)));
}

/// Answers every waiting packet with its own text behind "re: ", except "quiet".
std::size_t echo_batch(UdpSocket& server) {
  if (!wait_readable(server.fd())) return 0;
  const std::size_t count = server.receive();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string text = "re: " + std::string(as_text(server.packet(i)));
    std::ranges::copy(as_bytes(text), server.buffer(i).begin());
    server.reply(i, text == "re: quiet" ? 0 : text.size());
  }
  EXPECT_EQ(server.send(), 0U);
  return count;
}

TEST(UdpSocket, AnswersABatchInOrder) {
  const ClientAndServer pair = make_pair("127.0.0.1", "127.0.0.1");
  for (const char* text : {"one", "quiet", "two"}) say(pair, text);

  std::size_t heard = 0;
  while (heard < 3) heard += echo_batch(*pair.server);

  EXPECT_EQ(hear(pair), "re: one");
  EXPECT_EQ(hear(pair), "re: two");
}

TEST(UdpSocket, RepliesFromTheAddressAskedWhenBoundToTheWildcard) {
  const ClientAndServer pair = make_pair("0.0.0.0", "127.0.0.9");
  say(pair, "who");

  EXPECT_EQ(echo_batch(*pair.server), 1U);

  EXPECT_EQ(hear(pair), "re: who");
}

TEST(UdpSocket, KnowsWhoAsked) {
  const ClientAndServer pair = make_pair("127.0.0.1", "127.0.0.1");
  say(pair, "x");
  ASSERT_TRUE(wait_readable(pair.server->fd()));

  ASSERT_EQ(pair.server->receive(), 1U);

  EXPECT_EQ(pair.server->peer(0), *local_endpoint(pair.client.get()));
}

TEST(UdpSocket, OfAPacketBeyondTheLimitTheFirstOctetsAreHandedOn) {
  const ClientAndServer pair = make_pair("127.0.0.1", "127.0.0.1");
  const std::string most(UdpSocket::packet_bytes_max, 'x');
  say(pair, most + "y");
  ASSERT_TRUE(wait_readable(pair.server->fd()));

  ASSERT_EQ(pair.server->receive(), 1U);

  EXPECT_EQ(as_text(pair.server->packet(0)), most);
}

TEST(UdpSocket, NothingWaitingIsAnEmptyBatch) {
  const ClientAndServer pair = make_pair("127.0.0.1", "127.0.0.1");

  EXPECT_EQ(pair.server->receive(), 0U);
  EXPECT_EQ(pair.server->send(), 0U);
}

TEST(UdpSocket, WaitsForTheFirstPacketOfABatch) {
  const ClientAndServer pair = make_pair("127.0.0.1", "127.0.0.1");
  std::thread asker([&] { say(pair, "late"); });

  std::size_t count = 0;
  while (count == 0) count = pair.server->wait();

  asker.join();
  ASSERT_EQ(count, 1U);
  EXPECT_EQ(as_text(pair.server->packet(0)), "late");
}

TEST(UdpSocket, ShuttingItEndsTheWaitAndAllLaterOnes) {
  const ClientAndServer pair = make_pair("127.0.0.1", "127.0.0.1");
  const Instant start = monotonic_now();
  std::thread other([&] { pair.server->shut(); });

  other.join();
  for (int i = 0; i < 1000; ++i) pair.server->wait();

  EXPECT_LT(monotonic_now(), start + 100 * UdpSocket::patience);
}

TEST(UdpSocket, ABatchAfterAShorterOneIsReadWhole) {
  const ClientAndServer pair = make_pair("0.0.0.0", "127.0.0.9");
  for (const std::size_t size : {3U, 1U, 3U}) {
    for (std::size_t i = 0; i < size; ++i) say(pair, std::string(1 + i, 'x'));
    std::size_t heard = 0;
    while (heard < size) heard += echo_batch(*pair.server);

    for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(hear(pair), "re: " + std::string(1 + i, 'x'));
  }
}

}  // namespace
}  // namespace hither::io
