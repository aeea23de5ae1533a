// SPDX-License-Identifier: Apache-2.0
//
// What of the driver can be seen without a world round it; tests/live has the rest.
#include "dns/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstring>
#include <string>

#include "tests/dns/support.h"
#include "tests/dns/world_folder.h"

namespace hither::dns {
namespace {

/// Asks until there is an answer: under load a packet may be lost.
bool ask_until_answered(const Endpoint& server, const Bytes& packet) {
  const auto socket = io::bind_udp(*parse_endpoint("127.0.0.1:0"), false);
  if (!socket) return false;
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  setsockopt(socket->get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  fcntl(socket->get(), F_SETFL, 0);
  sockaddr_storage to{};
  const socklen_t size = io::to_sockaddr(server, to);
  for (int attempt = 0; attempt < 30; ++attempt) {
    sendto(socket->get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), size);
    std::array<char, 512> answer;
    if (recv(socket->get(), answer.data(), answer.size(), 0) > 0) return true;
  }
  return false;
}

// The loop never runs, so that no timer can have written it before.
TEST(Server, AnOrderlyStopWritesWhatOfTheQueryLogStillWaits) {
  const testing::WorldFolder folder;
  folder.describe("query_log = { one_in = 1 }");
  const Start start = folder.start();
  SetupReading reading = set_up(start);
  ASSERT_TRUE(reading.setup) << reading.mistakes[0].message;
  io::Loop loop;
  Server server(loop, start, std::move(reading));
  ASSERT_TRUE(server.listen());
  ::testing::internal::CaptureStdout();
  server.start();
  const bool answered =
      ask_until_answered(server.endpoints()[0], testing::ask("last.example.test").packet());

  server.stop();

  const std::string log = ::testing::internal::GetCapturedStdout();
  EXPECT_TRUE(answered);
  EXPECT_NE(log.find("name=last.example.test. type=A rcode=NXDOMAIN"), std::string::npos) << log;
}

/// A query that says it comes from `port` of 127.0.0.1. False: we may not, it takes CAP_NET_RAW.
bool send_from_port(std::uint16_t port, const Endpoint& server, const Bytes& query) {
  const io::Fd raw(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!raw) return false;
  const auto length = static_cast<std::uint16_t>(sizeof(udphdr) + query.size());
  udphdr head{};
  head.uh_sport = htons(port);
  head.uh_dport = htons(server.port);
  head.uh_ulen = htons(length);
  Bytes packet(sizeof head);
  std::memcpy(packet.data(), &head, sizeof head);
  append(packet, query);
  sockaddr_storage to{};
  const socklen_t size = io::to_sockaddr({.address = server.address, .port = 0}, to);
  return sendto(raw.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to),
                size) == length;
}

// Nobody can hear an answer there, so whoever asks from it wants to see us answer somebody else.
TEST(Server, AQueryFromPort0IsDropped) {
  const testing::WorldFolder folder;
  folder.describe("query_log = { one_in = 1 }");
  const Start start = folder.start();
  SetupReading reading = set_up(start);
  ASSERT_TRUE(reading.setup) << reading.mistakes[0].message;
  io::Loop loop;
  Server server(loop, start, std::move(reading));
  ASSERT_TRUE(server.listen());
  ::testing::internal::CaptureStdout();
  server.start();
  const Endpoint at = server.endpoints()[0];
  const bool sent = send_from_port(0, at, testing::ask("forged.example.test").packet()) &&
                    send_from_port(9, at, testing::ask("discard.example.test").packet());
  const bool answered = ask_until_answered(at, testing::ask("last.example.test").packet());

  server.stop();

  const std::string log = ::testing::internal::GetCapturedStdout();
  if (!sent) GTEST_SKIP() << "raw sockets take CAP_NET_RAW";
  EXPECT_TRUE(answered);
  EXPECT_EQ(log.find("name=forged"), std::string::npos) << log;
  EXPECT_NE(log.find("name=discard"), std::string::npos) << log;
  EXPECT_NE(log.find("name=last"), std::string::npos) << log;
}

}  // namespace
}  // namespace hither::dns
