// SPDX-License-Identifier: Apache-2.0
//
// What of the driver can be seen without a world round it; tests/live has the rest.
#include "dns/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/room.h"
#include "io/admin.h"
#include "io/clock.h"
#include "io/http_client.h"
#include "io/notify.h"
#include "tests/dns/support.h"
#include "tests/dns/world_folder.h"

namespace hither::dns {
namespace {

using namespace std::chrono_literals;

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

/// A server on the world of one room, with these lines in [dns], from its start to its stop. Its
/// loop never runs, so no timer does anything.
class RunningServer {
 public:
  explicit RunningServer(const std::string& lines, const std::string& threads = "") {
    folder_.describe(lines);
    Start start = folder_.start();
    start.flags.threads = threads;
    SetupReading reading = set_up(start);
    if (!reading.setup) {
      ADD_FAILURE() << reading.mistakes[0].message;
      return;
    }
    server_.emplace(loop_, start, std::move(reading));
    EXPECT_TRUE(server_->listen());
    server_->start();
  }
  ~RunningServer() { stop(); }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  void stop() {
    if (server_) server_->stop();
    server_.reset();
  }
  bool runs() const { return server_ && !server_->endpoints().empty(); }
  const Endpoint& endpoint() const { return server_->endpoints()[0]; }

 private:
  testing::WorldFolder folder_;
  io::Loop loop_;
  std::optional<Server> server_;
};

// The loop never runs, so that no timer can have written it before.
TEST(Server, AnOrderlyStopWritesWhatOfTheQueryLogStillWaits) {
  ::testing::internal::CaptureStdout();
  RunningServer server("query_log = { one_in = 1 }");
  ASSERT_TRUE(server.runs());
  const bool answered =
      ask_until_answered(server.endpoint(), testing::ask("last.example.test").packet());

  server.stop();

  const std::string log = ::testing::internal::GetCapturedStdout();
  EXPECT_TRUE(answered);
  EXPECT_NE(log.find("name=last.example.test. type=A rcode=NXDOMAIN"), std::string::npos) << log;
}

/// A server whose loop is run by the test, and whose files change under it.
class StepByStep {
 public:
  /// What it starts with is read here.
  explicit StepByStep(const std::string& lines = "", const std::string& end = "") {
    describe(lines, end);
  }
  /// It starts with this instead.
  void describe(const std::string& lines, const std::string& end) {
    folder_.describe(lines, end);
    start_ = folder_.start();
    start_.flags.overrides = folder_.file("overrides.toml");
    reading_ = set_up(start_);
    for (const Error& mistake : reading_.mistakes) ADD_FAILURE() << mistake.message;
  }

  const testing::WorldFolder& folder() const { return folder_; }
  bool start() {
    if (!reading_.setup) return false;
    server_.emplace(loop_, start_, std::move(reading_));
    if (!server_->listen()) return false;
    server_->start();
    return true;
  }
  void reload() { server_->reload(); }
  io::Loop& loop() { return loop_; }
  /// A text that /status is to hold, and what is done then.
  struct Step {
    std::string wanted;
    std::function<void()> then = {};
  };
  /// Runs the loop through all steps or until one has been waited for in vain, and stops the
  /// server; what /status said last in each.
  std::vector<std::string> run_through(const std::vector<Step>& steps) {
    std::vector<std::string> seen(steps.size());
    std::size_t step = 0;
    int left = 2000;
    std::optional<io::HttpFetch> fetch;
    std::optional<io::Timer> timer;
    const auto on_reply = [&](const io::HttpReply& reply) {
      seen[step] = reply.body;
      if (seen[step].find(steps[step].wanted) != std::string::npos) {
        if (steps[step].then) steps[step].then();
        if (++step == steps.size()) return loop_.stop();
      }
      if (--left == 0) return loop_.stop();
      timer->set(io::monotonic_now() + 10ms);
    };
    timer.emplace(loop_, [&] {
      fetch.emplace(loop_, io::HttpRequest{.target = server_->admin_endpoint(), .path = "/status"},
                    on_reply);
    });
    timer->set(io::monotonic_now());
    loop_.run();
    server_->stop();
    return seen;
  }
  /// The same with one step.
  std::string run_until(const std::string& wanted) { return run_through({{wanted}})[0]; }

 private:
  testing::WorldFolder folder_;
  io::Loop loop_;
  Start start_;
  SetupReading reading_;
  std::optional<Server> server_;
};

void wait_for(Duration time) {
  io::Loop loop;
  io::Timer timer(loop, [] {});
  timer.set(io::monotonic_now() + time);
  loop.run();
}

constexpr const char* fra_is_down =
    "[[override]]\nroom = \"fra\"\nstate = \"down\"\nsince = \"2026-11-24T10:00:00Z\"\n";
constexpr const char* down_in_status = R"("override":{"state":"down")";

TEST(Server, OverridesThatChangeWhileItStartsAreTaken) {
  ::testing::internal::CaptureStdout();
  StepByStep world;
  world.folder().write("overrides.toml", fra_is_down);
  const bool started = world.start();

  const std::string status = started ? world.run_until(down_in_status) : "";

  ::testing::internal::GetCapturedStdout();
  EXPECT_NE(status.find(down_in_status), std::string::npos) << status;
}

/// Tells when somebody has read a file and closed it.
class Readers {
 public:
  explicit Readers(const std::string& file) : events_(inotify_init1(IN_CLOEXEC)) {
    EXPECT_GE(inotify_add_watch(events_.get(), file.c_str(), IN_CLOSE_NOWRITE), 0);
  }
  /// At most 20 s.
  bool wait() const {
    pollfd ready{.fd = events_.get(), .events = POLLIN, .revents = 0};
    return poll(&ready, 1, 20'000) == 1;
  }

 private:
  io::Fd events_;
};

// The loop runs only when both are to be done: the look at the files, which is due by then, and
// what came of the reading. Timers come first.
TEST(Server, AReloadDoesNotPutBackOverridesThatHaveChangedSince) {
  ::testing::internal::CaptureStdout();
  StepByStep world;
  ASSERT_TRUE(world.start());
  world.folder().write("overrides.toml", "# nothing yet\n");
  const Readers readers(world.folder().file("overrides.toml"));
  world.reload();
  const bool was_read = readers.wait();
  world.folder().write("overrides.toml", fra_is_down);
  wait_for(300ms);

  const std::string status = world.run_until(R"("reload":{"done":1)");

  const std::string log = ::testing::internal::GetCapturedStdout();
  EXPECT_TRUE(was_read);
  EXPECT_NE(status.find(R"("reload":{"done":1)"), std::string::npos) << status;
  EXPECT_NE(status.find(down_in_status), std::string::npos) << status;
  EXPECT_EQ(log.find("override-ends"), std::string::npos) << "not for a moment either: " << log;
}

TEST(Server, OverridesThatCannotBeSeenAnyMoreStay) {
  ::testing::internal::CaptureStdout();
  StepByStep world;
  const std::string file = world.folder().file("overrides.toml");
  world.folder().write("overrides.toml", fra_is_down);
  ASSERT_TRUE(world.start());

  const auto seen = world.run_through({{down_in_status,
                                        [&] {
                                          std::filesystem::remove(file);
                                          std::filesystem::create_symlink(file, file);
                                        }},
                                       {"Too many levels", [&] { std::filesystem::remove(file); }},
                                       {R"("override":null)"}});

  ::testing::internal::GetCapturedStdout();
  const std::string& unseen = seen[1];
  const std::string& gone = seen[2];
  EXPECT_NE(unseen.find("Too many levels of symbolic links"), std::string::npos) << unseen;
  EXPECT_NE(unseen.find(down_in_status), std::string::npos) << unseen;
  EXPECT_NE(gone.find(R"("override":null)"), std::string::npos) << gone;
  EXPECT_EQ(gone.find("Too many levels"), std::string::npos) << gone;
}

TEST(Server, AReloadThatFailedForTheOverridesIsTriedAgainWhenTheyAreMended) {
  ::testing::internal::CaptureStdout();
  StepByStep world;
  ASSERT_TRUE(world.start());
  world.folder().write("overrides.toml", "what?\n");
  world.folder().describe("tell = [\"nsid\"]");
  world.reload();

  const std::string status = world.run_through(
      {{R"("refused":1)", [&] { world.folder().write("overrides.toml", fra_is_down); }},
       {R"("reload":{"done":1)"}})[1];

  ::testing::internal::GetCapturedStdout();
  EXPECT_NE(status.find(R"("reload":{"done":1)"), std::string::npos) << status;
  EXPECT_NE(status.find(down_in_status), std::string::npos) << status;
}

/// A room behind fra whose status page takes connections and never answers.
class SilentRoom {
 public:
  SilentRoom() {
    auto socket = io::listen_tcp(*parse_endpoint("127.0.0.1:0"));
    EXPECT_TRUE(socket);
    if (socket) socket_ = std::move(*socket);
  }
  std::string lines() const {
    const auto endpoint = io::local_endpoint(socket_.get());
    return "[room.mute]\nlocation = [1, 2]\nadmin = \"" + (endpoint ? to_text(*endpoint) : "") +
           "\"\n";
  }

 private:
  io::Fd socket_;
};

// Pages are strict: a Host that is no host and port is answered 400.
TEST(Server, ARoomWhoseReportIsAtAnIpv6AddressIsUp) {
  ::testing::internal::CaptureStdout();
  StepByStep world("", "admin = \"127.0.0.1:1\"\n");
  io::AdminServer room(world.loop());
  room.add_page("/health", [](const io::PageRequest&) {
    const FarmReport web = {.farm = "web", .copies = 2, .usable = 2, .capacity = 100};
    return io::Page{.body = to_json(RoomReport{.room = "fra", .farms = {web}})};
  });
  const auto listening = room.listen(*parse_endpoint("[::1]:0"));
  if (!listening) {
    ::testing::internal::GetCapturedStdout();
    GTEST_SKIP() << "this machine has no IPv6 loopback: " << listening.error().message;
  }
  world.describe("", "admin = \"" + to_text(*listening) + "\"\n");
  const bool started = world.start();

  const std::string status = started ? world.run_until(R"("state":"up")") : "";

  ::testing::internal::GetCapturedStdout();
  EXPECT_NE(status.find(R"("state":"up")"), std::string::npos) << status;
}

TEST(Server, AReloadWithoutTheRoomThatIsWaitedForMakesItReady) {
  ::testing::internal::CaptureStdout();
  const SilentRoom mute;
  const std::string fra_refuses = "admin = \"127.0.0.1:1\"\n";
  StepByStep world(R"(health = { interval = "1m", timeout = "1m" })", fra_refuses + mute.lines());
  std::string name;
  auto socket = io::NotifyListener::open(name);
  ASSERT_TRUE(socket);
  int ready = 0;
  const io::NotifyListener listener(
      world.loop(), std::move(*socket),
      [&](int, std::string_view said) { ready += said == "READY=1" ? 1 : 0; });
  setenv("NOTIFY_SOCKET", name.c_str(), 1);
  ASSERT_TRUE(world.start());
  int ready_before = -1;

  const auto seen = world.run_through({{"Connection refused",
                                        [&] {
                                          ready_before = ready;
                                          world.folder().describe("", fra_refuses);
                                          world.reload();
                                        }},
                                       {R"("reload":{"done":1)", [&] { world.reload(); }},
                                       {R"("reload":{"done":2)"}});

  unsetenv("NOTIFY_SOCKET");
  ::testing::internal::GetCapturedStdout();
  EXPECT_NE(seen[0].find(R"("ready":false)"), std::string::npos) << seen[0];
  EXPECT_NE(seen[2].find(R"("ready":true)"), std::string::npos) << seen[2];
  EXPECT_EQ(ready_before, 0);
  EXPECT_EQ(ready, 1);
}

TEST(Server, ARoomThatIsSilentIsFoundDownHoweverFastReloadsCome) {
  ::testing::internal::CaptureStdout();
  const SilentRoom mute;
  StepByStep world(R"(health = { interval = "1m", timeout = "2s" })", mute.lines());
  ASSERT_TRUE(world.start());
  std::optional<io::Timer> timer;
  timer.emplace(world.loop(), [&] {
    world.reload();
    timer->set(io::monotonic_now() + 50ms);
  });
  timer->set(io::monotonic_now());

  const std::string status = world.run_until(R"("reason":"timed out")");

  ::testing::internal::GetCapturedStdout();
  EXPECT_NE(status.find(R"("reason":"timed out")"), std::string::npos) << status;
  EXPECT_EQ(status.find(R"("reload":{"done":0)"), std::string::npos) << status;
}

TEST(Server, WhatMayNotBeMeantInTheDescriptionIsLoggedAtStartAndAfterAReload) {
  const auto network = [](const std::string& prefix) {
    return "[[network]]\nlocation = [1, 2]\nprefix = \"" + prefix + "\"\n";
  };
  ::testing::internal::CaptureStdout();
  StepByStep world(network("203.0.113.16/28"));
  ASSERT_TRUE(world.start());
  world.folder().describe(network("203.0.113.32/27"));
  world.reload();

  const std::string status = world.run_until(R"("reload":{"done":1)");

  const std::string log = ::testing::internal::GetCapturedStdout();
  EXPECT_NE(status.find(R"("reload":{"done":1)"), std::string::npos) << status;
  const std::size_t first = log.find("description-warning place=");
  EXPECT_NE(log.find("network 203.0.113.16/28 is finer than /24", first), std::string::npos) << log;
  EXPECT_NE(log.find("network 203.0.113.32/27 is finer than /24", first), std::string::npos) << log;
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
// One thread, so that the last query is answered behind the others.
TEST(Server, AQueryFromPort0IsDropped) {
  ::testing::internal::CaptureStdout();
  RunningServer server("query_log = { one_in = 1 }", "1");
  ASSERT_TRUE(server.runs());
  const Endpoint at = server.endpoint();
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

/// One TCP connection to a server.
class TcpClient {
 public:
  explicit TcpClient(const Endpoint& server) {
    auto socket = io::connect_tcp(server);
    if (socket) socket_ = std::move(*socket);
    wait_for(POLLOUT);
  }

  /// Asks, and waits for the answer.
  bool is_answered() {
    const Bytes query = testing::ask("last.example.test").packet();
    const std::array<std::byte, 2> length = {static_cast<std::byte>(query.size() >> 8U),
                                             static_cast<std::byte>(query.size() & 0xffU)};
    io::write_some(socket_.get(), length, query);
    return wait_for(POLLIN) && read() == io::IoResult::Kind::ok;
  }
  /// Waits for the server to close it, with a FIN or a RST; at most 20 s.
  bool is_closed() {
    if (!wait_for(POLLIN)) return false;
    const io::IoResult::Kind kind = read();
    return kind == io::IoResult::Kind::end || kind == io::IoResult::Kind::failed;
  }
  /// Nothing has come, no end either.
  bool is_open() const { return io::peek(socket_.get()) == io::IoResult::Kind::would_block; }

 private:
  bool wait_for(short events) {
    pollfd ready{.fd = socket_.get(), .events = events, .revents = 0};
    return poll(&ready, 1, 20'000) == 1;
  }
  io::IoResult::Kind read() {
    std::array<std::byte, 512> bytes;
    return io::read_some(socket_.get(), bytes).kind;
  }

  io::Fd socket_;
};

// An answer shows that the server has taken the connection: two threads might take them in any
// order.
TEST(Server, AConnectionBeyondThoseOfOneClientIsClosedAtOnce) {
  const RunningServer server("tcp = { per_client = 2, idle = \"1h\" }");
  ASSERT_TRUE(server.runs());
  TcpClient one(server.endpoint());
  TcpClient two(server.endpoint());
  ASSERT_TRUE(one.is_answered());
  ASSERT_TRUE(two.is_answered());

  TcpClient three(server.endpoint());

  EXPECT_TRUE(three.is_closed());
  EXPECT_TRUE(one.is_answered());
  EXPECT_TRUE(two.is_answered());
}

// The patient one is asked first: if the two waited alike, it would be closed first. The idle one
// asks nothing, for a machine that is busy might take longer than its second to ask.
TEST(Server, AnIdleConnectionIsClosedAfterTheTimeOfTheDescription) {
  const RunningServer patient("tcp = { idle = \"1h\" }");
  const RunningServer impatient("tcp = { idle = \"1s\" }");
  ASSERT_TRUE(patient.runs());
  ASSERT_TRUE(impatient.runs());
  TcpClient to_patient(patient.endpoint());
  ASSERT_TRUE(to_patient.is_answered());

  TcpClient idle(impatient.endpoint());

  EXPECT_TRUE(idle.is_closed());
  EXPECT_TRUE(to_patient.is_open());
}

}  // namespace
}  // namespace hither::dns
