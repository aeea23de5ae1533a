// SPDX-License-Identifier: Apache-2.0
// The least that an answer over HTTP/1.1 can cost here: for every head that ends, a canned response
// with as many octets as the path says ("/64" or "/1048576"; 64 where it says nothing). tools/bench
// puts it behind the balancers it measures. It trusts whoever asks: GET only, no bodies.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ip.h"
#include "io/socket.h"

namespace hither::tools {
namespace {

constexpr std::size_t reply_bytes_max = 16 << 20;

struct Connection {
  io::Fd fd;
  std::string head;      // what came of an unfinished one
  std::string out;       // heads of replies to send
  std::size_t sent = 0;  // of `out`
  std::size_t body = 0;  // octets to send behind it
  bool waits_to_write = false;
};

class Origin {
 public:
  explicit Origin(io::Fd listener)
      : epoll_(epoll_create1(EPOLL_CLOEXEC)),
        listener_(std::move(listener)),
        filling_(std::size_t{1} << 18, 'x') {
    watch(EPOLL_CTL_ADD, listener_.get(), EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) on_event(events[static_cast<std::size_t>(i)].data.fd);
    }
  }

 private:
  void watch(int what, int fd, std::uint32_t wanted) const {
    epoll_event event{.events = wanted, .data = {.fd = fd}};
    epoll_ctl(epoll_.get(), what, fd, &event);
  }

  void on_event(int fd) {
    if (fd == listener_.get()) {
      accept_all();
      return;
    }
    const auto found = connections_.find(fd);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    if (!go_on(connection)) connections_.erase(found);
  }

  void accept_all() {
    for (io::Accepted one = io::accept_one(listener_.get()); one.fd;
         one = io::accept_one(listener_.get())) {
      auto connection = std::make_unique<Connection>();
      connection->fd = std::move(one.fd);
      const int fd = connection->fd.get();
      watch(EPOLL_CTL_ADD, fd, EPOLLIN);
      connections_[fd] = std::move(connection);
    }
  }

  /// One read, and what can be written; false when the connection is over.
  bool go_on(Connection& connection) {
    if (!connection.waits_to_write) {
      std::array<std::byte, 16 * 1024> buffer;
      const io::IoResult got = io::read_some(connection.fd.get(), buffer);
      if (got.kind == io::IoResult::Kind::would_block) return true;
      if (got.kind != io::IoResult::Kind::ok) return false;
      connection.head.append(as_text(ByteView(buffer).first(got.size)));
      answer(connection);
    }
    return flush(connection);
  }

  static void answer(Connection& connection) {
    std::size_t begin = 0;
    for (;;) {
      const std::size_t end = connection.head.find("\r\n\r\n", begin);
      if (end == std::string::npos) break;
      std::size_t size = 64;
      const std::size_t slash = connection.head.find('/', begin);
      if (slash < end) {
        std::from_chars(connection.head.data() + slash + 1, connection.head.data() + end, size);
      }
      size = std::min(size, reply_bytes_max);
      connection.out += fmt::format(
          "HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: text/plain\r\nContent-Length: "
          "{}\r\n\r\n",
          size);
      // Only the last reply's body may be left to send(): who pipelines asks for little.
      const bool last = connection.head.find("\r\n\r\n", end + 4) == std::string::npos;
      if (last && size > 4096) {
        connection.body = size;
      } else {
        connection.out.append(size, 'x');
      }
      begin = end + 4;
    }
    connection.head.erase(0, begin);
  }

  bool flush(Connection& connection) {
    while (connection.sent < connection.out.size() || connection.body > 0) {
      const ByteView head = as_bytes(connection.out).subspan(connection.sent);
      const ByteView body = as_bytes(filling_).first(std::min(connection.body, filling_.size()));
      const io::IoResult done = body.empty() ? io::write_some(connection.fd.get(), head)
                                             : io::write_some(connection.fd.get(), head, body);
      if (done.kind == io::IoResult::Kind::would_block) {
        want_write(connection, true);
        return true;
      }
      if (done.kind != io::IoResult::Kind::ok) return false;
      const std::size_t of_head = std::min(done.size, head.size());
      connection.sent += of_head;
      connection.body -= done.size - of_head;
    }
    connection.out.clear();
    connection.sent = 0;
    want_write(connection, false);
    return true;
  }

  void want_write(Connection& connection, bool wanted) const {
    if (connection.waits_to_write == wanted) return;
    connection.waits_to_write = wanted;
    watch(EPOLL_CTL_MOD, connection.fd.get(), wanted ? EPOLLOUT : EPOLLIN);
  }

  io::Fd epoll_;
  io::Fd listener_;
  std::string filling_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
};

int run(const std::string& listen) {
  const Result<Endpoint> endpoint = parse_endpoint(listen);
  if (!endpoint) {
    fmt::print(stderr, "hither-bench-origin: {}\n", endpoint.error().message);
    return 2;
  }
  Result<io::Fd> listener = io::listen_tcp(*endpoint);
  if (!listener) {
    fmt::print(stderr, "hither-bench-origin: {}\n", listener.error().message);
    return 1;
  }
  Origin(std::move(*listener)).run();
  return 0;
}

}  // namespace
}  // namespace hither::tools

int main(int argc, char** argv) {
  CLI::App app{"answers HTTP with canned bytes, as cheaply as can be", "hither-bench-origin"};
  std::string listen = "127.0.0.1:8099";
  app.add_option("--listen", listen, "address and port")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return hither::tools::run(listen);
}
