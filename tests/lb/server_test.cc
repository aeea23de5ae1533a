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

#include "lb/proxy_header.h"
#include "tests/lb/live_balancer.h"
#include "tests/lb/live_peer.h"
#include "tests/lb/messages.h"
#include "tests/lb/named_copy.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

TEST_F(LiveBalancer, CarriesRequestsOverOneKeptConnection) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);

  client.say(get);
  Peer backend = server().accept();
  for (int i = 0; i < 3; ++i) {
    if (i > 0) client.say(get);
    const std::string request = backend.hear_until("\r\n\r\n");
    EXPECT_NE(request.find("X-Forwarded-For: 127.0.0.1\r\n"), std::string::npos) << request;
    backend.say(dated_hello);
    EXPECT_EQ(client.hear(dated_hello.size()), dated_hello);
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
  at_work.say(dated_hello);

  EXPECT_EQ(first.hear(dated_hello.size()), dated_hello);
  EXPECT_EQ(status()["farms"][0]["queue"]["late_total"], 1);
}

TEST_F(LiveBalancer, HidesAConnectionThatDiedIdle) {
  start(topology::Mode::http);
  Peer client = connect_to(front_);
  client.say(get);
  {
    Peer backend = server().accept();
    backend.hear_until("\r\n\r\n");
    backend.say(dated_hello);
    client.hear(dated_hello.size());
  }

  client.say(get);
  Peer backend = server().accept();
  backend.hear_until("\r\n\r\n");
  backend.say(dated_hello);

  EXPECT_EQ(client.hear(dated_hello.size()), dated_hello);
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
    backend->say(dated_hello);
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

TEST_F(LiveBalancer, FinishesWhatIsInFlightBeforeItStops) {
  start(topology::Mode::http);
  Peer idle = connect_to(front_);
  Peer client = connect_to(front_);
  client.say(get);
  Peer backend = server().accept();
  backend.hear_until("\r\n\r\n");

  kill(getpid(), SIGTERM);
  ASSERT_TRUE(eventually([this] { return drains(); }));
  EXPECT_FALSE(ended_);
  backend.say(dated_hello);

  EXPECT_EQ(client.hear_all(),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Connection: close\r\n\r\nhello");
  EXPECT_EQ(idle.hear_all(), "");
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
      backend.say(
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
          "Connection: close\r\n\r\nhello");
    }
  });

  for (int i = 0; i < 20; ++i) {
    Peer client = connect_to(front_);
    client.say(get);
    EXPECT_EQ(client.hear(dated_hello.size()), dated_hello);
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

// ---- PROXY headers, server names

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
  backend.say(dated_hello);
  EXPECT_EQ(client.hear(dated_hello.size()), dated_hello);

  Peer forger = connect_to(front_);
  forger.say(get);
  EXPECT_EQ(forger.hear_all(), "");
  EXPECT_EQ(status()["farms"][0]["rejected_total"], 1);
}

TEST_F(LiveBalancer, TakesABalancersOwnProbeForItsOwn) {
  topology::Farm farm = farm_of("web", topology::Mode::http);
  farm.accept_proxy = true;
  start({farm});

  for (const auto version : {topology::SendProxy::v1, topology::SendProxy::v2}) {
    Peer client = connect_to(front_);
    client.say(proxy_header_of_probe(version));
    client.say(get);
    Peer backend = server().accept();
    const std::string request = backend.hear_until("\r\n\r\n");
    EXPECT_NE(request.find("X-Forwarded-For: 127.0.0.1\r\n"), std::string::npos) << request;
    backend.say(dated_hello);
    EXPECT_EQ(client.hear(dated_hello.size()), dated_hello);
  }
  EXPECT_EQ(status()["farms"][0]["rejected_total"], 0);
}

TEST_F(LiveBalancer, ServesWhoseProxyHeaderIsOnItsWayWhenItDrains) {
  topology::Farm farm = farm_of("web", topology::Mode::http);
  farm.accept_proxy = true;
  start({farm});
  Peer client = connect_to(front_);
  client.say("PROXY TCP4 192.0.2.7 ");

  kill(getpid(), SIGTERM);
  ASSERT_TRUE(eventually([this] { return drains(); }));
  client.say("198.51.100.1 40000 80\r\n");
  client.say(get);
  Peer backend = server().accept();
  EXPECT_NE(backend.hear_until("\r\n\r\n").find("X-Forwarded-For: 192.0.2.7\r\n"),
            std::string::npos);
  backend.say(dated_hello);

  EXPECT_EQ(client.hear_all(),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Connection: close\r\n\r\nhello");
  thread_.join();
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
  EXPECT_EQ(to_text(header.destination), "198.51.100.1:80") << "where the client came, not here";
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

TEST_F(LiveBalancer, ServesWhoseServerNameIsOnItsWayWhenItDrains) {
  topology::Farm farm = farm_of("one", topology::Mode::tcp);
  farm.server_names = {"one.test"};
  start({farm});
  const std::string hello_bytes = client_hello("one.test");
  Peer client = connect_to(front_);
  client.say(hello_bytes.substr(0, 30));

  kill(getpid(), SIGTERM);
  ASSERT_TRUE(eventually([this] { return drains(); }));
  client.say(hello_bytes.substr(30));
  Peer backend = server().accept();
  EXPECT_EQ(backend.hear(hello_bytes.size()), hello_bytes);
  backend.say("answer");
  backend.end();

  EXPECT_EQ(client.hear_all(), "answer");
  EXPECT_FALSE(client.was_reset());
  client.end();
  thread_.join();
}

}  // namespace
}  // namespace hither::lb::test
