// SPDX-License-Identifier: Apache-2.0
#include "tests/support/misbehaving_server.h"

#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/http_body.h"
#include "base/http_head.h"
#include "io/clock.h"

namespace hither::test {
namespace {

constexpr Duration drip_interval = std::chrono::seconds(1);
constexpr std::size_t garbage_header_bytes = 70'000;  // no balancer takes that

enum class Framing { length, chunked, until_close };

std::string chunked(std::string_view body, Rng& rng) {
  std::string text;
  while (!body.empty()) {
    const std::string_view piece = body.substr(0, 1 + rng.below(body.size()));
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    text += size;
    text += piece;
    text += "\r\n";
    body.remove_prefix(piece.size());
  }
  return text + "0\r\n\r\n";
}

std::string response(Framing framing, const std::string& body, Rng& rng) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  if (framing == Framing::chunked) {
    return ok + "Transfer-Encoding: chunked\r\n\r\n" + chunked(body, rng);
  }
  if (framing == Framing::until_close) return ok + "Connection: close\r\n\r\n" + body;
  return ok + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// None of it can be taken for an answer, but for the first octets of the last one, which is right.
std::string garbage(const std::string& body, Rng& rng) {
  using namespace std::string_literals;
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string wrong = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong";
  switch (rng.below(11)) {
    case 0: {
      std::string noise = "\x16\x03\x01"s;
      for (int i = 0; i < 100; ++i) noise += static_cast<char>(rng.below(256));
      return noise;
    }
    case 1:
      return "HTTP/9.9 200 OK\r\nContent-Length: 5\r\n\r\nwrong";
    case 2:
      return "HTTP/1.1 20 OK\r\n\r\n";
    case 3:
      return ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nwrong!";
    case 4:
      return ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwrong\r\n0\r\n\r\n";
    case 5:
      return ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nwrong\r\n0\r\n\r\n";
    case 6:
      return ok + "X-Long: " + std::string(garbage_header_bytes, 'x') + "\r\n\r\n";
    case 7:
      return ok + "X-Nul: a\0b\r\nContent-Length: 5\r\n\r\nwrong"s;
    case 8:
      return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nwrong";
    case 9:
      return "<html>wrong</html>\r\n";
    default:
      return response(Framing::length, body, rng) + wrong;
  }
}

}  // namespace

std::string right_answer(std::string_view method, std::string_view target, std::string_view body) {
  return std::string(method) + " " + std::string(target) + "\n" + std::string(body);
}

struct MisbehavingServer::Request {
  std::string method;
  std::string target;
  std::string body;
  bool keep_alive = true;
};

struct MisbehavingServer::Connection {
  enum class After { next, end, reset };

  Connection(MisbehavingServer& server, io::Fd taken)
      : fd(std::move(taken)),
        watch(
            server.loop_, fd.get(), [this, &server] { server.on_readable(*this); },
            [this, &server] { server.flush(*this); }),
        timer(server.loop_, [this, &server] { server.drip(*this); }) {
    watch.want_read(true);
  }

  /// Takes the first request from what has come; false if it is not all there, or none.
  bool take(Request& request);

  io::Fd fd;
  io::FdWatch watch;
  io::Timer timer;
  std::string in;
  std::string out;
  After after = After::next;
  bool dripping = false;
};

bool MisbehavingServer::Connection::take(Request& request) {
  RequestHead head;
  HeadScan scan;
  const HeadResult result = parse_request_head(as_bytes(in), HeadLimits{}, scan, head);
  if (result.kind != HeadResult::Kind::complete) return false;
  request = {.method = std::string(head.method),
             .target = std::string(head.path),
             .keep_alive = head.keep_alive};
  std::string_view rest = std::string_view(in).substr(head.size);
  BodyReader body(head.framing, head.content_length);
  while (!body.done()) {
    const BodyReader::Step step = body.read(as_bytes(rest));
    if (step.taken == 0) return false;
    request.body += as_text(step.data);
    rest.remove_prefix(step.taken);
  }
  in.erase(0, in.size() - rest.size());
  return true;
}

MisbehavingServer::MisbehavingServer(const Endpoint& endpoint, std::uint64_t seed)
    : endpoint_(endpoint), rng_(seed) {
  Result<io::Fd> fd = io::listen_tcp(endpoint);
  if (!fd) {
    std::fprintf(stderr, "%s\n", fd.error().message.c_str());
    std::abort();
  }
  fd_ = std::move(*fd);
  watch_ = std::make_unique<io::FdWatch>(loop_, fd_.get(), [this] { accept_all(); });
  watch_->want_read(true);
  thread_ = std::thread([this] { loop_.run(); });
}

MisbehavingServer::~MisbehavingServer() {
  loop_.stop();
  thread_.join();
  connections_.clear();
}

void MisbehavingServer::accept_all() {
  while (true) {
    io::Accepted accepted = io::accept_one(fd_.get());
    if (!accepted.fd) return;
    const int number = accepted.fd.get();
    connections_[number] = std::make_unique<Connection>(*this, std::move(accepted.fd));
  }
}

void MisbehavingServer::on_readable(Connection& connection) {
  std::array<std::byte, 65536> buffer;
  const io::IoResult result = io::read_some(connection.fd.get(), buffer);
  if (result.kind == io::IoResult::Kind::would_block) return;
  if (result.kind != io::IoResult::Kind::ok) return remove(connection);
  connection.in += as_text(ByteView(buffer).first(result.size));
  Request request;
  if (connection.out.empty() && connection.take(request)) answer(connection, request);
}

void MisbehavingServer::answer(Connection& connection, const Request& request) {
  using After = Connection::After;
  const bool well = request.target == "/health" || rng_.below(2) == 0;
  const Manners manners = well ? Manners::well : manners_.load();
  answers_[static_cast<std::size_t>(manners)].fetch_add(1);

  // An end that may be that of the body cannot be told from one that comes early.
  const bool short_end = manners == Manners::closes_early || request.method == "HEAD";
  auto framing = static_cast<Framing>(rng_.below(short_end ? 2 : 3));
  if (request.method == "HEAD") framing = Framing::length;
  const std::string body = right_answer(request.method, request.target, request.body);
  std::string text = response(framing, body, rng_);
  if (request.method == "HEAD") text.resize(text.find("\r\n\r\n") + 4);

  const bool last = framing == Framing::until_close || !request.keep_alive;
  connection.after = last ? After::end : After::next;
  connection.dripping = manners == Manners::drips;
  if (manners == Manners::resets || manners == Manners::closes_early) {
    text.resize(rng_.below(text.size()));
    connection.after = manners == Manners::resets ? After::reset : After::end;
  }
  if (manners == Manners::answers_garbage) {
    text = garbage(request.method == "HEAD" ? "" : body, rng_);
    connection.after = rng_.below(2) == 0 ? After::end : After::next;
  }
  connection.out = std::move(text);
  if (connection.dripping) return drip(connection);
  flush(connection);
}

void MisbehavingServer::drip(Connection& connection) {
  if (manners_.load() != Manners::drips) {
    connection.dripping = false;
    return flush(connection);
  }
  const io::IoResult result =
      io::write_some(connection.fd.get(), as_bytes(std::string_view(connection.out).substr(0, 1)));
  connection.out.erase(0, result.size);
  if (connection.out.empty()) return flush(connection);
  connection.timer.set(io::monotonic_now() + drip_interval);
}

void MisbehavingServer::flush(Connection& connection) {
  if (connection.dripping && !connection.out.empty()) return;
  while (!connection.out.empty()) {
    const io::IoResult result = io::write_some(connection.fd.get(), as_bytes(connection.out));
    if (result.kind == io::IoResult::Kind::would_block) return connection.watch.want_write(true);
    if (result.kind != io::IoResult::Kind::ok) return remove(connection);
    connection.out.erase(0, result.size);
  }
  connection.watch.want_write(false);
  connection.dripping = false;
  if (connection.after == Connection::After::next) {
    Request request;
    if (connection.take(request)) answer(connection, request);
    return;
  }
  if (connection.after == Connection::After::reset) io::reset_on_close(connection.fd.get());
  remove(connection);
}

void MisbehavingServer::remove(const Connection& connection) {
  connections_.erase(connection.fd.get());
}

}  // namespace hither::test
