// SPDX-License-Identifier: Apache-2.0
//
// Idle connections to servers, shared by the threads of a real balancer.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "base/text.h"
#include "io/clock.h"
#include "io/http_client.h"
#include "lb/server.h"
#include "tests/lb/live_peer.h"
#include "tests/lb/messages.h"
#include "tests/lb/named_copy.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr std::string_view last_get = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

/// A server on a thread of its own that answers every request, and closes connections as its seed
/// says: never one that has not answered yet, and without a word before.
class ClosingCopy {
 public:
  /// Of so many turns it closes connections in one; 0: in none.
  explicit ClosingCopy(std::uint64_t seed, std::uint64_t closes_one_in = 0)
      : rng_(seed), closes_one_in_(closes_one_in) {
    Result<io::Fd> fd = io::listen_tcp({.address = Address::v4(0x7f000001), .port = 0});
    EXPECT_TRUE(fd);
    listener_ = std::move(*fd);
    endpoint_ = *io::local_endpoint(listener_.get());
    thread_ = std::thread([this] { run(); });
  }
  ~ClosingCopy() {
    over_ = true;
    thread_.join();
  }
  ClosingCopy(const ClosingCopy&) = delete;
  ClosingCopy& operator=(const ClosingCopy&) = delete;

  std::string address() const { return to_text(endpoint_); }
  int closed() const { return closed_; }

 private:
  struct Connection {
    io::Fd fd;
    std::string heard;
    int answered = 0;
  };

  void run() {
    while (!over_) {
      std::vector<pollfd> wanted = {{.fd = listener_.get(), .events = POLLIN, .revents = 0}};
      for (const Connection& one : connections_) {
        wanted.push_back({.fd = one.fd.get(), .events = POLLIN, .revents = 0});
      }
      constexpr int look_up_ms = 10;  // to see that it is over
      if (poll(wanted.data(), wanted.size(), look_up_ms) <= 0) continue;
      for (std::size_t i = wanted.size() - 1; i > 0; --i) {
        if (wanted[i].revents == 0 || answer(connections_[i - 1])) continue;
        connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i) - 1);
      }
      if (wanted[0].revents != 0) {
        if (io::Accepted accepted = io::accept_one(listener_.get()); accepted.fd) {
          connections_.push_back({.fd = std::move(accepted.fd), .heard = {}});
        }
      }
      if (closes_one_in_ > 0 && rng_.below(closes_one_in_) == 0) close_some();
    }
  }

  /// False: it ended.
  static bool answer(Connection& one) {
    std::array<std::byte, 4096> buffer;
    const io::IoResult got = io::read_some(one.fd.get(), buffer);
    if (got.kind == io::IoResult::Kind::would_block) return true;
    if (got.kind != io::IoResult::Kind::ok) return false;
    one.heard += as_text(ByteView(buffer).first(got.size));
    for (std::size_t end = one.heard.find("\r\n\r\n"); end != std::string::npos;
         end = one.heard.find("\r\n\r\n")) {
      one.heard.erase(0, end + 4);
      io::write_some(one.fd.get(), as_bytes(dated_hello));
      ++one.answered;
    }
    return true;
  }

  /// Half of those that have answered before, whatever may be on its way to them.
  void close_some() {
    closed_ += static_cast<int>(std::erase_if(connections_, [this](const Connection& one) {
      return one.answered > 0 && one.heard.empty() && rng_.below(2) == 0;
    }));
  }

  Rng rng_;
  std::uint64_t closes_one_in_;
  io::Fd listener_;
  Endpoint endpoint_;
  std::vector<Connection> connections_;
  std::atomic<bool> over_{false};
  std::atomic<int> closed_{0};
  std::thread thread_;
};

class LiveIdle : public testing::Test {
 protected:
  void start(const ClosingCopy& copy, unsigned threads) {
    front_ = free_endpoint();
    admin_ = free_endpoint();
    topology::Farm farm;
    farm.name = "web";
    farm.port = front_.port;
    farm.health.limits = {.interval = 1h, .fast_interval = 1h, .timeout = 5s, .fall = 1, .rise = 1};
    balancer_ = std::make_unique<Balancer>(
        Settings{.room = "fra",
                 .listen = {front_.address},
                 .admin = admin_,
                 .farms = {FarmSettings{.farm = farm, .servers = {{"web-1", copy.address()}}}}},
        threads);
    ASSERT_TRUE(balancer_->listen());
    thread_ = std::thread([this] { balancer_->run(); });
    ASSERT_TRUE(eventually([this] { return ask("/health").status == 200; }));
  }

  io::HttpReply ask(const std::string& path) const {
    return io::fetch_now({.target = admin_, .path = path, .body = {}, .timeout = 15s});
  }
  Json server() const { return Json::parse(ask("/status").body)["farms"][0]["servers"][0]; }

  void TearDown() override {
    if (!thread_.joinable()) return;
    EXPECT_TRUE(eventually([this] { return server()["in_flight"] == 0; }));
    kill(getpid(), SIGTERM);
    thread_.join();
  }

  Endpoint front_;
  Endpoint admin_;
  std::unique_ptr<Balancer> balancer_;
  std::thread thread_;
};

TEST_F(LiveIdle, OneConnectionIsEnoughForRequestsOfAllThreadsInTurn) {
  const ClosingCopy copy(1);
  start(copy, /*threads=*/4);

  for (int i = 0; i < 100; ++i) {
    Peer client = connect_to(front_);
    client.say(last_get);
    ASSERT_TRUE(client.hear_all().ends_with("hello")) << i;
  }

  EXPECT_EQ(server()["connects"], 1) << "by chance, all of a hundred connections on one thread?";
  EXPECT_EQ(server()["reused"], 99);
}

/// `each` gets the number of its thread.
void at_once(int count, const std::function<void(int)>& each) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(each, i);
  for (std::thread& thread : threads) thread.join();
}

TEST_F(LiveIdle, ThreadsNeedHardlyMoreConnectionsThanRequestsAtOnce) {
  const ClosingCopy copy(2);
  start(copy, /*threads=*/4);
  constexpr int clients = 8;

  at_once(clients, [this](int) {
    for (int i = 0; i < 50; ++i) {
      Peer client = connect_to(front_);
      client.say(last_get);
      EXPECT_TRUE(client.hear_all().ends_with("hello"));
    }
  });

  EXPECT_EQ(server()["results"]["2xx"], clients * 50);
  EXPECT_LE(server()["connects"], clients + 4) << "one may be parked while another looks for it";
}

TEST_F(LiveIdle, NoRequestFailsWhileTheServerClosesIdleConnections) {
  const ClosingCopy copy(/*seed=*/3, /*closes_one_in=*/2);
  start(copy, /*threads=*/3);
  constexpr int clients = 6;
  constexpr int requests = 150;

  at_once(clients, [this](int number) {
    for (int i = 0; i < requests; i += 3) {
      Peer client = connect_to(front_);
      for (int k = 0; k < 3; ++k) {
        client.say(k == 2 ? last_get : get);
        const std::string answer = client.hear_until("hello");
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << number << ", " << i << ": " << answer;
      }
    }
  });

  EXPECT_GT(copy.closed(), 20) << "else nothing was tried";
  EXPECT_EQ(server()["results"]["2xx"], clients * requests);
  EXPECT_EQ(server()["results"]["failed"], 0);
}

}  // namespace
}  // namespace hither::lb::test
