// SPDX-License-Identifier: Apache-2.0
#include "tests/support/live_dns.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <deque>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/assert.h"
#include "io/clock.h"
#include "io/http_client.h"

namespace hither::test {
namespace {

using namespace std::chrono_literals;

/// Few enough for the smallest buffer of a socket, and for the limits of any resolver.
constexpr std::size_t window = 64;
/// Resolvers drop what they are too busy for, and so may a machine that does ten other things.
constexpr Duration patience = 5s;
constexpr int attempts_max = 6;
constexpr std::size_t header_bytes = 12;
constexpr int connect_ms = 30'000;

struct Asked {
  std::size_t number = 0;
  Instant again{};
  int attempts = 1;
};

/// Sends once more what has waited for too long; the oldest stand in front. False if one of them
/// has been sent often enough.
bool send_again(DnsSocket& socket, const std::vector<Bytes>& queries,
                const std::vector<Bytes>& replies, std::deque<Asked>& waiting) {
  const Instant now = io::monotonic_now();
  while (!waiting.empty()) {
    Asked oldest = waiting.front();
    const bool answered = !replies[oldest.number].empty();
    if (!answered && oldest.again > now) return true;
    waiting.pop_front();
    if (answered) continue;
    if (oldest.attempts == attempts_max) return false;
    socket.send(queries[oldest.number]);
    ++oldest.attempts;
    oldest.again = now + patience;
    waiting.push_back(oldest);
  }
  return true;
}

}  // namespace

LiveDns::LiveDns(int threads) : threads_(threads) {
  const std::uint16_t first = free_ports(2);
  const Address loopback = *parse_address("127.0.0.1");
  endpoint_ = {loopback, first};
  admin_ = {loopback, static_cast<std::uint16_t>(first + 1)};
}

bool LiveDns::start() {
  program_.reset();
  std::vector<std::string> argv = {std::string(HITHER_PROGRAM) + "-dns"};
  if (descriptors_max_ > 0) {
    argv.insert(argv.begin(), {"/bin/sh", "-c", "ulimit -n $1 && shift && exec \"$@\"", "sh",
                               std::to_string(descriptors_max_)});
  }
  program_ = std::make_unique<ChildProgram>(
      argv, folder_.path("dns.log"),
      std::vector<std::string>{
          "HITHER_TOPOLOGY=" + folder_.path("world.toml"), "HITHER_STATE=" + folder_.path(),
          "HITHER_ADMIN_LISTEN=" + to_text(admin_), fmt::format("HITHER_THREADS={}", threads_)});
  return eventually(60s,
                    [&] {
                      return io::fetch_now({.target = admin_, .path = "/health"}).status == 200 ||
                             !program_->running();
                    }) &&
         program_->running();
}

std::string LiveDns::page(const std::string& path) const {
  return io::fetch_now({.target = admin_, .path = path, .timeout = 10s}).body;
}

std::uint64_t LiveDns::queries() const {
  const auto json = nlohmann::json::parse(status(), nullptr, false);
  return json.is_object() ? json.value("queries", std::uint64_t{0}) : 0;
}

CommandResult LiveDns::hither(const std::string& arguments) const {
  return run_command(fmt::format("HITHER_TOPOLOGY={} HITHER_OVERRIDES={} HITHER_STATE={} {} {}",
                                 folder_.path("world.toml"), folder_.path("overrides.toml"),
                                 folder_.path("state"), HITHER_PROGRAM, arguments));
}

std::string tables_of_three_rooms(const StandInRooms& rooms,
                                  const std::array<std::string, 3>& more) {
  constexpr std::array names = {"fra", "iad", "nrt"};
  constexpr std::array where = {"[50.11, 8.68]", "[39.04, -77.49]", "[35.76, 140.39]"};
  std::string text = "[farm.web]\nport = 80\n";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += fmt::format(
        "[room.{0}]\nlocation = {1}\naddress = [\"198.51.100.{2}\", \"2001:db8:100::{2}\"]\n"
        "admin = \"{3}\"\n{4}\n"
        "[[network]]\nprefix = \"10.{2}.0.0/16\"\nlocation = {1}\n"
        "[[network]]\nprefix = \"2001:db8:{2}::/48\"\nlocation = {1}\n",
        names[i], where[i], i + 1, to_text(rooms.admin(names[i])), more[i]);
  }
  return text;
}

DnsSocket::DnsSocket(const Endpoint& server, Over over) : over_(over) {
  const Address any = server.address.is_v4() ? Address::v4(0) : Address();
  auto socket = over == Over::tcp ? io::connect_tcp(server) : io::bind_udp({any, 0}, false);
  if (!socket) {
    ADD_FAILURE() << socket.error().message;
    return;
  }
  socket_ = std::move(*socket);
  if (over == Over::tcp) {
    pollfd connected{.fd = socket_.get(), .events = POLLOUT, .revents = 0};
    poll(&connected, 1, connect_ms);
    EXPECT_EQ(io::connect_error(socket_.get()), 0) << "cannot connect to " << to_text(server);
    return;
  }
  sockaddr_storage storage{};
  const unsigned size = io::to_sockaddr(server, storage);
  const int failed = connect(socket_.get(), reinterpret_cast<const sockaddr*>(&storage), size);
  EXPECT_EQ(failed, 0) << "cannot connect to " << to_text(server);
}

void DnsSocket::send(ByteView query) {
  const std::array<std::byte, 2> length = {static_cast<std::byte>(query.size() >> 8U),
                                           static_cast<std::byte>(query.size() & 0xffU)};
  if (over_ == Over::udp) {
    io::write_some(socket_.get(), query);
  } else {
    io::write_some(socket_.get(), length, query);
  }
}

Bytes DnsSocket::take() {
  if (over_ == Over::udp) return std::exchange(read_, {});
  Reader in(read_);
  const ByteView message = in.take(in.u16());
  if (!in.ok()) return {};
  Bytes taken(message.begin(), message.end());
  read_.erase(read_.begin(), read_.begin() + static_cast<std::ptrdiff_t>(in.position()));
  return taken;
}

Bytes DnsSocket::receive(Duration within) {
  const Instant end = io::monotonic_now() + within;
  while (true) {
    if (Bytes message = take(); !message.empty()) return message;
    std::array<std::byte, 4096> buffer;
    const io::IoResult result = io::read_some(socket_.get(), buffer);
    if (result.kind == io::IoResult::Kind::end) return {};
    if (result.kind == io::IoResult::Kind::ok) {
      append(read_, ByteView(buffer).first(result.size));
      continue;
    }
    const Duration left = end - io::monotonic_now();
    if (left <= Duration{}) return {};
    pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    poll(&ready, 1, static_cast<int>(milliseconds));
  }
}

std::vector<Bytes> ask_all(const Endpoint& server, const std::vector<Bytes>& queries) {
  ASSERT(queries.size() <= 65'536);
  DnsSocket socket(server);
  std::vector<Bytes> replies(queries.size());
  std::deque<Asked> waiting;
  std::size_t sent = 0;
  std::size_t unanswered = 0;
  while (sent < queries.size() || unanswered > 0) {
    for (; sent < queries.size() && unanswered < window; ++sent, ++unanswered) {
      socket.send(queries[sent]);
      waiting.push_back({.number = sent, .again = io::monotonic_now() + patience});
    }
    Bytes reply = socket.receive(100ms);
    if (reply.size() >= header_bytes) {
      const std::size_t number = Reader(reply).u16();
      if (number < sent && replies[number].empty()) {
        replies[number] = std::move(reply);
        --unanswered;
      }
    }
    if (!send_again(socket, queries, replies, waiting)) break;
  }
  return replies;
}

}  // namespace hither::test
