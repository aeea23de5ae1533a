// SPDX-License-Identifier: Apache-2.0
#include "backend/session.h"

#include <algorithm>

namespace hither::backend {
namespace {

constexpr HeadLimits head_limits{};
/// A request must be whole this long after its connection or the answer before it: far longer than
/// any balancer keeps an idle connection, so that the balancer is the one that closes it.
constexpr Duration patience = std::chrono::seconds(75);
/// Pipelined requests that are kept while one is served; more stays in the kernel.
constexpr std::size_t input_bytes_max = 64 * 1024;
constexpr std::size_t order_bytes_max = 64 * 1024;

}  // namespace

Session::Session(Site& site, Instant now) : site_(site), give_up_at_(now + patience) {}

void Session::on_bytes(ByteView bytes, Instant now, Bytes& out) {
  if (finished_) return;
  if (input_.empty()) {
    append(input_, consume(bytes, now, out));
    return;
  }
  append(input_, bytes);
  go_on(now, out);
}

void Session::on_end(Instant now, Bytes& out) {
  ended_ = true;
  go_on(now, out);
}

void Session::on_time(Instant now, Bytes& out) {
  if (finished_) return;
  go_on(now, out);
  if (idle() && (site_.stopping() || site_.faults().refuse)) finished_ = true;
  if (finished_ || phase_ == Phase::answer || now < give_up_at_ || site_.faults().freeze) return;
  if (!idle()) return refuse(408, "the request did not come in time", now, out);
  finished_ = true;
}

Instant Session::deadline() const {
  if (finished_ || site_.faults().freeze) return never;
  if (phase_ != Phase::answer) return give_up_at_;
  return answer_ ? answer_->at : Instant::min();  // Thawed: the question can be asked now.
}

bool Session::wants_input() const {
  if (finished_ || (site_.faults().freeze && site_.has_admin())) return false;
  return phase_ != Phase::answer || input_.size() < input_bytes_max;
}

/// Uses what was kept, after something changed.
void Session::go_on(Instant now, Bytes& out) {
  const ByteView rest = consume(input_, now, out);
  if (rest.empty()) {
    Bytes().swap(input_);  // An idle connection holds no buffer.
  } else {
    input_.erase(input_.begin(), input_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  }
}

/// Reads and answers as much as is possible now; returns what could not be used yet.
ByteView Session::consume(ByteView bytes, Instant now, Bytes& out) {
  while (!finished_) {
    if (site_.faults().freeze && site_.has_admin()) return bytes;
    if (phase_ == Phase::answer) {
      if (!send_answer(now, out)) return bytes;
      continue;
    }
    const std::size_t before = bytes.size();
    bytes = phase_ == Phase::head ? read_head(bytes, now, out) : read_body(bytes, now, out);
    if (phase_ != Phase::answer && bytes.size() == before) break;
  }
  if (ended_) finished_ = true;
  return finished_ ? ByteView{} : bytes;
}

ByteView Session::read_head(ByteView bytes, Instant now, Bytes& out) {
  RequestHead& head = site_.scratch();
  const HeadResult result = parse_request_head(bytes, head_limits, scan_, head);
  if (result.kind == HeadResult::Kind::incomplete) return bytes;
  scan_ = {};
  if (result.kind == HeadResult::Kind::bad) {
    refuse(result.status, result.reason, now, out);
    return {};
  }
  method_ = head.method;
  path_ = head.path;
  head_only_ = head.method == "HEAD";
  keep_alive_ = head.keep_alive;
  minor_version_ = head.minor_version;
  body_ = BodyReader(head.framing, head.content_length);
  if (head.expects_continue && !body_.done() && heard()) {
    append(out, as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));  // RFC 9110 s10.1.1
  }
  phase_ = Phase::body;
  if (body_.done()) on_question(now);
  return bytes.subspan(head.size);
}

ByteView Session::read_body(ByteView bytes, Instant now, Bytes& out) {
  const bool kept = is_order();
  while (!bytes.empty() && body_.state() == BodyReader::State::reading) {
    const BodyReader::Step step = body_.read(bytes);
    bytes = bytes.subspan(step.taken);
    site_.on_body_bytes(step.data.size());
    if (kept) kept_body_ += as_text(step.data);
    if (kept_body_.size() > order_bytes_max) {
      refuse(413, "an order for faults is at most 64 KiB", now, out);
      return {};
    }
  }
  if (body_.state() == BodyReader::State::bad) {
    refuse(400, body_.reason(), now, out);
    return {};
  }
  if (body_.done()) on_question(now);
  return bytes;
}

/// Is it the one request that is answered even while frozen or refusing?
bool Session::is_order() const {
  const std::string_view path = std::string_view(path_).substr(0, path_.find('?'));
  return method_ == "POST" && path == "/fault";
}

/// Is the present request answered, whatever the faults?
bool Session::heard() const {
  const Faults& faults = site_.faults();
  return (!faults.freeze && !faults.refuse) || (is_order() && !site_.has_admin());
}

/// The request is whole. Frozen, it is held back and asked again after the thaw.
void Session::on_question(Instant now) {
  phase_ = Phase::answer;
  if (!heard()) {
    finished_ = site_.faults().refuse;
    return;
  }
  answer_ = site_.on_request({.method = method_, .path = path_, .body = kept_body_}, now);
}

/// Sends the answer if it is ready; false if there is nothing to do but wait.
bool Session::send_answer(Instant now, Bytes& out) {
  if (!answer_) on_question(now);
  if (finished_) return true;
  if (!answer_ || answer_->at > now) return false;
  // What was asked before the fault is held back or cut off too; the order that made it is
  // answered.
  if (!heard() && !is_order()) {
    finished_ = site_.faults().refuse;
    return finished_;
  }
  const bool close = !keep_alive_ || site_.stopping();
  const std::string_view kept = minor_version_ == 0 ? "Connection: keep-alive\r\n" : "";
  site_.write(*answer_, head_only_, close ? "Connection: close\r\n" : kept, out);
  finished_ = close;
  answer_.reset();
  kept_body_.clear();
  phase_ = Phase::head;
  give_up_at_ = now + patience;
  return true;
}

/// Answers a request that broke a rule, and closes: what follows it cannot be trusted to be a
/// request.
void Session::refuse(int status, std::string_view reason, Instant now, Bytes& out) {
  site_.on_bad_request();
  finished_ = true;
  const Faults& faults = site_.faults();
  if (faults.freeze || faults.refuse) return;
  std::string body(reason);
  body += '\n';
  site_.write({.status = status, .at = now, .body = body, .content_type = "text/plain"},
              phase_ == Phase::body && head_only_, "Connection: close\r\n", out);
}

}  // namespace hither::backend
