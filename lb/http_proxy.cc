// SPDX-License-Identifier: Apache-2.0
//
// A session walks idle -> head -> exchange and back to idle, or ends through over (the last bytes
// go out) and lingering (the client's are thrown away until its FIN, lest a reset eat our last
// words, RFC 9112 s9.6). Everything that can move is moved by advance(), whatever event came.
#include "lb/http_proxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lb/http_rewrite.h"

namespace hither::lb {
namespace {

/// May the request be sent twice (RFC 9110 s9.2.2)?
bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS" || method == "TRACE";
}

/// Moves body data from `in` to `out` while both allow it; says if anything moved. Leaves room in
/// `out` for the last chunk.
bool pump(Buffer& in, BodyReader& body, Buffer& out, bool chunked) {
  const std::size_t overhead = chunked ? chunk_overhead : 0;
  bool moved = false;
  while (body.state() == BodyReader::State::reading && !in.empty() && out.room() > overhead) {
    const std::size_t size = std::min(in.size(), out.room() - overhead);
    const BodyReader::Step step = body.read(in.data().first(size));
    if (!step.data.empty() && chunked) write_chunk(step.data, out);
    if (!step.data.empty() && !chunked) out.append(step.data);
    in.consume(step.taken);
    if (step.taken == 0) break;
    moved = true;
  }
  return moved;
}

}  // namespace

HttpProxy::HttpProxy(HttpContext& context, std::string client_address, Instant now)
    : context_(context),
      client_address_(std::move(client_address)),
      client_in_(context.blocks),
      to_backend_(context.blocks),
      backend_in_(context.blocks),
      to_client_(context.blocks),
      deadline_(now + context.times.header) {}

// ---- What the driver asks

bool HttpProxy::wants(Side from) const {
  if (finished_) return false;
  if (from == Side::backend) {
    if (phase_ != Phase::exchange || link_ != Link::open) return false;
    return status_ == 0 ? backend_in_.room() > 0 : backend_in_.empty() && to_client_.empty();
  }
  if (client_ended_ || phase_ == Phase::over) return false;
  if (phase_ == Phase::lingering) return true;
  if (between_requests()) return to_client_.empty() && client_in_.room() > 0;
  return request_body_.state() == BodyReader::State::reading && link_ == Link::open && !mute_ &&
         client_in_.empty() && to_backend_.empty();
}

bool HttpProxy::raw_request_body() const {
  return phase_ == Phase::exchange && request_framing_ == BodyFraming::length &&
         request_body_.left() > 0 && client_in_.empty() && to_backend_.empty();
}

bool HttpProxy::raw_response_body() const {
  return phase_ == Phase::exchange && status_ != 0 && response_framing_ == BodyFraming::length &&
         response_body_.left() > 0 && backend_in_.empty() && to_client_.empty();
}

std::span<std::byte> HttpProxy::space(Side from) {
  if (from == Side::client) {
    direct_ = raw_request_body();
    if (!direct_) return client_in_.space();
    // What comes behind the body is the next request: it waits in the kernel.
    const std::span<std::byte> space = to_backend_.space();
    return space.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(space.size(), request_body_.left())));
  }
  direct_ = raw_response_body();
  return direct_ ? to_client_.space() : backend_in_.space();
}

ByteView HttpProxy::pending(Side to) const {
  if (finished_) return {};
  if (to == Side::client) return to_client_.data();
  return link_ == Link::open && !mute_ ? backend_pending() : ByteView{};
}

bool HttpProxy::ends(Side to) const {
  return to == Side::client && phase_ == Phase::lingering && !finished_;
}

// ---- Bytes, ends and instants

void HttpProxy::received(Side from, std::size_t size, Instant now) {
  Buffer& in = from == Side::client ? (direct_ ? to_backend_ : client_in_)
                                    : (direct_ ? to_client_ : backend_in_);
  BodyReader& body = from == Side::client ? request_body_ : response_body_;
  // L12: more than the body it announced; such a connection is never used again.
  const bool surplus = direct_ && size > body.left();
  if (surplus) keepable_ = false;
  in.commit(surplus ? static_cast<std::size_t>(body.left()) : size);
  in.release_if_empty();
  if (size == 0) return;
  if (phase_ == Phase::lingering) {
    client_in_.clear();
    return;
  }
  if (direct_) body.read(in.data());
  if (from == Side::backend) {
    answered_ = true;
    to_backend_.consume(std::exchange(kept_, 0));
  }
  // The time to the response's head is absolute; within bodies any progress counts.
  const bool within_body = from == Side::backend ? status_ != 0 : phase_ == Phase::exchange;
  if (within_body) deadline_ = now + context_.times.stall;
  advance(now);
}

void HttpProxy::sent(Side to, std::size_t size, Instant now) {
  if (to == Side::client) {
    to_client_.consume(size);
    if (phase_ == Phase::over || status_ != 0) deadline_ = now + context_.times.stall;
    if (between_requests()) deadline_ = now + context_.times.idle;
  } else {
    any_sent_ = true;
    if (request_framing_ != BodyFraming::none) attempts_.lease().request_sent(now);
    const bool keep = reused_ && !answered_ && idempotent_ && request_framing_ == BodyFraming::none;
    if (keep) {
      kept_ += size;
    } else {
      to_backend_.consume(size);
    }
    const bool waiting = request_sent() && status_ == 0;
    deadline_ = now + (waiting ? context_.times.response : context_.times.stall);
  }
  advance(now);
}

void HttpProxy::ended(Side from, Instant now) {
  if (finished_) return;
  if (from == Side::backend) {
    if (link_ == Link::open) backend_lost("closed the connection", /*clean=*/true, now);
  } else {
    client_ended_ = true;
    const bool cut_short = phase_ == Phase::exchange && !request_body_.done();
    if (phase_ == Phase::lingering || cut_short) abort();
  }
  advance(now);
}

void HttpProxy::broken(Side from, Instant now) {
  if (finished_) return;
  if (from == Side::client) {
    abort();
  } else if (link_ == Link::open) {
    backend_lost("reset the connection", /*clean=*/false, now);
  }
  advance(now);
}

void HttpProxy::unwritable(Side to, Instant now) {
  if (to == Side::client) {
    broken(to, now);
  } else {
    mute_ = true;  // L13: it may have answered before it closed. Reading will tell.
  }
}

void HttpProxy::drain(Instant now) {
  draining_ = true;
  settle(now);
}

void HttpProxy::on_deadline(Instant now) {
  if (finished_) return;
  switch (phase_) {
    case Phase::idle:  // Nothing was asked, so there is nothing to answer.
    case Phase::over:
    case Phase::lingering:
      abort();
      return;
    case Phase::head:
      context_.picker.totals().late.add();
      reply(408, "the head of the request did not come in time", now);
      break;
    case Phase::exchange:
      if (link_ == Link::obtaining) {
        connect_failed("no answer in time", now);
      } else if (status_ != 0) {
        abort();
      } else if (!request_body_.done() && to_backend_.empty()) {
        fail_exchange(408, "the body of the request did not come in time", now);
      } else {
        attempts_.lease().failed(now);
        fail_exchange(
            504, fmt::format("{} did not answer in time", attempts_.lease().server().name()), now);
      }
      break;
  }
  advance(now);
}

/// Moves all that can be moved.
void HttpProxy::advance(Instant now) {
  bool moved = true;
  while (moved && !finished_) {
    moved = false;
    if (between_requests()) {
      moved = take_request(now);
    } else if (phase_ == Phase::exchange) {
      moved = take_request_body();
      if (request_body_.state() == BodyReader::State::bad) {
        fail_exchange(400, request_body_.reason(), now);
      } else if (status_ == 0) {
        moved |= take_response(now);
      } else {
        moved |= take_response_body(now);
      }
    }
  }
  settle(now);
}

/// Ends what has nothing more to do.
void HttpProxy::settle(Instant now) {
  if (finished_ || !to_client_.empty() || wish_ != BackendWish::leave) return;
  if (phase_ == Phase::over) {
    if (!linger_ || client_ended_) {
      finished_ = true;
      return;
    }
    phase_ = Phase::lingering;
    deadline_ = now + context_.times.linger;
  } else {
    // L16: all whole requests are answered, and no more will come, or be taken.
    finished_ = (between_requests() && client_ended_) || (phase_ == Phase::idle && draining_);
  }
  if (finished_) client_in_.clear();
}

// ---- The request

/// L5: one at a time. The next one waits until this one's response is sent.
bool HttpProxy::take_request(Instant now) {
  if (client_in_.empty() || !to_client_.empty() || wish_ != BackendWish::leave) return false;
  if (phase_ == Phase::idle) {
    phase_ = Phase::head;
    deadline_ = now + context_.times.header;
  }
  const HeadResult result =
      parse_request_head(client_in_.data(), context_.limits, scan_, context_.request);
  if (result.kind == HeadResult::Kind::incomplete) return false;
  head_request_ = false;
  request_body_ = {};
  if (result.kind == HeadResult::Kind::bad) {
    context_.picker.totals().rejected.add();
    reply(result.status, result.reason, now);
  } else {
    begin_exchange(context_.request, now);
  }
  return true;
}

void HttpProxy::begin_exchange(const RequestHead& head, Instant now) {
  const Forwarding forwarding{.client_address = client_address_,
                              .host = context_.picker.farm().name(),
                              .request_id = context_.picker.draw()};
  const bool written = write_request_head(head, client_in_.data(), forwarding, to_backend_);
  if (!written || to_backend_.room() < chunk_overhead) {
    to_backend_.clear();
    context_.picker.totals().rejected.add();
    reply(431, "the head is too long", now);
    return;
  }
  context_.picker.totals().requests.add();
  const Affinity affinity = affinity_of(context_.picker.farm().settings(), head, client_address_);
  minor_version_ = head.minor_version;
  keep_alive_ = head.keep_alive;
  head_request_ = head.method == "HEAD";
  idempotent_ = is_idempotent(head.method);
  request_framing_ = head.framing;
  request_body_ = BodyReader(head.framing, head.content_length);
  response_body_ = {};
  client_in_.consume(head.size);
  phase_ = Phase::exchange;
  scan_ = {};
  status_ = 0;
  kept_ = 0;
  retried_ = false;
  answered_ = false;
  if (request_framing_ == BodyFraming::chunked && request_body_.done()) {
    to_backend_.append(last_chunk);
  }
  if (attempts_.begin(context_.picker, affinity, now)) {
    obtain(now, /*fresh=*/false);
  } else {
    fail_exchange(503, attempts_.why_none(context_.picker.farm()), now);
  }
}

bool HttpProxy::take_request_body() {
  const bool chunked = request_framing_ == BodyFraming::chunked;
  const bool moved = pump(client_in_, request_body_, to_backend_, chunked);
  if (moved && chunked && request_body_.done()) to_backend_.append(last_chunk);
  return moved;
}

// ---- The server

void HttpProxy::obtain(Instant now, bool fresh) {
  wish_ = BackendWish::obtain;
  link_ = Link::obtaining;
  fresh_ = fresh;
  kept_ = 0;
  any_sent_ = false;
  mute_ = false;
  deadline_ = now + context_.times.connect;
}

void HttpProxy::connecting(Instant) {
  wish_ = BackendWish::leave;
  attempts_.lease().connect_begins();
}

void HttpProxy::connected(bool reused, Instant now) {
  wish_ = BackendWish::leave;
  link_ = Link::open;
  reused_ = reused;
  attempts_.lease().connect_done(true);
  if (reused) attempts_.lease().totals().reused.add();
  deadline_ = now + context_.times.stall;
}

void HttpProxy::connect_failed(std::string_view why, Instant now) {
  wish_ = BackendWish::leave;
  if (attempts_.next(context_.picker, why, now)) {
    obtain(now, /*fresh=*/retried_);
  } else {
    fail_exchange(503, attempts_.why_none(context_.picker.farm()), now);
  }
  advance(now);
}

void HttpProxy::parted(Instant now) {
  wish_ = BackendWish::leave;
  advance(now);
}

/// L14: an idle connection may die just as it is used. Once, on a new connection, the request is
/// sent again if nothing of it was sent, or if it may be sent twice and is still here as a whole.
bool HttpProxy::retry(Instant now) {
  const bool repeatable = !any_sent_ || (idempotent_ && request_framing_ == BodyFraming::none);
  if (!reused_ || retried_ || answered_ || !repeatable) return false;
  retried_ = true;
  attempts_.lease().totals().retries.add();
  obtain(now, /*fresh=*/true);
  return true;
}

void HttpProxy::backend_lost(std::string_view why, bool clean, Instant now) {
  if (status_ == 0) {
    if (retry(now)) return;
    attempts_.lease().failed(now);
    fail_exchange(
        502, fmt::format("{} {} before it answered", attempts_.lease().server().name(), why), now);
    return;
  }
  if (clean) response_body_.on_end();
  if (!clean || !response_body_.done()) {
    abort();  // L15: the client must not take a part for the whole.
    return;
  }
  if (response_framing_ == BodyFraming::chunked) to_client_.append(last_chunk);
  keepable_ = false;
  finish_exchange(now);
}

/// Ends our use of the server's connection, whatever state that is in.
void HttpProxy::leave_backend(BackendWish wish) {
  to_backend_.clear();
  backend_in_.clear();
  kept_ = 0;
  wish_ = link_ == Link::none ? BackendWish::leave : wish;
  link_ = Link::none;
  attempts_.end();
}

// ---- The response

bool HttpProxy::take_response(Instant now) {
  if (backend_in_.empty() || !to_client_.empty() || link_ != Link::open) return false;
  ResponseHead& head = context_.response;
  const HeadResult result = parse_response_head(backend_in_.data(), head_request_ ? "HEAD" : "GET",
                                                context_.limits, scan_, head);
  if (result.kind == HeadResult::Kind::incomplete) return false;
  scan_ = {};
  const std::string& name = attempts_.lease().server().name();
  if (result.kind == HeadResult::Kind::bad) {
    fail_exchange(502, fmt::format("{} answered badly: {}", name, result.reason), now);
  } else if (head.status == 101) {
    fail_exchange(502, fmt::format("{} switched protocols unasked", name), now);
  } else if (head.status >= 200) {
    begin_response(head, now);
  } else {
    // L9: interim responses are passed on, but HTTP/1.0 knows none.
    const ResponseShape shape{.bodiless_status = true};
    if (minor_version_ > 0) write_response_head(head, backend_in_.data(), shape, to_client_);
    backend_in_.consume(head.size);
  }
  return true;
}

void HttpProxy::begin_response(const ResponseHead& head, Instant now) {
  // L13: the rest of the request has no reader, so neither connection can go on after this.
  if (!request_sent() || draining_) keep_alive_ = false;
  response_framing_ = head.framing;
  if (head.framing == BodyFraming::chunked || head.framing == BodyFraming::until_close) {
    // L11: a client of HTTP/1.1 is told where the body ends, one of HTTP/1.0 by our close.
    response_framing_ = minor_version_ > 0 ? BodyFraming::chunked : BodyFraming::until_close;
  }
  if (response_framing_ == BodyFraming::until_close) keep_alive_ = false;
  const std::string_view kept = minor_version_ == 0 ? "keep-alive" : "";
  const ResponseShape shape{.framing = response_framing_,
                            .bodiless_status = head.status == 204,
                            .connection = keep_alive_ ? kept : "close",
                            .own_fields = attempts_.set_cookie()};
  const bool written = write_response_head(head, backend_in_.data(), shape, to_client_);
  if (!written || to_client_.room() < chunk_overhead) {
    to_client_.clear();
    fail_exchange(502, "the head of the response is too long", now);
    return;
  }
  status_ = head.status;
  attempts_.lease().answered(head, now);
  keepable_ = head.keep_alive && head.framing != BodyFraming::until_close;
  response_body_ = BodyReader(head.framing, head.content_length);
  backend_in_.consume(head.size);
  deadline_ = now + context_.times.stall;
}

bool HttpProxy::take_response_body(Instant now) {
  const bool chunked = response_framing_ == BodyFraming::chunked;
  const bool moved = pump(backend_in_, response_body_, to_client_, chunked);
  if (response_body_.state() == BodyReader::State::bad) {
    abort();
    return true;
  }
  if (!response_body_.done()) return moved;
  if (chunked) to_client_.append(last_chunk);
  finish_exchange(now);
  return true;
}

void HttpProxy::finish_exchange(Instant now) {
  attempts_.lease().totals().results[static_cast<std::size_t>(status_) / 100].add();
  // L12: bytes behind the response, or an unsent rest of the request, poison the connection.
  const bool keep = keepable_ && request_sent() && backend_in_.empty() && !mute_;
  const bool client_has_more = !request_body_.done() || !client_in_.empty();
  leave_backend(keep ? BackendWish::give_back : BackendWish::discard);
  if (!keep_alive_) {
    end_after_sending(client_has_more, now);
    return;
  }
  phase_ = Phase::idle;
  scan_ = {};
  status_ = 0;
  deadline_ = now + context_.times.idle;
}

// ---- Endings

void HttpProxy::fail_exchange(int status, std::string_view why, Instant now) {
  if (status_ != 0) {
    abort();
    return;
  }
  if (attempts_.lease()) attempts_.lease().totals().results[0].add();
  FarmTotals& totals = context_.picker.totals();
  if (status == 502 || status == 503) totals.unserved.add();
  if (status == 504 || status == 408) totals.late.add();
  if (status == 400) totals.rejected.add();
  reply(status, why, now);
}

/// Answers the present request ourselves.
void HttpProxy::reply(int status, std::string_view why, Instant now) {
  const bool client_at_fault = status < 500 || status == 501 || status == 505;
  const bool keep =
      !client_at_fault && keep_alive_ && minor_version_ > 0 && !draining_ && request_body_.done();
  const std::string body = fmt::format("{}: {}\n", status, why);
  const std::string text = to_http({.status = status,
                                    .body = body,
                                    .keep_alive = keep,
                                    .head_only = head_request_,
                                    .extra_fields = status == 503 ? "Retry-After: 1\r\n" : ""});
  leave_backend(BackendWish::discard);
  if (text.size() > to_client_.room()) {
    abort();
    return;
  }
  to_client_.append(text);
  if (!keep) {
    end_after_sending(/*linger=*/true, now);
    return;
  }
  phase_ = Phase::idle;
  scan_ = {};
  deadline_ = now + context_.times.idle;
}

void HttpProxy::end_after_sending(bool linger, Instant now) {
  phase_ = Phase::over;
  linger_ = linger;
  client_in_.clear();
  deadline_ = now + context_.times.stall;
}

/// Ends at once: the driver closes both connections.
void HttpProxy::abort() {
  if (attempts_.lease()) attempts_.lease().totals().results[0].add();
  leave_backend(BackendWish::leave);
  client_in_.clear();
  to_client_.clear();
  finished_ = true;
  deadline_ = never;
}

}  // namespace hither::lb
