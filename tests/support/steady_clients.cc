// SPDX-License-Identifier: Apache-2.0
#include "tests/support/steady_clients.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/text.h"
#include "io/clock.h"
#include "io/socket.h"
#include "tests/support/live_world.h"

namespace hither::test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view head_end = "\r\n\r\n";

/// The value of a field of a head, as it stands there; empty if there is none.
std::string_view field_of(std::string_view head, std::string_view name) {
  const std::size_t at = head.find(fmt::format("\r\n{}: ", name));
  if (at == std::string_view::npos) return {};
  const std::string_view value = head.substr(at + name.size() + 4);
  return value.substr(0, value.find("\r\n"));
}

}  // namespace

struct SteadyClients::Client {
  Client(SteadyClients& all, std::size_t place)
      : clients(all), number(place), timer(all.loop_, [this] { on_time(); }) {
    timer.set(io::monotonic_now() + pause());
  }

  Duration pause() {
    return Duration(static_cast<Duration::rep>(static_cast<double>(clients.pause_.count()) *
                                               (0.5 + clients.rng_.unit())));
  }

  void on_time() {
    if (clients.stopping_) return;
    if (!fd) {
      open();
    } else if (connected && !waiting) {
      ask();
    }
  }

  void open() {
    Result<io::Fd> opened = io::connect_tcp(clients.server_);
    if (!opened) return refuse(opened.error().message);
    fd = std::move(*opened);
    connected = false;
    watch.emplace(
        clients.loop_, fd.get(), [this] { on_readable(); }, [this] { on_connected(); });
    watch->want_write(true);
  }

  void on_connected() {
    watch->want_write(false);
    if (const int error = io::connect_error(fd.get()); error != 0) {
      return refuse(io::error_text(error));
    }
    connected = true;
    ++clients.totals_.opened;
    watch->want_read(true);
    if (!clients.stopping_) ask();
  }

  void refuse(const std::string& why) {
    clients.note(clients.totals_.refused, "a connection was not taken: " + why);
    close();
  }

  void close() {
    watch.reset();
    fd.close();
    waiting = false;
    leaving = false;
    ended = false;
    answer.clear();
    timer.set(io::monotonic_now() + pause());
  }

  void ask() {
    path = fmt::format("/client-{}/{}", number, asked++);
    const bool post = asked % 4 == 0;
    const std::string request =
        fmt::format("{} {} HTTP/1.1\r\nHost: a.test\r\n{}\r\n{}", post ? "POST" : "GET", path,
                    post ? "Content-Length: 4\r\n" : "", post ? "once" : "");
    waiting = true;
    ++clients.totals_.sent;
    // Where it is not taken as a whole the end of the connection will be read.
    io::write_some(fd.get(), as_bytes(request));
    if (!leaving) return;
    io::shutdown_write(fd.get());
    ended = true;
  }

  void leave() {
    leaving = static_cast<bool>(fd);
    if (leaving && !waiting) timer.set(io::monotonic_now() + pause() / 4);
  }

  void on_readable() {
    std::array<std::byte, 16 * 1024> buffer;
    const io::IoResult got = io::read_some(fd.get(), buffer);
    if (got.kind == io::IoResult::Kind::would_block) return;
    if (got.kind != io::IoResult::Kind::ok) {
      if (waiting) {
        clients.note(clients.totals_.lost,
                     fmt::format("{}: {} after {} octets of an answer, connection's request {}",
                                 path, got.kind == io::IoResult::Kind::end ? "end" : "reset",
                                 answer.size(), on_connection));
      } else if (!ended) {
        ++clients.totals_.closed;
      } else if (got.kind == io::IoResult::Kind::end) {
        ++clients.totals_.left;
      } else {
        clients.note(clients.totals_.wrong, path + ": a reset behind the last answer");
      }
      on_connection = 0;
      return close();
    }
    answer.append(reinterpret_cast<const char*>(buffer.data()), got.size);
    judge();
  }

  /// Of what has come so far.
  void judge() {
    const std::size_t end = answer.find(head_end);
    if (end == std::string::npos) return;
    const std::string_view head = std::string_view(answer).substr(0, end + 2);
    const auto length = parse_number(field_of(head, "Content-Length"));
    if (length && answer.size() < end + head_end.size() + *length) return;
    const bool right = waiting && head.starts_with("HTTP/1.1 200 ") && length &&
                       answer.size() == end + head_end.size() + *length &&
                       answer.find(fmt::format("\"path\":\"{}\"", path)) != std::string::npos;
    const bool closes = field_of(head, "Connection") == "close";
    if (right) {
      ++clients.totals_.answered;
    } else {
      clients.note(clients.totals_.wrong, fmt::format("{}: {}", path, answer));
    }
    if (closes) ++clients.totals_.told;
    ++on_connection;
    waiting = false;
    answer.clear();
    if (closes || !right) {
      on_connection = 0;
      close();
    } else if (!ended) {
      timer.set(io::monotonic_now() + pause());
    }
  }

  SteadyClients& clients;
  std::size_t number;
  io::Timer timer;
  io::Fd fd;
  std::optional<io::FdWatch> watch;
  bool connected = false;
  bool waiting = false;
  bool leaving = false;  ///< what is asked next is the last
  bool ended = false;    ///< that was it
  std::uint64_t asked = 0;
  std::uint64_t on_connection = 0;
  std::string path;
  std::string answer;
};

SteadyClients::SteadyClients(const Endpoint& server, std::size_t clients, Duration pause,
                             std::uint64_t seed)
    : server_(server), pause_(pause), rng_(seed) {
  for (std::size_t i = 0; i < clients; ++i) {
    clients_.push_back(std::make_unique<Client>(*this, i));
  }
  thread_ = std::thread([this] { loop_.run(); });
}

SteadyClients::~SteadyClients() { stop(); }

void SteadyClients::note(std::atomic<std::uint64_t>& total, const std::string& what) {
  ++total;
  if (mistake_.empty()) mistake_ = what;
}

bool SteadyClients::goes_on(std::uint64_t answers) {
  const std::uint64_t from = totals_.answered;
  const auto wrong = [this] { return totals_.wrong + totals_.lost + totals_.refused > 0; };
  return eventually(60s, [&] { return wrong() || totals_.answered >= from + answers; }) && !wrong();
}

void SteadyClients::leave() {
  loop_.post([this] {
    for (const std::unique_ptr<Client>& client : clients_) client->leave();
  });
}

void SteadyClients::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  eventually(20s,
             [this] { return totals_.sent == totals_.answered + totals_.wrong + totals_.lost; });
  loop_.stop();
  thread_.join();
  totals_.lost = totals_.sent - totals_.answered - totals_.wrong;
}

SteadyClients::Counts SteadyClients::counts() const {
  return {.sent = totals_.sent,
          .answered = totals_.answered,
          .wrong = totals_.wrong,
          .lost = totals_.lost,
          .opened = totals_.opened,
          .refused = totals_.refused,
          .told = totals_.told,
          .closed = totals_.closed,
          .left = totals_.left};
}

}  // namespace hither::test
