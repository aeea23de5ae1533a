// SPDX-License-Identifier: Apache-2.0
//
// Bulk through the real balancer: what goes by in the kernel, and what stands in its way.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <thread>

#include "tests/lb/live_balancer.h"
#include "tests/lb/live_peer.h"
#include "tests/lb/messages.h"
#include "tests/lb/named_copy.h"

namespace hither::lb::test {
namespace {

/// What nobody could mistake for another part of it.
std::string pattern(std::size_t size) {
  std::string text(size, '.');
  for (std::size_t i = 0; i + 8 <= size; i += 997) text.replace(i, 8, fmt::format("{:08}", i));
  return text;
}

TEST_F(LiveBalancer, CarriesLargeBodiesBothWays) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);
  std::string body(8'000'000, '.');
  for (std::size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i % 26);

  std::thread uploader([&] {
    client.say("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8000000\r\n\r\n");
    client.say(body);
  });
  Peer backend = server().accept();
  backend.hear_until("\r\n\r\n");
  EXPECT_TRUE(backend.hear(body.size()) == body);
  uploader.join();
  const double up = relayed_bytes();
  EXPECT_GT(up, 0);
  std::thread downloader([&] {
    backend.say("HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n");
    backend.say(body);
  });
  client.hear_until("\r\n\r\n");
  EXPECT_TRUE(client.hear(body.size()) == body);
  downloader.join();
  EXPECT_TRUE(eventually([&] { return relayed_bytes() > up; }));
}

// splice(2) does not go past the urgent octet, and says that nothing is there.
TEST_F(LiveBalancer, CarriesWhatComesBehindUrgentData) {
  start(topology::Mode::http);
  const std::string body(400'000, 'x');
  const std::string_view half = std::string_view(body).substr(0, 200'000);
  Peer client = connect_to(front_);
  client.say("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 400000\r\n\r\n");
  Peer backend = server().accept();
  backend.hear_until("\r\n\r\n");

  std::thread uploader([&] {
    client.say(half);
    client.say_urgently('!');
    client.say(half);
  });
  EXPECT_TRUE(backend.hear(body.size()) == body);
  uploader.join();
  backend.say(dated_hello);

  EXPECT_EQ(client.hear(dated_hello.size()), dated_hello);
}

TEST_F(LiveBalancer, CarriesALargeStreamInTcpMode) {
  start(topology::Mode::tcp);
  Peer client = connect_to(front_);
  Peer backend = server().accept();
  const std::string stream(8'000'000, 'x');

  std::thread sender([&] {
    backend.say(stream);
    backend.end();
  });

  EXPECT_EQ(client.hear_all().size(), stream.size());
  sender.join();
  EXPECT_GT(relayed_bytes(), 0);
}

TEST_F(LiveBalancer, RelaysBulkBothWaysAtOnceInTcpMode) {
  start(topology::Mode::tcp);
  const std::string up = pattern(12'000'000);
  const std::string down = pattern(9'000'000);
  Peer client = connect_to(front_);
  Peer backend = server().accept();

  // One way alone at first, so that it is bulk; its pipe is full when the other begins.
  const std::size_t said = backend.say_what_fits(down);
  EXPECT_TRUE(eventually([this] { return relayed_bytes() > 0; }));
  std::thread uploader([&] {
    client.say(up);
    client.end();
  });
  std::thread downloader([&] {
    backend.say(std::string_view(down).substr(said));
    backend.end();
  });
  std::string got_up;
  std::thread sink([&] { got_up = backend.hear_all(); });
  const std::string got_down = client.hear_all();
  for (std::thread* thread : {&uploader, &downloader, &sink}) thread->join();

  EXPECT_TRUE(got_up == up);
  EXPECT_TRUE(got_down == down);
}

TEST_F(LiveBalancer, BulkWaitsForAClientThatReadsLate) {
  start(topology::Mode::tcp);
  const std::string down = pattern(64'000'000);
  Peer client = connect_to(front_);
  Peer backend = server().accept();

  const std::size_t said = backend.say_what_fits(down);
  ASSERT_LT(said, down.size()) << "somebody gathers what nobody reads";
  std::thread downloader([&] {
    backend.say(std::string_view(down).substr(said));
    backend.end();
  });

  EXPECT_TRUE(client.hear_all() == down);
  downloader.join();
}

}  // namespace
}  // namespace hither::lb::test
