// SPDX-License-Identifier: Apache-2.0
#include "io/stream_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <string>
#include <thread>

#include "io/clock.h"

namespace hither::io {
namespace {

using namespace std::chrono_literals;

/// Sends back what it gets; "bye" ends it, and so does half a second of silence.
class Echo final : public Session {
 public:
  void on_bytes(ByteView bytes, Instant, Bytes& out) override {
    append(out, bytes);
    seen_ += as_text(bytes);
    finished_ = seen_.ends_with("bye");
  }
  void on_end(Instant, Bytes& out) override {
    append(out, as_bytes("[end]"));
    finished_ = true;
  }
  void on_time(Instant, Bytes& out) override {
    append(out, as_bytes("[time]"));
    finished_ = true;
  }
  Instant deadline() const override { return deadline_; }
  bool finished() const override { return finished_; }

  Instant deadline_ = never;

 private:
  std::string seen_;
  bool finished_ = false;
};

/// A server on its own loop in the test's thread; the client is a blocking socket in another.
struct Server {
  explicit Server(Duration patience = Duration::zero())
      : server(loop, [patience](const Endpoint&) {
          auto session = std::make_unique<Echo>();
          if (patience > Duration::zero()) session->deadline_ = monotonic_now() + patience;
          return session;
        }) {
    Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
    endpoint = *local_endpoint(listener.get());
    server.add_listener(std::move(listener));
  }

  /// What a client reads until the end, having written `text`; half-closes if asked to.
  std::string talk(const std::string& text, bool half_close) {
    std::string got;
    std::thread client([&] {
      const Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
      sockaddr_storage storage{};
      const unsigned size = to_sockaddr(endpoint, storage);
      EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size), 0);
      EXPECT_EQ(::send(fd.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
      if (half_close) ::shutdown(fd.get(), SHUT_WR);
      std::array<char, 4096> buffer;
      for (ssize_t n = 0; (n = ::recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0;) {
        got.append(buffer.data(), static_cast<std::size_t>(n));
      }
      loop.post([&] { loop.stop(); });
    });
    loop.run();
    client.join();
    return got;
  }

  Loop loop;
  StreamServer server;
  Endpoint endpoint;
};

TEST(StreamServer, SendsEverythingBeforeItEndsAFinishedSession) {
  Server server;
  const std::string text = std::string(100'000, 'x') + "bye";

  EXPECT_EQ(server.talk(text, false).size(), text.size());
}

TEST(StreamServer, AHalfClosedPeerStillGetsItsAnswer) {
  Server server;
  EXPECT_EQ(server.talk("abc", true), "abc[end]");
}

TEST(StreamServer, CallsASessionAtItsDeadline) {
  Server server(5ms);
  EXPECT_EQ(server.talk("abc", false), "abc[time]");
}

TEST(StreamServer, WithoutAnyRoomItAcceptsNobodyAndDoesNotSpin) {
  Loop loop;
  StreamServer server(loop, [](const Endpoint&) { return std::make_unique<Echo>(); },
                      {.connections_max = 0});
  Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  const Endpoint endpoint = *local_endpoint(listener.get());
  server.add_listener(std::move(listener));
  const auto client = connect_tcp(endpoint);
  ASSERT_TRUE(client);
  Timer end(loop, [&] { loop.stop(); });
  end.set(monotonic_now() + 20ms);

  loop.run();

  EXPECT_EQ(server.connections(), 0U);
}

/// Answers the first bytes with more than a kernel takes, and is finished.
class Torrent final : public Session {
 public:
  explicit Torrent(int& wakes) : wakes_(wakes) {}
  void on_bytes(ByteView, Instant now, Bytes& out) override {
    out.resize(out.size() + 64 * 1024 * 1024);
    deadline_ = now;
    finished_ = true;
  }
  void on_end(Instant, Bytes&) override { finished_ = true; }
  void on_time(Instant, Bytes&) override { ++wakes_; }
  Instant deadline() const override { return deadline_; }
  bool finished() const override { return finished_; }

 private:
  int& wakes_;
  Instant deadline_ = never;
  bool finished_ = false;
};

TEST(StreamServer, APeerThatNeverReadsIsLeftAndNobodySpins) {
  Loop loop;
  int wakes = 0;
  StreamServer server(loop, [&](const Endpoint&) { return std::make_unique<Torrent>(wakes); });
  Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
  const Endpoint endpoint = *local_endpoint(listener.get());
  server.add_listener(std::move(listener));
  const auto client = connect_tcp(endpoint);
  ASSERT_TRUE(client);
  Timer say(loop, [&] { write_some(client->get(), as_bytes("go")); });
  say.set(monotonic_now() + 10ms);
  Timer look(loop, [&] {
    if (server.connections() == 0) loop.stop();
    look.set(monotonic_now() + 50ms);
  });
  look.set(monotonic_now() + 100ms);

  loop.run();

  EXPECT_EQ(wakes, 0);
}

TEST(StreamServer, ConnectionsAreForgottenWhenTheyEnd) {
  Server server;
  server.talk("bye", false);
  server.loop.post([&] { server.loop.stop(); });

  EXPECT_LE(server.server.connections(), 1U);  // at most the one that lingers
  server.server.close_connections();
  EXPECT_EQ(server.server.connections(), 0U);
}

}  // namespace
}  // namespace hither::io
