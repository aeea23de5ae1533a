// SPDX-License-Identifier: Apache-2.0
// Asks an HTTP server over many connections: as fast as it answers (closed loop: one request in
// flight per connection) or at a steady rate (open loop: latency counts from when a request was
// due, whether or not a connection was free then). Checks status and length of every answer and
// prints what came of it as one line of JSON. Used by tools/bench lb.
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/rng.h"
#include "io/clock.h"
#include "io/socket.h"
#include "tools/bench_answer.h"
#include "tools/bench_flow.h"

namespace hither::tools {
namespace {

struct Options {
  std::string server = "127.0.0.1:8080";
  std::string path = "/";
  std::uint64_t reply_bytes = 0;  // 0: any
  unsigned connections = 32;
  bool fresh = false;
  bool idle = false;
  double rate = 0;
  double seconds = 2;
  std::uint64_t seed = 1;
};

constexpr Duration settle = std::chrono::seconds(2);  // for the last answers

/// One place for a connection: closed, connecting, free, or waiting for its answer.
struct Slot {
  enum class State { closed, connecting, free, asked };
  io::Fd fd;
  State state = State::closed;
  bool used = false;  // answered on this connection before
  Instant at{};       // when the request was due
  BenchAnswer answer;
};

class WebLoad {
 public:
  WebLoad(const Options& options, const Endpoint& server)
      : options_(options),
        server_(server),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        slots_(options.connections),
        rng_(options.seed),
        buffer_(std::size_t{1} << 18) {
    request_ = fmt::format("GET {} HTTP/1.1\r\nHost: bench.example.test\r\n{}\r\n", options.path,
                           options.fresh ? "Connection: close\r\n" : "");
  }

  void run() {
    began_ = now_ = io::monotonic_now();
    const bool closed_loop = options_.rate == 0;
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      if (!options_.fresh || closed_loop) open(i);
    }
    if (!closed_loop) await_connections();
    const Instant end = began_ + Duration(static_cast<std::int64_t>(options_.seconds * 1e9));
    asking_ = true;
    while (now_ < end) turn(std::min(end, next_due()));
    ended_ = now_;
    in_time_ = tally_.answered;
    bytes_in_time_ = bytes_;
    asking_ = false;
    // What was due and found no connection free is late, but not lost.
    while (now_ < ended_ + settle && (asked() > 0 || !backlog_.empty())) turn(ended_ + settle);
    tally_.lost = asked() + backlog_.size();
  }

  void print() const {
    const double seconds = std::chrono::duration<double>(ended_ - began_).count();
    const auto us = [&](double share) {
      return std::chrono::duration<double, std::micro>(tally_.quantile(share)).count();
    };
    fmt::print(
        "{{\"sent\": {}, \"answered\": {}, \"wrong\": {}, \"failed\": {}, \"retried\": {}, "
        "\"lost\": {}, \"connects\": {}, \"open\": {}, \"seconds\": {:.4f}, \"rate\": {:.1f}, "
        "\"bytes_per_s\": {:.0f}, \"p50_us\": {:.1f}, \"p99_us\": {:.1f}, \"p999_us\": {:.1f}}}\n",
        tally_.sent, tally_.answered, tally_.wrong, failed_, retried_, tally_.lost, connects_,
        established(), seconds, static_cast<double>(in_time_) / seconds,
        static_cast<double>(bytes_in_time_) / seconds, us(0.5), us(0.99), us(0.999));
  }

 private:
  std::size_t count(Slot::State state) const {
    std::size_t count = 0;
    for (const Slot& slot : slots_) count += slot.state == state ? 1U : 0U;
    return count;
  }
  std::size_t asked() const { return count(Slot::State::asked); }
  std::size_t established() const { return asked() + count(Slot::State::free); }

  /// Connects from an address of its own, so that no port is used up however many there are.
  void open(std::uint32_t index) {
    Slot& slot = slots_[index];
    slot = {};
    const int fd = socket(server_.address.is_v4() ? AF_INET : AF_INET6,
                          SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      ++failed_;
      return;
    }
    slot.fd = io::Fd(fd);
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (server_.address.is_v4() && !bind_somewhere(fd)) {
      fail(index);
      return;
    }
    sockaddr_storage storage{};
    const unsigned size = io::to_sockaddr(server_, storage);
    ++connects_;
    slot.state = Slot::State::connecting;
    epoll_event event{.events = EPOLLOUT, .data = {.u32 = index}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&storage), size) != 0 &&
        errno != EINPROGRESS) {
      fail(index);
    }
  }

  /// To one of 65,520 loopback addresses.
  bool bind_somewhere(int fd) {
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(0x7F640001U + static_cast<std::uint32_t>(rng_.below(0xFFF0)));
    return bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0;
  }

  /// Requests are due from then on. Else the first of them would wait for all connections to be
  /// opened, and of a short run that is what the slowest of a hundred waited for.
  void await_connections() {
    const Instant until = now_ + settle;
    while (now_ < until && count(Slot::State::connecting) > 0) turn(until);
    began_ = now_ = io::monotonic_now();
  }

  void fail(std::uint32_t index) {
    ++failed_;
    close(index);
  }
  void close(std::uint32_t index) { slots_[index] = {}; }

  Instant next_due() const {
    if (options_.rate == 0) return never;
    return began_ +
           Duration(static_cast<std::int64_t>(static_cast<double>(due_) / options_.rate * 1e9));
  }

  void turn(Instant until) {
    const auto wait = std::max<Duration>(until - now_, Duration::zero());
    const timespec limit{.tv_sec = wait / std::chrono::seconds(1),
                         .tv_nsec = (wait % std::chrono::seconds(1)).count()};
    std::array<epoll_event, 256> events;
    const int count = epoll_pwait2(epoll_.get(), events.data(), events.size(), &limit, nullptr);
    now_ = io::monotonic_now();
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      on_event(event.data.u32, event.events);
    }
    if (options_.rate == 0) return;
    for (; asking_ && next_due() <= now_; ++due_) backlog_.push_back(next_due());
    while (!backlog_.empty() && give_out(backlog_.front())) backlog_.pop_front();
  }

  /// To the connection that was free first, or a new one.
  bool give_out(Instant at) {
    for (std::size_t tries = slots_.size(); tries > 0; --tries) {
      const auto index = static_cast<std::uint32_t>(turn_++ % slots_.size());
      Slot& slot = slots_[index];
      if (slot.state == Slot::State::free && !options_.fresh) {
        ask(index, at);
        return true;
      }
      if (slot.state != Slot::State::closed) continue;
      open(index);
      slots_[index].at = at;
      if (options_.fresh) return true;
    }
    return false;
  }

  void ask(std::uint32_t index, Instant at) {
    Slot& slot = slots_[index];
    slot.at = at;
    slot.state = Slot::State::asked;
    slot.answer = {};
    ++tally_.sent;
    const io::IoResult sent = io::write_some(slot.fd.get(), as_bytes(request_));
    if (sent.kind == io::IoResult::Kind::ok && sent.size == request_.size()) return;
    lost_connection(index);
  }

  /// A server may close an idle connection; whoever asks at that moment asks again (RFC 9112 s9.5).
  void lost_connection(std::uint32_t index) {
    const Slot& slot = slots_[index];
    const bool again =
        slot.used && slot.answer.state() == BenchAnswer::State::head && slot.answer.status() == 0;
    const Instant at = slot.at;
    if (again) {
      ++retried_;
      --tally_.sent;
      if (options_.rate > 0) backlog_.push_front(at);
    } else {
      ++failed_;
    }
    close(index);
    if (options_.rate == 0 && asking_) open(index);
  }

  void on_event(std::uint32_t index, std::uint32_t what) {
    Slot& slot = slots_[index];
    switch (slot.state) {
      case Slot::State::closed:
        return;
      case Slot::State::connecting:
        on_connect(index);
        return;
      case Slot::State::free:
        if ((what & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) close(index);
        if (options_.rate == 0 && asking_ && !options_.idle) open(index);
        return;
      case Slot::State::asked:
        on_readable(index);
        return;
    }
  }

  void on_connect(std::uint32_t index) {
    Slot& slot = slots_[index];
    if (io::connect_error(slot.fd.get()) != 0) {
      fail(index);
      if (options_.rate == 0 && asking_) open(index);
      return;
    }
    epoll_event event{.events = EPOLLIN, .data = {.u32 = index}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, slot.fd.get(), &event);
    slot.state = Slot::State::free;
    if (options_.rate == 0 && asking_) ask(index, now_);
    if (options_.rate > 0 && options_.fresh) ask(index, slot.at);
  }

  void on_readable(std::uint32_t index) {
    Slot& slot = slots_[index];
    const io::IoResult got = io::read_some(slot.fd.get(), buffer_);
    if (got.kind == io::IoResult::Kind::would_block) return;
    if (got.kind != io::IoResult::Kind::ok) {
      lost_connection(index);
      return;
    }
    slot.answer.take(ByteView(buffer_).first(got.size));
    bytes_ += got.size;
    if (slot.answer.state() == BenchAnswer::State::done) {
      on_answer(index);
    } else if (slot.answer.state() == BenchAnswer::State::broken) {
      ++tally_.wrong;
      close(index);
      if (options_.rate == 0 && asking_) open(index);
    }
  }

  void on_answer(std::uint32_t index) {
    Slot& slot = slots_[index];
    ++tally_.answered;
    tally_.count(now_ - slot.at);
    const bool right =
        slot.answer.status() == 200 &&
        (options_.reply_bytes == 0 || slot.answer.body_bytes() == options_.reply_bytes);
    if (!right) ++tally_.wrong;
    slot.used = true;
    slot.state = Slot::State::free;
    if (options_.fresh || slot.answer.closes()) {
      close(index);
      if (options_.rate == 0 && asking_) open(index);
    } else if (options_.rate == 0 && asking_ && !options_.idle) {
      ask(index, now_);
    }
  }

  Options options_;
  Endpoint server_;
  io::Fd epoll_;
  std::vector<Slot> slots_;
  std::deque<Instant> backlog_;  // due, and no connection was free
  Rng rng_;
  Bytes buffer_;
  std::string request_;
  BenchTally tally_;
  bool asking_ = false;
  std::uint64_t due_ = 0;
  std::uint64_t turn_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t retried_ = 0;
  std::uint64_t connects_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t in_time_ = 0;
  std::uint64_t bytes_in_time_ = 0;
  Instant began_{};
  Instant ended_{};
  Instant now_{};
};

int run(const Options& options) {
  const Result<Endpoint> server = parse_endpoint(options.server);
  if (!server) {
    fmt::print(stderr, "hither-bench-web: {}\n", server.error().message);
    return 2;
  }
  WebLoad load(options, *server);
  load.run();
  load.print();
  return 0;
}

}  // namespace
}  // namespace hither::tools

int main(int argc, char** argv) {
  CLI::App app{"asks an HTTP server, checks the answers and prints figures as JSON",
               "hither-bench-web"};
  hither::tools::Options options;
  app.add_option("--server", options.server, "address and port")->capture_default_str();
  app.add_option("--path", options.path, "what to ask for")->capture_default_str();
  app.add_option("--reply-bytes", options.reply_bytes, "how long answers must be; 0: any length");
  app.add_option("--connections", options.connections, "at most, at once")
      ->check(CLI::Range(1, 20'000))
      ->capture_default_str();
  app.add_flag("--fresh", options.fresh, "a new connection for each request");
  app.add_flag("--idle", options.idle, "ask once on each connection, and stay");
  app.add_option("--rate", options.rate, "open loop: requests per second");
  app.add_option("--seconds", options.seconds, "how long")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of all that is random")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return hither::tools::run(options);
}
