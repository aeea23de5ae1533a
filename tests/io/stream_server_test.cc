// SPDX-License-Identifier: Apache-2.0
#include "io/stream_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "io/clock.h"

namespace hither::io {
namespace {

using namespace std::chrono_literals;

/// Sends back what it gets; "bye" ends it, and so does silence behind that for `patience_`.
class Echo final : public Session {
 public:
  void on_bytes(ByteView bytes, Instant now, Bytes& out) override {
    if (patience_ > Duration::zero()) deadline_ = now + patience_;
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

  Duration patience_{};  ///< zero: for ever

 private:
  Instant deadline_ = never;
  std::string seen_;
  bool finished_ = false;
};

/// A server on its own loop in the test's thread; the client is a blocking socket in another.
struct Server {
  explicit Server(Duration patience = Duration::zero())
      : server(loop, [patience](const Endpoint&) {
          auto session = std::make_unique<Echo>();
          session->patience_ = patience;
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

/// A server with limits on a thread of its own; its clients are sockets of the test.
class Limited {
 public:
  explicit Limited(StreamServer::Limits limits, StreamServer::Factory factory = make_echo)
      : server_(loop_, std::move(factory), limits) {
    Fd listener = *listen_tcp({Address::v4(0x7f000001), 0});
    endpoint_ = *local_endpoint(listener.get());
    server_.add_listener(std::move(listener));
    thread_ = std::jthread([this] { loop_.run(); });
  }
  ~Limited() {
    loop_.stop();
    thread_.join();
  }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;

  Fd connect() const {
    auto client = connect_tcp(endpoint_);
    EXPECT_TRUE(client);
    EXPECT_TRUE(wait_for(*client, POLLOUT));
    return std::move(*client);
  }
  static bool wait_for(const Fd& client, short events) {
    pollfd one{.fd = client.get(), .events = events, .revents = 0};
    return ::poll(&one, 1, 20'000) == 1;
  }
  static void say(const Fd& client) {
    EXPECT_EQ(write_some(client.get(), as_bytes("x")).kind, IoResult::Kind::ok);
  }
  /// Says something, and is answered.
  static void talk(const Fd& client) {
    std::array<std::byte, 16> buffer;
    say(client);
    EXPECT_TRUE(wait_for(client, POLLIN));
    EXPECT_EQ(read_some(client.get(), buffer).kind, IoResult::Kind::ok);
  }
  /// Waits until something is to be read, and that is the end.
  static bool is_closed(const Fd& client) {
    std::array<std::byte, 16> buffer;
    if (!wait_for(client, POLLIN)) return false;
    return read_some(client.get(), buffer).kind != IoResult::Kind::ok;
  }
  static bool is_open(const Fd& client) {
    std::array<std::byte, 16> buffer;
    return read_some(client.get(), buffer).kind == IoResult::Kind::would_block;
  }
  /// Asks on the server's thread.
  std::size_t connections() {
    std::promise<std::size_t> answer;
    loop_.post([&] { answer.set_value(server_.connections()); });
    return answer.get_future().get();
  }

  /// Returns when it holds: a connection made after that must not be accepted before it.
  void set_connections_max(std::size_t most) {
    std::promise<void> done;
    loop_.post([&] {
      server_.set_connections_max(most);
      done.set_value();
    });
    done.get_future().get();
  }
  const StreamCounts& counts() const { return server_.counts(); }

 private:
  static std::unique_ptr<Session> make_echo(const Endpoint&) { return std::make_unique<Echo>(); }

  Loop loop_;
  StreamServer server_;
  Endpoint endpoint_;
  std::jthread thread_;
};

TEST(StreamServer, WhenFullTheOneLongestIdleMakesRoom) {  // RFC 7766 s6.2.3
  Limited limited({.connections_max = 2, .shed_idle = true});
  const Fd first = limited.connect();
  Limited::talk(first);
  const Fd second = limited.connect();
  Limited::talk(second);
  Limited::talk(first);

  const Fd third = limited.connect();
  Limited::talk(third);

  EXPECT_TRUE(Limited::is_closed(second));
  EXPECT_TRUE(Limited::is_open(first)) << "it has spoken since";
  EXPECT_EQ(limited.connections(), 2U);
  EXPECT_EQ(limited.counts().accepted.total(), 3U);
  EXPECT_EQ(limited.counts().shed.total(), 1U);
  EXPECT_EQ(limited.counts().closed.total(), 1U);
}

TEST(StreamServer, FewerConnectionsAreLeftOnceANewOneComes) {
  Limited limited({.connections_max = 3, .shed_idle = true});
  const Fd first = limited.connect();
  Limited::talk(first);
  const Fd second = limited.connect();
  Limited::talk(second);
  const Fd third = limited.connect();
  Limited::talk(third);

  limited.set_connections_max(2);
  EXPECT_TRUE(Limited::is_open(first));
  const Fd fourth = limited.connect();
  Limited::talk(fourth);

  EXPECT_TRUE(Limited::is_closed(first));
  EXPECT_TRUE(Limited::is_closed(second));
  EXPECT_TRUE(Limited::is_open(third));
  EXPECT_EQ(limited.connections(), 2U);
}

TEST(StreamServer, AClientWithItsShareIsClosedAtOnceAndOthersAreNot) {
  ClientQuota quota(1, 7);
  Limited limited({.quota = &quota});
  Fd first = limited.connect();
  Limited::talk(first);
  EXPECT_TRUE(Limited::is_closed(limited.connect()));
  EXPECT_TRUE(Limited::is_open(first));
  EXPECT_EQ(limited.counts().over_quota.total(), 1U);
  EXPECT_EQ(limited.counts().accepted.total(), 1U);

  EXPECT_EQ(write_some(first.get(), as_bytes("bye")).kind, IoResult::Kind::ok);
  while (!Limited::is_closed(first)) {
  }
  first = Fd();
  while (limited.connections() > 0) {
  }
  Limited::talk(limited.connect());  // Its place is free again.
}

TEST(StreamServer, WhoIsOverItsQuotaTakesNobodysPlace) {
  ClientQuota quota(1, 7);
  Limited limited({.connections_max = 1, .shed_idle = true, .quota = &quota});
  const Fd first = limited.connect();
  Limited::talk(first);

  EXPECT_TRUE(Limited::is_closed(limited.connect()));

  Limited::talk(first);
  EXPECT_EQ(limited.counts().over_quota.total(), 1U);
  EXPECT_EQ(limited.counts().shed.total(), 0U);
}

/// Answers the first word with many megabytes, made 64 KiB at a time.
class Well final : public Session {
 public:
  Well(std::size_t total, std::atomic<std::size_t>& most)
      : total_(total), left_(total), most_(most) {}
  void on_bytes(ByteView, Instant now, Bytes& out) override { on_drained(now, out); }
  void on_drained(Instant, Bytes& out) override {
    const std::size_t size = std::min<std::size_t>(left_, 64 * 1024);
    out.resize(out.size() + size);
    left_ -= size;
    most_ = std::max(most_.load(), out.size());
  }
  void on_end(Instant, Bytes&) override {}
  void on_time(Instant, Bytes&) override {}
  Instant deadline() const override { return never; }
  bool finished() const override { return left_ == 0; }
  bool wants_input() const override { return left_ == total_; }

 private:
  std::size_t total_;
  std::size_t left_;
  std::atomic<std::size_t>& most_;
};

TEST(StreamServer, ASessionGoesOnAsFastAsItsPeerReads) {
  constexpr std::size_t total = 32 * 1024 * 1024;
  std::atomic<std::size_t> most = 0;
  Limited limited({}, [&](const Endpoint&) { return std::make_unique<Well>(total, most); });
  const Fd client = limited.connect();
  Limited::say(client);
  std::size_t got = 0;
  std::vector<std::byte> buffer(1024 * 1024);
  for (bool more = true; more && Limited::wait_for(client, POLLIN);) {
    const IoResult result = read_some(client.get(), buffer);
    more = result.kind == IoResult::Kind::ok;
    got += more ? result.size : 0;
  }
  EXPECT_EQ(got, total);
  EXPECT_LE(most, 64U * 1024U) << "never more in memory";
}

TEST(StreamServer, APeerThatDoesNotTakeItsAnswersIsCutOff) {
  std::atomic<std::size_t> most = 0;
  Limited limited({.stall_time = 20ms},
                  [&](const Endpoint&) { return std::make_unique<Well>(1ULL << 34U, most); });
  const Fd client = limited.connect();
  const int small = 4096;  // Kernels may keep tens of megabytes for who does not read.
  ASSERT_EQ(setsockopt(client.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
  Limited::say(client);
  ASSERT_TRUE(Limited::wait_for(client, POLLIN));

  const Instant bound = monotonic_now() + 20s;
  while (limited.connections() > 0 && monotonic_now() < bound) {
  }

  EXPECT_EQ(limited.connections(), 0U);
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
