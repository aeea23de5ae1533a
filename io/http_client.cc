// SPDX-License-Identifier: Apache-2.0
#include "io/http_client.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "base/http_body.h"
#include "base/http_head.h"
#include "io/clock.h"
#include "io/socket.h"

namespace hither::io {

struct HttpFetch::State {
  State(Loop& on_loop, HttpRequest what, std::function<void(HttpReply)> callback)
      : loop(on_loop),
        request(std::move(what)),
        on_reply(std::move(callback)),
        timer(on_loop, [this] { finish({.error = "timed out", .silent = true}); }) {}

  void start();
  void on_writable();
  void on_readable();
  void on_bytes();
  bool read_head();
  void read_body();
  void fail_with(int error) { fail_with(error, error_text(error)); }
  void fail_with(int error, std::string reason) {
    finish({.error = std::move(reason), .silent = is_silence(error), .ours = is_shortage(error)});
  }
  void finish(HttpReply result);

  Loop& loop;
  HttpRequest request;
  std::function<void(HttpReply)> on_reply;
  Timer timer;
  Instant started = monotonic_now();
  Fd fd;
  std::optional<FdWatch> watch;
  std::string to_send;
  std::size_t sent = 0;
  bool connected = false;
  bool head_done = false;
  bool at_end = false;
  bool done = false;
  Bytes received;
  std::size_t consumed = 0;
  HeadScan scan;
  BodyReader body_reader;
  HttpReply reply;
};

HttpFetch::HttpFetch(Loop& loop, HttpRequest request, std::function<void(HttpReply)> on_reply)
    : state_(std::make_shared<State>(loop, std::move(request), std::move(on_reply))) {
  // Posted, so that the callback never comes before the constructor has returned.
  loop.post([state = state_] {
    if (!state->done) state->start();
  });
}

HttpFetch::~HttpFetch() {
  state_->done = true;
  state_->timer.cancel();
  // The state may be on the stack of its own callback: let go of it on the next turn.
  state_->loop.post([state = state_] {
    state->watch.reset();
    state->fd.close();
  });
}

void HttpFetch::State::start() {
  timer.set(started + request.timeout);
  int error = 0;
  auto socket = std::holds_alternative<Endpoint>(request.target)
                    ? connect_tcp(std::get<Endpoint>(request.target), &error)
                    : connect_unix(std::get<std::string>(request.target));
  if (!socket) {
    fail_with(error, socket.error().message);
    return;
  }
  fd = std::move(*socket);
  to_send = request.preamble;
  to_send += fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", request.method,
                         request.path, request.host);
  if (!request.body.empty() || request.method == "POST") {
    to_send += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  to_send += "\r\n" + request.body;
  watch.emplace(
      loop, fd.get(), [this] { on_readable(); }, [this] { on_writable(); });
  watch->want_write(true);
}

void HttpFetch::State::on_writable() {
  if (!connected) {
    if (const int error = connect_error(fd.get()); error != 0) {
      fail_with(error);
      return;
    }
    connected = true;
    watch->want_read(true);
  }
  const IoResult result = write_some(fd.get(), as_bytes(to_send).subspan(sent));
  if (result.kind == IoResult::Kind::would_block) return;
  // A failed send is not the end: the peer may have answered early; reading will tell.
  sent = result.kind == IoResult::Kind::ok ? sent + result.size : to_send.size();
  if (sent == to_send.size()) watch->want_write(false);
}

void HttpFetch::State::on_readable() {
  std::array<std::byte, 16 * 1024> buffer;
  const IoResult result = read_some(fd.get(), buffer);
  if (result.kind == IoResult::Kind::would_block) return;
  if (result.kind == IoResult::Kind::failed) {
    fail_with(result.error);
    return;
  }
  if (result.kind == IoResult::Kind::end) at_end = true;
  append(received, ByteView(buffer.data(), result.size));
  on_bytes();
}

void HttpFetch::State::on_bytes() {
  if (!head_done && !read_head()) return;
  read_body();
  if (done) return;
  received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(consumed));
  consumed = 0;
}

/// False while it is not there yet, or never will be.
bool HttpFetch::State::read_head() {
  while (!head_done) {
    ResponseHead head;
    const ByteView view = ByteView(received).subspan(consumed);
    const HeadResult parsed = parse_response_head(view, request.method, HeadLimits{}, scan, head);
    if (parsed.kind == HeadResult::Kind::bad) {
      finish({.error = fmt::format("not a valid HTTP response: {}", parsed.reason)});
      return false;
    }
    if (parsed.kind == HeadResult::Kind::incomplete) {
      received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(consumed));
      consumed = 0;
      if (at_end) finish({.error = "the connection was closed before a response"});
      return false;
    }
    consumed += head.size;
    scan = {};
    if (head.status < 200) continue;  // an interim response
    head_done = true;
    reply.status = head.status;
    body_reader = BodyReader(head.framing, head.content_length);
  }
  return true;
}

void HttpFetch::State::read_body() {
  while (body_reader.state() == BodyReader::State::reading) {
    const BodyReader::Step step = body_reader.read(ByteView(received).subspan(consumed));
    if (step.taken == 0) break;
    consumed += step.taken;
    reply.body += as_text(step.data);
    if (reply.body.size() <= request.body_bytes_max) continue;
    if (!request.cut_body) {
      finish({.error = "the response is too large"});
      return;
    }
    reply.body.resize(request.body_bytes_max);
    finish(std::move(reply));
    return;
  }
  if (at_end) body_reader.on_end();
  if (body_reader.state() == BodyReader::State::bad) {
    finish({.error = fmt::format("not a valid HTTP body: {}", body_reader.reason())});
  } else if (body_reader.done()) {
    finish(std::move(reply));
  }
}

void HttpFetch::State::finish(HttpReply result) {
  if (done) return;
  done = true;
  timer.cancel();
  watch.reset();
  fd.close();
  result.took = monotonic_now() - started;
  // Moved out first: the callback may destroy the fetch, and with it this state's last owner but
  // one.
  const auto callback = std::move(on_reply);
  callback(std::move(result));
}

HttpReply fetch_now(HttpRequest request) {
  Loop loop;
  HttpReply reply;
  const HttpFetch fetch(loop, std::move(request), [&](HttpReply got) {
    reply = std::move(got);
    loop.stop();
  });
  loop.run();
  return reply;
}

}  // namespace hither::io
