// SPDX-License-Identifier: Apache-2.0
#include "tests/support/web_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/http_body.h"
#include "base/http_head.h"
#include "tests/support/misbehaving_server.h"

namespace hither::test {
namespace {

constexpr std::size_t chunk_bytes = 700;
constexpr std::size_t wrong_bytes_shown = 150;

bool ready(const io::Fd& fd, short events, Duration within) {
  pollfd entry{.fd = fd.get(), .events = events, .revents = 0};
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(within);
  return poll(&entry, 1, static_cast<int>(wait.count())) == 1;
}

std::string in_chunks(std::string_view body) {
  std::string text;
  for (; !body.empty(); body.remove_prefix(std::min(chunk_bytes, body.size()))) {
    const std::string_view piece = body.substr(0, chunk_bytes);
    std::array<char, 20> size;
    std::snprintf(size.data(), size.size(), "%zx\r\n", piece.size());
    text += size.data();
    text += piece;
    text += "\r\n";
  }
  return text + "0\r\n\r\n";
}

}  // namespace

const char* to_text(Outcome outcome) {
  constexpr std::array names = {"right", "refused", "cut", "halved", "closed", "wrong", "stuck"};
  return names[static_cast<std::size_t>(outcome)];
}

std::string Asked::text() const {
  std::string text = method + " " + target + " HTTP/1.1\r\nHost: example.test\r\n";
  if (chunked) return text + "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(body);
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

bool WebClient::connect() {
  fd_.close();
  heard_.clear();
  Result<io::Fd> fd = io::connect_tcp(endpoint_);
  if (!fd || !ready(*fd, POLLOUT, patience_.first) || io::connect_error(fd->get()) != 0) {
    return false;
  }
  fd_ = std::move(*fd);
  return true;
}

bool WebClient::say(std::string_view text) {
  while (!text.empty()) {
    if (!ready(fd_, POLLOUT, patience_.first)) return false;
    const io::IoResult result = io::write_some(fd_.get(), as_bytes(text));
    if (result.kind == io::IoResult::Kind::failed) return false;
    text.remove_prefix(result.size);
  }
  return true;
}

void WebClient::reset() {
  io::reset_on_close(fd_.get());
  fd_.close();
}

WebClient::More WebClient::hear_more(Duration within) {
  std::array<std::byte, 65536> buffer;
  if (!ready(fd_, POLLIN, within)) return More::late;
  const io::IoResult result = io::read_some(fd_.get(), buffer);
  if (result.kind == io::IoResult::Kind::would_block) return More::came;
  if (result.kind == io::IoResult::Kind::end) return More::end;
  if (result.kind != io::IoResult::Kind::ok) return More::broken;
  heard_ += as_text(ByteView(buffer).first(result.size));
  return More::came;
}

Outcome WebClient::over(Outcome outcome) {
  if (outcome == Outcome::wrong || outcome == Outcome::halved)
    wrong_ = heard_.substr(0, wrong_bytes_shown);
  fd_.close();
  return outcome;
}

Outcome WebClient::hear(const Asked& asked) {
  ResponseHead head;
  while (true) {
    HeadScan scan;
    const HeadResult result =
        parse_response_head(as_bytes(heard_), asked.method, HeadLimits{}, scan, head);
    if (result.kind == HeadResult::Kind::bad) return over(Outcome::wrong);
    if (result.kind == HeadResult::Kind::complete) break;
    const More more = hear_more(heard_.empty() ? patience_.first : patience_.next);
    if (more == More::late) return over(Outcome::stuck);
    if (more != More::came) return over(heard_.empty() ? Outcome::closed : Outcome::halved);
  }
  const bool ok = head.status == 200;
  const bool honest = head.status == 500 || (head.status >= 502 && head.status <= 504);
  if (!ok && !honest) return over(Outcome::wrong);
  const bool last = !head.keep_alive;
  const std::string expected = right_answer(asked.method, asked.target, asked.body);

  BodyReader body(head.framing, head.content_length);
  std::string said;
  std::size_t read = head.size;
  while (!body.done()) {
    const BodyReader::Step step = body.read(as_bytes(std::string_view(heard_).substr(read)));
    read += step.taken;
    said += as_text(step.data);
    if (ok && !expected.starts_with(said)) return over(Outcome::wrong);
    if (body.state() == BodyReader::State::bad) return over(Outcome::wrong);
    if (step.taken > 0 || body.done()) continue;
    const More more = hear_more(patience_.next);
    if (more == More::late) return over(Outcome::stuck);
    if (more == More::came) continue;
    if (more == More::end) body.on_end();
    if (!body.done()) return over(Outcome::cut);
    if (ok && said.size() < expected.size()) return over(Outcome::halved);
  }
  const bool bodiless = asked.method == "HEAD";
  if (ok && said != (bodiless ? "" : expected)) return over(Outcome::wrong);
  heard_.erase(0, read);
  if (last) fd_.close();
  return ok ? Outcome::right : Outcome::refused;
}

}  // namespace hither::test
