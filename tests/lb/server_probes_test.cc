// SPDX-License-Identifier: Apache-2.0
//
// Probes of real servers on 127.0.0.1. The probes and what answers them share one loop, on a thread
// of its own; the test asks on that thread how things are.
#include "lb/server_probes.h"

#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "io/admin.h"
#include "io/clock.h"
#include "io/stream_server.h"
#include "lb/proxy_header.h"
#include "tests/lb/live_peer.h"
#include "tests/support/name_server.h"
#include "tests/support/no_descriptors.h"
#include "tests/support/sanitized.h"
#include "tests/support/tls_server.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;
using hither::test::NameServer;
using hither::test::NoDescriptors;
using hither::test::TlsServer;
using Belief = Prober::Belief;
using Kind = topology::HealthRule::Kind;
using topology::SendProxy;

const std::string unknown_v1 = "PROXY UNKNOWN\r\n";
const std::string local_v2("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);

std::size_t open_files() {
  std::size_t count = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

topology::Farm farm_of(Kind kind, Duration timeout = 5s) {
  topology::Farm farm;
  farm.name = "web";
  farm.mode = kind == Kind::http ? topology::Mode::http : topology::Mode::tcp;
  farm.health.kind = kind;
  farm.health.limits = {
      .interval = 20ms, .fast_interval = 10ms, .timeout = timeout, .fall = 1, .rise = 1};
  farm.guard.hold = 0s;
  return farm;
}

/// Says one octet of a response every millisecond, or nothing at all.
class Slow final : public io::Session {
 public:
  explicit Slow(bool drips) : drips_(drips) {}
  void on_bytes(ByteView, Instant now, Bytes&) override {
    if (drips_) next_ = now;
  }
  void on_end(Instant, Bytes&) override { ended_ = true; }
  void on_time(Instant now, Bytes& out) override {
    constexpr std::string_view text = "HTTP/1.1 200 OK\r\nX: ";
    append(out, as_bytes(text.substr(std::min(at_, text.size() - 1), 1)));
    ++at_;
    next_ = now + 1ms;
  }
  Instant deadline() const override { return next_; }
  bool finished() const override { return ended_; }

 private:
  bool drips_;
  Instant next_ = never;
  std::size_t at_ = 0;
  bool ended_ = false;
};

/// Takes nothing but a PROXY header, which it keeps, and then requests, which it answers. What it
/// heard is told once the connection is over.
class Demanding final : public io::Session {
 public:
  struct Heard {
    std::string header;
    std::string request;  ///< the first line of it
  };
  explicit Demanding(std::vector<Heard>& heard) : all_(heard) {}
  void on_bytes(ByteView bytes, Instant, Bytes& out) override {
    text_ += as_text(bytes);
    ProxyHeader header;
    const ProxyHeaderResult result = parse_proxy_header(as_bytes(text_), header);
    if (result.kind == ProxyHeaderResult::Kind::bad) finish();
    if (result.kind != ProxyHeaderResult::Kind::complete) return;
    heard_.header = text_.substr(0, result.size);
    const std::string rest = text_.substr(result.size);
    if (!rest.ends_with("\r\n\r\n")) return;
    heard_.request = rest.substr(0, rest.find("\r\n"));
    append(out, as_bytes("HTTP/1.1 204 No Content\r\n\r\n"));
    finish();
  }
  void on_end(Instant, Bytes&) override { finish(); }
  void on_time(Instant, Bytes&) override {}
  Instant deadline() const override { return never; }
  bool finished() const override { return finished_; }

 private:
  void finish() {
    if (!finished_) all_.push_back(heard_);
    finished_ = true;
  }

  std::vector<Heard>& all_;
  std::string text_;
  Heard heard_;
  bool finished_ = false;
};

class LiveProbes : public testing::Test {
 protected:
  /// What `work` returns, on the loop's thread.
  template <class Work>
  auto on_loop(Work work) {
    std::promise<decltype(work())> result;
    loop_.post([&] { result.set_value(work()); });
    return result.get_future().get();
  }

  LiveProbes() {
    keep_alive_.set(io::monotonic_now() + 1h);
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~LiveProbes() override {
    on_loop([this] {
      probes_.reset();
      pages_.clear();
      slow_.clear();
      return 0;
    });
    loop_.stop();
    thread_.join();
  }

  bool eventually(const std::function<bool()>& question) {
    const Instant until = io::monotonic_now() + 10s;
    while (io::monotonic_now() < until) {
      if (on_loop(question)) return true;
    }
    return false;
  }

  /// A server that answers /health so.
  Endpoint serve(io::Page page) {
    return on_loop([&] {
      pages_.push_back(std::make_unique<io::AdminServer>(loop_));
      pages_.back()->add_page("/health", [this, page](const io::PageRequest&) {
        ++asked_;
        return page;
      });
      return *pages_.back()->listen({.address = Address::v4(0x7f000001), .port = 0});
    });
  }
  /// One that takes connections and is slow.
  Endpoint serve_slowly(bool drips) {
    return serve_streams([drips](const Endpoint&) { return std::make_unique<Slow>(drips); });
  }
  /// One that demands a PROXY header.
  Endpoint serve_demanding() {
    return serve_streams([this](const Endpoint&) { return std::make_unique<Demanding>(heard_); });
  }
  Endpoint serve_streams(const io::StreamServer::Factory& factory) {
    return on_loop([&] {
      slow_.push_back(std::make_unique<io::StreamServer>(loop_, factory));
      io::Fd listener = *io::listen_tcp({.address = Address::v4(0x7f000001), .port = 0});
      const Endpoint endpoint = *io::local_endpoint(listener.get());
      slow_.back()->add_listener(std::move(listener));
      return endpoint;
    });
  }

  void watch(const topology::Farm& farm, const std::vector<Endpoint>& servers) {
    Farm::Copies copies;
    for (const Endpoint& server : servers) {
      copies.emplace_back("web-" + std::to_string(copies.size() + 1), to_text(server));
    }
    on_loop([&] {
      watch(farm, copies, resolver_);
      return 0;
    });
  }
  /// On the loop's thread.
  void watch(const topology::Farm& farm, const Farm::Copies& copies, io::Resolver& resolver) {
    probes_.reset();
    farm_ = std::make_unique<Farm>("fra", farm, copies, 1);
    FarmProbes::Events events{.on_change = [](std::size_t, Belief) {},
                              .on_moved = [this](std::size_t) { ++moves_; },
                              .on_result = [this] { ++results_; }};
    probes_ = std::make_unique<FarmProbes>(loop_, resolver, *farm_, std::move(events), 1);
  }

  /// On the loop's thread.
  Belief belief(std::size_t server = 0) const { return probes_->prober().belief(server); }
  bool known() const { return probes_->prober().first_round_done(); }

  std::string failure() {
    return on_loop([this] { return probes_->prober().last_failure(0); });
  }
  /// Nobody probes, and nobody is there who could have heard something.
  void begin_anew() {
    on_loop([this] {
      probes_.reset();
      slow_.clear();
      heard_.clear();
      return 0;
    });
  }
  /// Waits until there is a result, and says if the first server is up.
  bool passes() {
    EXPECT_TRUE(eventually([this] { return known(); }));
    return on_loop([this] { return belief() == Belief::up; });
  }

  io::Loop loop_;
  io::Resolver resolver_{loop_};
  std::unique_ptr<io::Resolver> other_resolver_;
  std::vector<Demanding::Heard> heard_;  ///< on the loop's thread
  std::vector<std::unique_ptr<io::AdminServer>> pages_;
  std::vector<std::unique_ptr<io::StreamServer>> slow_;
  std::unique_ptr<Farm> farm_;
  std::unique_ptr<FarmProbes> probes_;
  int asked_ = 0;
  int results_ = 0;
  int moves_ = 0;
  io::Timer keep_alive_{loop_, [] {}};  // a loop with nothing to wait for ends
  std::thread thread_;
};

TEST_F(LiveProbes, TheRuleSaysWhichStatusAndBodyAreWell) {
  const Endpoint server = serve({.status = 401, .body = "{\"state\": \"ready\"}"});
  topology::Farm farm = farm_of(Kind::http);
  farm.health.status = {{200, 299}, {401, 401}};
  farm.health.body = "ready";

  watch(farm, {server});

  EXPECT_TRUE(passes()) << failure();
}

TEST_F(LiveProbes, SaysWhatTheBodyLacks) {
  const Endpoint server = serve({.body = "{\"state\": \"warming up\"}"});
  topology::Farm farm = farm_of(Kind::http);
  farm.health.body = "ready";

  watch(farm, {server});

  EXPECT_FALSE(passes());
  EXPECT_EQ(failure(), "status 200, but no \"ready\" in its body");
}

TEST_F(LiveProbes, ReadsNoMoreOfABodyThanItLooksAt) {
  const Endpoint server = serve({.body = "ready" + std::string(8 * 1024 * 1024, '.')});
  topology::Farm farm = farm_of(Kind::http);
  farm.health.body = "ready";

  watch(farm, {server});

  EXPECT_TRUE(passes()) << failure();
}

TEST_F(LiveProbes, AFarmInModeTcpMayBeAskedOverHttp) {
  const Endpoint server = serve({.status = 503});
  topology::Farm farm = farm_of(Kind::http);
  farm.mode = topology::Mode::tcp;

  watch(farm, {server});

  EXPECT_FALSE(passes());
  EXPECT_EQ(failure(), "status 503");
}

TEST_F(LiveProbes, AFarmInModeHttpMayBeAskedByAConnect) {
  const Endpoint server = serve({.status = 503});
  topology::Farm farm = farm_of(Kind::tcp);
  farm.mode = topology::Mode::http;

  watch(farm, {server});

  EXPECT_TRUE(passes());
  EXPECT_EQ(on_loop([this] { return asked_; }), 0);
}

TEST_F(LiveProbes, ShakesHandsOverTlsAndResumes) {
  TlsServer server;
  topology::Farm farm = farm_of(Kind::tls);
  farm.health.host = "www.example.test";
  farm.health.limits.interval = 300ms;  // The ticket comes behind the handshake.

  watch(farm, {server.endpoint()});

  EXPECT_TRUE(passes()) << failure();
  EXPECT_TRUE(eventually([&] { return server.resumed() >= 3; }));
  EXPECT_EQ(server.whole(), 1);
  EXPECT_EQ(server.server_name(), "www.example.test");
  on_loop([this] {
    probes_.reset();  // before its server
    return 0;
  });
}

struct Version {
  SendProxy version;
  std::string header;
};
const Version versions[] = {{SendProxy::v1, unknown_v1}, {SendProxy::v2, local_v2}};

TEST_F(LiveProbes, ACopyThatDemandsAProxyHeaderIsAskedBehindOne) {
  for (const Version& one : versions) {
    const Endpoint server = serve_demanding();
    topology::Farm farm = farm_of(Kind::http);
    farm.mode = topology::Mode::tcp;
    farm.send_proxy = one.version;

    watch(farm, {server});

    ASSERT_TRUE(passes()) << failure();
    const Demanding::Heard heard = on_loop([this] { return heard_.back(); });
    EXPECT_EQ(heard.header, one.header);
    EXPECT_EQ(heard.request, "GET /health HTTP/1.1");
    begin_anew();
  }
}

TEST_F(LiveProbes, ACopyThatDemandsAProxyHeaderShakesHandsBehindIt) {
  for (const Version& one : versions) {
    const TlsServer server(TlsServer::Newest::tls13, one.header);
    topology::Farm farm = farm_of(Kind::tls);
    farm.send_proxy = one.version;

    watch(farm, {server.endpoint()});

    EXPECT_TRUE(passes()) << failure();
    begin_anew();
  }
}

TEST_F(LiveProbes, AConnectBringsAWholeProxyHeader) {
  for (const Version& one : versions) {
    const Endpoint server = serve_demanding();
    topology::Farm farm = farm_of(Kind::tcp);
    farm.send_proxy = one.version;

    watch(farm, {server});

    EXPECT_TRUE(passes()) << failure();
    ASSERT_TRUE(eventually([this] { return !heard_.empty(); }));
    const Demanding::Heard heard = on_loop([this] { return heard_.back(); });
    EXPECT_EQ(heard.header, one.header);
    EXPECT_EQ(heard.request, "");
    begin_anew();
  }
}

TEST_F(LiveProbes, WithoutSendProxyACopyThatDemandsTheHeaderIsDown) {
  const TlsServer tls(TlsServer::Newest::tls13, unknown_v1);
  for (const Kind kind : {Kind::http, Kind::tls}) {
    topology::Farm farm = farm_of(kind);
    farm.mode = topology::Mode::tcp;

    watch(farm, {kind == Kind::tls ? tls.endpoint() : serve_demanding()});

    EXPECT_FALSE(passes());
    EXPECT_FALSE(failure().empty());
  }
  begin_anew();
}

TEST_F(LiveProbes, PlainHttpIsNoTls) {
  const Endpoint server = serve({});

  watch(farm_of(Kind::tls), {server});

  EXPECT_FALSE(passes());
  EXPECT_EQ(failure(), "no TLS handshake: wrong version number");
}

TEST_F(LiveProbes, ACopyThatDripsIsDownAndLeaksNothing) {
  const Endpoint server = serve_slowly(/*drips=*/true);
  const std::size_t before = open_files();
  watch(farm_of(Kind::http, 30ms), {server});

  EXPECT_FALSE(passes());
  EXPECT_EQ(failure(), "timed out");

  EXPECT_TRUE(eventually([this] { return results_ >= 10; }));
  on_loop([this] {
    probes_.reset();
    return 0;
  });
  EXPECT_TRUE(eventually([&] { return open_files() <= before; })) << open_files();
}

TEST_F(LiveProbes, CopiesThatAllFallSilentAreHeldUntilTheirTimeIsOver) {
  topology::Farm farm = farm_of(Kind::http, 50ms);
  farm.guard = {.percent = 50, .members = 2, .window = 10s, .hold = 2s};
  std::vector<Endpoint> servers;
  for (int i = 0; i < 3; ++i) servers.push_back(serve({}));
  watch(farm, servers);
  ASSERT_TRUE(eventually([this] { return farm_->report().usable == 3; }));

  // From now on they take connections and say nothing.
  on_loop([&] {
    pages_.clear();
    for (const Endpoint& server : servers) {
      slow_.push_back(std::make_unique<io::StreamServer>(
          loop_, [](const Endpoint&) { return std::make_unique<Slow>(false); }));
      slow_.back()->add_listener(*io::listen_tcp(server));
    }
    return 0;
  });

  EXPECT_TRUE(eventually([this] {
    return probes_->prober().guard().members_held() == 3 && farm_->report().usable == 3;
  }));
  EXPECT_TRUE(eventually([this] { return farm_->report().usable == 0; })) << "it has an end";
  EXPECT_EQ(on_loop([this] { return probes_->prober().holds(); }), 1U);
}

TEST_F(LiveProbes, CopiesThatAllRefuseAreDownAtOnce) {
  topology::Farm farm = farm_of(Kind::http);
  farm.guard = {.percent = 50, .members = 2, .window = 10s, .hold = 1h};
  std::vector<Endpoint> servers;
  for (int i = 0; i < 3; ++i) servers.push_back(serve({}));
  watch(farm, servers);
  ASSERT_TRUE(eventually([this] { return farm_->report().usable == 3; }));

  on_loop([this] {
    pages_.clear();
    return 0;
  });

  EXPECT_TRUE(eventually([this] { return farm_->report().usable == 0; }));
  EXPECT_EQ(on_loop([this] { return probes_->prober().holds(); }), 0U);
}

TEST_F(LiveProbes, WantOfDescriptorsIsNoFaultOfTheCopies) {
  if (hither::test::sanitized) GTEST_SKIP() << "UBSan needs descriptors of its own";
  const TlsServer tls;
  for (const Kind kind : {Kind::http, Kind::tcp, Kind::tls}) {
    watch(farm_of(kind), {kind == Kind::tls ? tls.endpoint() : serve({})});
    ASSERT_TRUE(passes()) << failure();
    std::optional<NoDescriptors> none;
    // While no probe is under way: the server could not take its connection.
    ASSERT_TRUE(eventually([&] {
      if (probes_->prober().asking() == 0) none.emplace();
      return none.has_value();
    }));

    EXPECT_TRUE(eventually([this] { return probes_->prober().repeated() >= 10; })) << failure();

    EXPECT_TRUE(on_loop([this] { return belief() == Belief::up; })) << failure();
    EXPECT_EQ(failure(), "");
    none.reset();
    const auto counted = [this] {
      return results_ - static_cast<int>(probes_->prober().repeated());
    };
    const int before = on_loop(counted);
    EXPECT_TRUE(eventually([&] { return counted() > before; })) << "it is asked again";
    EXPECT_TRUE(on_loop([this] { return belief() == Belief::up; })) << failure();
  }
  on_loop([this] {
    probes_.reset();  // before its server
    return 0;
  });
}

TEST_F(LiveProbes, ANameIsWhereAPredecessorFoundItThoughThatIsNotTheFirstAnswer) {
  const Endpoint first{.address = Address::v4(0x7f400001), .port = 80};
  const Endpoint in_use{.address = Address::v4(0x7f400002), .port = 80};
  NameServer names;
  names.answer({first.address, in_use.address}, 0);
  CopyMemory copy{.name = "web-1", .address = "web.internal:80", .endpoint = to_text(in_use)};
  copy.known = copy.up = true;
  topology::Farm farm = farm_of(Kind::tcp);
  farm.health.limits.interval = 1h;

  const std::size_t recalled = on_loop([&] {
    const Endpoint servers[] = {names.endpoint()};
    other_resolver_ = std::make_unique<io::Resolver>(loop_, servers);
    watch(farm, {{copy.name, copy.address}}, *other_resolver_);
    Outliers outliers(farm.outlier, 1);
    return probes_->recall({.name = "web", .copies = {copy}}, outliers);
  });

  EXPECT_EQ(recalled, 1U);
  EXPECT_TRUE(eventually([this] {
    const NameWatch* name = probes_->names().find(0);
    return name != nullptr && name->answered_at().has_value();
  }));
  EXPECT_EQ(on_loop([this] { return farm_->server(0).endpoint(); }), in_use);
  EXPECT_EQ(on_loop([this] { return probes_->names().find(0)->address(); }), in_use.address);

  names.answer({first.address}, 0);
  EXPECT_TRUE(eventually([this] { return moves_ == 1; })) << "and when it moves, that is seen";
  EXPECT_EQ(on_loop([this] { return farm_->server(0).endpoint(); }), first);
}

TEST_F(LiveProbes, ALoopThatWasBlockedBelievesNoSilence) {
  topology::Farm farm = farm_of(Kind::http, 100ms);
  const Endpoint server = serve({});
  watch(farm, {server});
  ASSERT_TRUE(passes());

  // Again and again the thread is busy for three timeouts, whenever a probe is under way.
  for (int i = 0; i < 5; ++i) {
    const int before = on_loop([this] { return results_; });
    ASSERT_TRUE(eventually([&] {
      if (probes_->prober().asking() == 0) return false;
      const Instant until = io::monotonic_now() + 300ms;
      while (io::monotonic_now() < until) {
      }
      return true;
    }));
    ASSERT_TRUE(eventually([&] { return results_ > before; }));
  }

  EXPECT_TRUE(on_loop([this] { return belief() == Belief::up; })) << failure();
}

}  // namespace
}  // namespace hither::lb::test
