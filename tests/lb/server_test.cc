// SPDX-License-Identifier: Apache-2.0
#include "lb/server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "io/clock.h"
#include "io/http_client.h"
#include "lb/proxy_header.h"
#include "tests/lb/live_peer.h"
#include "tests/lb/messages.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

/// Asks until the answer is yes; false after ten seconds.
bool eventually(const std::function<bool()>& question) {
  const Instant until = io::monotonic_now() + 10s;
  while (io::monotonic_now() < until) {
    if (question()) return true;
    std::this_thread::yield();
  }
  return false;
}

/// A balancer in a thread of its own, and the scripted servers behind it.
class LiveBalancer : public testing::Test {
 protected:
  void start(topology::Mode mode, unsigned threads = 1, std::size_t servers = 1) {
    start({farm_of("web", mode)}, threads, servers);
  }

  static topology::Farm farm_of(const std::string& name, topology::Mode mode) {
    topology::Farm farm;
    farm.name = name;
    farm.mode = mode;
    if (mode == topology::Mode::tcp) farm.health.kind = topology::HealthRule::Kind::tcp;
    farm.timeouts.drain = 0s;
    farm.health.limits = {.interval = 1h, .fast_interval = 1h, .timeout = 5s, .fall = 1, .rise = 1};
    return farm;
  }

  /// All farms on one port, each with so many servers.
  void start(std::vector<topology::Farm> farms, unsigned threads = 1, std::size_t servers = 1) {
    front_ = free_endpoint();
    admin_ = free_endpoint();
    Settings settings{.room = "fra", .listen = {front_.address}, .admin = admin_};
    for (topology::Farm& farm : farms) {
      farm.port = front_.port;
      settings.farms.push_back({.farm = farm, .servers = {}});
      for (std::size_t i = 0; i < servers; ++i) {
        servers_.push_back(std::make_unique<ScriptedServer>());
        settings.farms.back().servers.emplace_back(farm.name + "-" + std::to_string(i + 1),
                                                   to_text(servers_.back()->endpoint()));
      }
    }
    balancer_ = std::make_unique<Balancer>(settings, threads);
    const Result<void> listening = balancer_->listen();
    ASSERT_TRUE(listening) << listening.error().message;
    thread_ = std::thread([this] {
      balancer_->run();
      ended_ = true;
    });
    for (const auto& server : servers_) answer_probe(*server, farms.front().mode);
    ASSERT_TRUE(eventually([this] { return ask("/health").status == 200; }));
  }

  /// The first probe of each server; the next is an hour away.
  static void answer_probe(ScriptedServer& server, topology::Mode mode) {
    Peer probe = server.accept();
    if (mode == topology::Mode::tcp) return;
    EXPECT_TRUE(probe.hear_until("\r\n\r\n").starts_with("GET /health HTTP/1.1\r\n"));
    probe.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }

  io::HttpReply ask(const std::string& path) const {
    return io::fetch_now({.target = admin_, .path = path, .body = {}});
  }
  Json status() const { return Json::parse(ask("/status").body); }
  /// What went through pipes for farm web so far; negative if nobody says.
  double relayed_bytes() const {
    constexpr std::string_view name = R"(hither_lb_relayed_bytes_total{room="fra",farm="web"} )";
    const std::string page = ask("/metrics").body;
    const std::size_t at = page.find(name);
    return at == std::string::npos ? -1 : std::stod(page.substr(at + name.size()));
  }

  /// Nothing may be left in flight, whatever happened.
  void expect_at_rest() const {
    EXPECT_TRUE(eventually([this] {
      const Json farm = status()["farms"][0];
      int in_flight = farm["clients"].get<int>();
      for (const Json& server : farm["servers"]) {
        in_flight += server["in_flight"].get<int>() + server["connecting"].get<int>();
      }
      return in_flight == 0;
    })) << status().dump();
  }

  void stop() {
    if (!thread_.joinable()) return;
    kill(getpid(), SIGTERM);
    thread_.join();
  }

  void TearDown() override {
    if (thread_.joinable() && !ended_) expect_at_rest();
    stop();
  }

  ScriptedServer& server(std::size_t i = 0) { return *servers_[i]; }

  Endpoint front_;
  Endpoint admin_;
  std::vector<std::unique_ptr<ScriptedServer>> servers_;
  std::unique_ptr<Balancer> balancer_;
  std::thread thread_;
  std::atomic<bool> ended_{false};
};

TEST_F(LiveBalancer, CarriesRequestsOverOneKeptConnection) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);

  client.say(get);
  Peer backend = server().accept();
  for (int i = 0; i < 3; ++i) {
    if (i > 0) client.say(get);
    const std::string request = backend.hear_until("\r\n\r\n");
    EXPECT_NE(request.find("X-Forwarded-For: 127.0.0.1\r\n"), std::string::npos) << request;
    backend.say(hello);
    EXPECT_EQ(client.hear(hello.size()), hello);
  }

  EXPECT_EQ(status()["farms"][0]["servers"][0]["connects"], 1);
  EXPECT_EQ(status()["farms"][0]["servers"][0]["reused"], 2);
  EXPECT_EQ(relayed_bytes(), 0) << "what is small is cheaper to copy";
}

TEST_F(LiveBalancer, EjectsACopyThatFailsAndTakesItBackOnProbation) {
  topology::Farm farm = farm_of("web", topology::Mode::http);
  farm.balance = topology::Balance::first;
  farm.outlier.backoff = 100ms;
  start({farm}, 2, 2);
  const auto outlier = [this] { return status()["farms"][0]["servers"][0]["outlier"]; };
  std::atomic<bool> ill{true};
  std::atomic<bool> over{false};
  const auto serve = [&](std::size_t i) {
    while (true) {
      Peer backend = server(i).accept();
      if (over) return;
      backend.hear_until("\r\n\r\n");
      backend.say(i == 0 && ill
                      ? "HTTP/1.1 500 Ill\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                      : "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    }
  };
  std::thread first([&] { serve(0); });
  std::thread second([&] { serve(1); });
  const auto ask_once = [this] {
    Peer client = connect_to(front_);
    client.say("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    return client.hear_all().substr(0, 12);
  };

  EXPECT_TRUE(eventually([&] {
    ask_once();
    return outlier()["ejections"] >= 1;
  }));
  EXPECT_EQ(ask("/health").status, 200);
  EXPECT_TRUE(outlier().contains("reason"));
  ill = false;
  EXPECT_TRUE(eventually([&] {
    EXPECT_NE(ask_once(), "");
    return outlier()["standing"] == "good";
  }));

  over = true;
  for (std::size_t i = 0; i < 2; ++i) connect_to(server(i).endpoint());
  first.join();
  second.join();
}

TEST_F(LiveBalancer, QueuesOnceItsCopyIsFullAndServesAllOverTwoThreads) {
  topology::Farm farm = farm_of("web", topology::Mode::http);
  farm.concurrency = {.most = 1, .queue = 8, .queue_timeout = 1h};
  start({farm}, /*threads=*/2);
  Peer first = connect_to(front_);
  first.say(get);
  Peer at_work = server().accept();
  at_work.hear_until("\r\n\r\n");
  std::vector<Peer> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(connect_to(front_));
    waiting.back().say(get);
  }
  ASSERT_TRUE(eventually([this] { return status()["farms"][0]["waiting"] == 8; }));
  EXPECT_EQ(Json::parse(ask("/health").body)["farms"][0]["waiting"], 8);

  Peer one_too_many = connect_to(front_);
  one_too_many.say(get);
  const std::string refused = one_too_many.hear_until("\r\n\r\n");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 503 ")) << refused;
  EXPECT_NE(refused.find("\r\nRetry-After: 1\r\n"), std::string::npos) << refused;

  constexpr std::string_view last =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
  for (int i = 0; i < 8; ++i) {
    at_work.say(last);
    at_work = server().accept();
    EXPECT_TRUE(at_work.hear_until("\r\n\r\n").starts_with("GET / ")) << i;
    EXPECT_EQ(status()["farms"][0]["servers"][0]["in_flight"], 1) << i;
  }
  at_work.say(last);

  EXPECT_TRUE(first.hear_until("hello").starts_with("HTTP/1.1 200 OK\r\n"));
  for (Peer& client : waiting) {
    EXPECT_TRUE(client.hear_until("hello").starts_with("HTTP/1.1 200 OK\r\n"));
  }
  const Json queue = status()["farms"][0]["queue"];
  EXPECT_EQ(queue["entered_total"], 8) << queue.dump();
  EXPECT_EQ(queue["refused_total"], 1) << queue.dump();
}

TEST_F(LiveBalancer, WaitsNoLongerThanTheQueueAllows) {
  topology::Farm farm = farm_of("web", topology::Mode::http);
  farm.concurrency = {.most = 1, .queue = 8, .queue_timeout = 50ms};
  start({farm});
  Peer first = connect_to(front_);
  first.say(get);
  Peer at_work = server().accept();
  at_work.hear_until("\r\n\r\n");

  Peer second = connect_to(front_);
  second.say(get);
  const std::string refused = second.hear_until("\r\n\r\n");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 503 ")) << refused;
  EXPECT_NE(refused.find("\r\nRetry-After: 1\r\n"), std::string::npos) << refused;
  at_work.say(hello);

  EXPECT_EQ(first.hear(hello.size()), hello);
  EXPECT_EQ(status()["farms"][0]["queue"]["late_total"], 1);
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

TEST_F(LiveBalancer, HidesAConnectionThatDiedIdle) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);
  client.say(get);
  {
    Peer backend = server().accept();
    backend.hear_until("\r\n\r\n");
    backend.say(hello);
    client.hear(hello.size());
  }

  client.say(get);
  Peer backend = server().accept();
  backend.hear_until("\r\n\r\n");
  backend.say(hello);

  EXPECT_EQ(client.hear(hello.size()), hello);
}

TEST_F(LiveBalancer, AnswersWithAReasonWhenTheCopyIsGone) {
  start(topology::Mode::http);
  servers_.clear();
  Peer client = connect_to(front_);

  client.say(get);

  EXPECT_TRUE(client.hear_until("refused)\n")
                  .ends_with("503: no copy of farm web took the connection (1 tried; web-1: "
                             "Connection refused)\n"));
}

TEST_F(LiveBalancer, TakesAnotherCopyWhenOneRefuses) {
  start(topology::Mode::http, /*threads=*/1, /*servers=*/2);
  servers_.erase(servers_.begin());
  std::optional<Peer> backend;

  for (int i = 0; i < 4; ++i) {
    Peer client = connect_to(front_);
    client.say("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    if (i == 0) backend.emplace(server().accept());
    backend->hear_until("\r\n\r\n");
    backend->say(hello);
    EXPECT_TRUE(client.hear_all().ends_with("hello"));
  }
}

TEST_F(LiveBalancer, BecomesATunnelOnceTheServerSwitched) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);
  client.say(
      "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  Peer backend = server().accept();
  EXPECT_NE(backend.hear_until("\r\n\r\n").find("Upgrade: websocket\r\n"), std::string::npos);

  backend.say(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
  client.hear_until("\r\n\r\n");
  EXPECT_EQ(client.hear(2), "hi");
  const std::string stream(3'000'000, 'x');
  std::thread sender([&] {
    client.say(stream);
    client.end();
  });
  EXPECT_EQ(backend.hear_all().size(), stream.size());
  sender.join();
  backend.say("bye");
  backend.end();

  EXPECT_EQ(client.hear_all(), "bye");
}

TEST_F(LiveBalancer, LetsGoOfTheServerWhenTheClientIsReset) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);
  client.say(get);
  Peer backend = server().accept();
  backend.hear_until("\r\n\r\n");

  client.reset();

  EXPECT_EQ(backend.hear_all(), "") << "closed at once, not after a timeout";
  EXPECT_TRUE(eventually([this] { return status()["farms"][0]["client_aborts_total"] == 1; }));
  EXPECT_EQ(status()["farms"][0]["servers"][0]["results"]["failed"], 0);
}

TEST_F(LiveBalancer, PropagatesEndsInTcpMode) {
  start(topology::Mode::tcp);
  Peer client = connect_to(front_);
  Peer backend = server().accept();

  client.say("question");
  client.end();
  EXPECT_EQ(backend.hear_all(), "question");
  backend.say("answer");
  backend.end();

  EXPECT_EQ(client.hear_all(), "answer");
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

TEST_F(LiveBalancer, FinishesWhatIsInFlightBeforeItStops) {
  start(topology::Mode::http);
  Peer idle = connect_to(front_);
  Peer client = connect_to(front_);
  client.say(get);
  Peer backend = server().accept();
  backend.hear_until("\r\n\r\n");

  kill(getpid(), SIGTERM);
  EXPECT_EQ(idle.hear_all(), "");
  EXPECT_FALSE(ended_);
  backend.say(hello);

  EXPECT_EQ(client.hear_all(),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
  thread_.join();
  EXPECT_TRUE(ended_);
}

TEST_F(LiveBalancer, SharesThePortBetweenThreads) {
  start(topology::Mode::http, /*threads=*/2);
  std::thread acceptor([&] {
    // One connection serves one client at a time; each asks to close.
    for (int i = 0; i < 20; ++i) {
      Peer backend = server().accept();
      backend.hear_until("\r\n\r\n");
      backend.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    }
  });

  for (int i = 0; i < 20; ++i) {
    Peer client = connect_to(front_);
    client.say(get);
    EXPECT_EQ(client.hear(hello.size()), hello);
  }
  acceptor.join();

  EXPECT_EQ(status()["farms"][0]["servers"][0]["results"]["2xx"], 20);
}

TEST_F(LiveBalancer, SaysWhichPortIsTaken) {
  start(topology::Mode::http);
  topology::Farm farm;
  farm.name = "web";
  farm.port = front_.port;
  Balancer second(Settings{.room = "fra",
                           .listen = {front_.address},
                           .admin = free_endpoint(),
                           .farms = {FarmSettings{.farm = farm, .servers = {}}}},
                  /*threads=*/2);

  const Result<void> listening = second.listen();

  ASSERT_FALSE(listening);
  EXPECT_NE(listening.error().message.find(to_text(front_)), std::string::npos);
}

// ---- PROXY headers, server names, bulk

/// What nobody could mistake for another part of it.
std::string pattern(std::size_t size) {
  std::string text(size, '.');
  for (std::size_t i = 0; i + 8 <= size; i += 997) text.replace(i, 8, fmt::format("{:08}", i));
  return text;
}

TEST_F(LiveBalancer, BelievesAProxyHeaderWhereItDemandsOne) {
  topology::Farm farm = farm_of("web", topology::Mode::http);
  farm.accept_proxy = true;
  start({farm});
  Peer client = connect_to(front_);
  client.say("PROXY TCP4 192.0.2.7 198.51.100.1 40000 80\r\n");
  client.say(get);

  Peer backend = server().accept();
  const std::string request = backend.hear_until("\r\n\r\n");
  EXPECT_NE(request.find("X-Forwarded-For: 192.0.2.7\r\n"), std::string::npos) << request;
  backend.say(hello);
  EXPECT_EQ(client.hear(hello.size()), hello);

  Peer forger = connect_to(front_);
  forger.say(get);
  EXPECT_EQ(forger.hear_all(), "");
  EXPECT_EQ(status()["farms"][0]["rejected_total"], 1);
}

TEST_F(LiveBalancer, TellsServersWhoTheClientIsInTcpMode) {
  topology::Farm farm = farm_of("web", topology::Mode::tcp);
  farm.send_proxy = topology::SendProxy::v1;
  start({farm});
  Peer client = connect_to(front_);
  client.say("hello\n");

  Peer backend = server().accept();
  const std::string line = backend.hear_until("\r\n");
  EXPECT_TRUE(line.starts_with("PROXY TCP4 127.0.0.1 " + to_text(front_.address) + " ")) << line;
  EXPECT_TRUE(line.ends_with(fmt::format(" {}\r\n", front_.port))) << line;
  EXPECT_EQ(backend.hear_until("\n"), "hello\n");
  client.end();
  EXPECT_EQ(backend.hear_all(), "");
}

TEST_F(LiveBalancer, PassesAProxyHeaderOnAsTheOtherVersion) {
  topology::Farm farm = farm_of("web", topology::Mode::tcp);
  farm.accept_proxy = true;
  farm.send_proxy = topology::SendProxy::v2;
  start({farm});
  Peer client = connect_to(front_);
  client.say("PROXY TCP4 192.0.2.7 198.51.100.1 40000 80\r\nhello\n");

  Peer backend = server().accept();
  const std::string heard = backend.hear_until("hello\n");
  ProxyHeader header;
  const ProxyHeaderResult result = parse_proxy_header(as_bytes(heard), header);
  ASSERT_EQ(result.kind, ProxyHeaderResult::Kind::complete);
  EXPECT_EQ(to_text(header.source), "192.0.2.7:40000");
  EXPECT_EQ(heard.substr(result.size), "hello\n");
}

/// A ClientHello that asks for `name`, with nothing else in it.
std::string client_hello(const std::string& name) {
  const auto u16 = [](std::size_t value) {
    return std::string{static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
  };
  const std::string list = std::string(1, '\0') + u16(name.size()) + name;
  const std::string extension = u16(0) + u16(list.size() + 2) + u16(list.size()) + list;
  std::string body = "\x03\x03" + std::string(32, 'r') + std::string(1, '\0');
  body += std::string("\x00\x02\x13\x01\x01\x00", 6) + u16(extension.size()) + extension;
  const std::string message = std::string("\x01\x00", 2) + u16(body.size()) + body;
  return std::string("\x16\x03\x01", 3) + u16(message.size()) + message;
}

TEST_F(LiveBalancer, ChoosesTheFarmByServerName) {
  topology::Farm one = farm_of("one", topology::Mode::tcp);
  one.server_names = {"one.test"};
  topology::Farm other = farm_of("other", topology::Mode::tcp);
  other.server_names = {"*.other.test"};
  start({one, other});

  for (const auto& [name, at] : {std::pair{"a.other.test", 1}, std::pair{"One.Test", 0}}) {
    const std::string hello_bytes = client_hello(name);
    Peer client = connect_to(front_);
    client.say(hello_bytes.substr(0, 30));
    client.say(hello_bytes.substr(30) + "more");
    Peer backend = server(static_cast<std::size_t>(at)).accept();
    EXPECT_EQ(backend.hear(hello_bytes.size() + 4), hello_bytes + "more");
  }
  Peer stranger = connect_to(front_);
  stranger.say(client_hello("nobody.test"));
  EXPECT_EQ(stranger.hear_all(), "");
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
