// SPDX-License-Identifier: Apache-2.0
//
// One request and its response: the second half of HttpProxy.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lb/http_proxy.h"
#include "lb/http_rewrite.h"
#include "lb/http_upgrade.h"

namespace hither::lb {
namespace {

/// May the request be sent twice (RFC 9110 s9.2.2)?
bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS" || method == "TRACE";
}

HeadLimits limits_of(const topology::Farm& farm) {
  return {.bytes_max = static_cast<std::size_t>(farm.limits.header_bytes),
          .fields_max = static_cast<std::size_t>(farm.limits.header_fields)};
}

/// Why the head of a response does not go on to the client.
std::string_view why_not(HeadWritten written) {
  return written == HeadWritten::too_many_connection_fields
             ? "the response has too many Connection fields"
             : "the head of the response is too long";
}

RateRule rate_of(const topology::Farm& farm) {
  return {.bytes_per_second = farm.limits.min_body_rate, .grace = farm.limits.body_grace};
}

}  // namespace

// ---- The request

/// L5: one at a time. The next one waits until this one's response is sent.
bool HttpProxy::take_request(Instant now) {
  if (request_.in.empty() || !response_.out.empty() || wish_ != BackendWish::leave) return false;
  if (phase_ == Phase::idle) {
    phase_ = Phase::head;
    deadline_ = now + farm().timeouts.header;
    trace_.begin(now);
  }
  RequestHead& head = context_.request;
  const HeadResult result = parse_request_head(request_.in.data(), limits_of(farm()), scan_, head);
  if (result.kind == HeadResult::Kind::incomplete) return false;
  exchange_ = {};
  request_.begin(BodyFraming::none, 0, HttpStream::Shape::bytes);
  if (result.kind == HeadResult::Kind::bad) {
    context_.picker.totals().rejected.add();
    trace_.fault({'P', 'R'});
    reply(result.status, result.reason, now);
  } else {
    begin_exchange(head, now);
  }
  return true;
}

void HttpProxy::begin_exchange(const RequestHead& head, Instant now) {
  exchange_.minor_version = head.minor_version;
  exchange_.keep_alive = head.keep_alive;
  exchange_.client_closes = !head.keep_alive;
  exchange_.head_request = head.method == "HEAD";
  exchange_.has_body = head.framing != BodyFraming::none;
  exchange_.expects = head.expects_continue;
  exchange_.trailers = takes_trailers(head);
  exchange_.protocol = protocol_to_offer(head);
  own_server_ = own_server_ || authenticates_connection(head.fields);
  if (!write_head(head, now)) return;

  const bool chunked = head.framing == BodyFraming::chunked;
  // L14: only what is here as a whole until the answer comes can be sent again.
  exchange_.repeatable =
      is_idempotent(head.method) && !chunked && head.content_length <= request_.out.room();
  request_.begin(head.framing, head.content_length,
                 chunked ? HttpStream::Shape::chunked : HttpStream::Shape::bytes,
                 TrailerUse::forward);
  response_.begin(BodyFraming::none, 0, HttpStream::Shape::bytes);
  if (!request_.done()) upload_.begin(rate_of(farm()));
  trace_.received(head.size);
  context_.picker.totals().requests.add();
  const Affinity affinity = affinity_of(farm(), head, client_.address);
  request_.in.consume(head.size);
  phase_ = Phase::exchange;
  scan_ = {};
  find_server(affinity, now);
}

/// False: it was refused.
bool HttpProxy::write_head(const RequestHead& head, Instant now) {
  std::array<char, 16> space{};
  const std::string_view id = request_id_of(head.fields, client_, context_.picker.draw(), space);
  trace_.head(head.method, head.path, id, now);
  attempts_.name(id);
  exchange_.attempt = attempt_of(head.fields, client_);
  // L21: what somebody tries again already is tried once here.
  attempts_.allow(exchange_.attempt > 1 ? 1 : tries_max);
  const auto refuse = [this, now](int status, std::string_view why) {
    request_.out.clear();
    context_.picker.totals().rejected.add();
    trace_.fault({'P', 'R'});
    reply(status, why, now);
    return false;
  };
  const std::uint64_t body_max = farm().limits.body_bytes;
  if (body_max > 0 && head.content_length > body_max) {
    return refuse(413, "the body of the request is too long");
  }
  Forwarding forwarding{.client = client_,
                        .host = context_.picker.farm().name(),
                        .request_id = id,
                        .attempt = exchange_.attempt,
                        .protocol = exchange_.protocol};
  if (const MaxForwards limit = max_forwards_of(head); limit.said) {
    if (!limit.number) return refuse(400, "Max-Forwards is not one number");
    if (*limit.number == 0) {
      // We are who answers. A TRACE would show the client what it must not see (RFC 9110 s9.3.8).
      if (head.method == "TRACE") return refuse(501, "hither-lb does not answer TRACE itself");
      reply(200, "hither-lb, as far as Max-Forwards lets this request come", now);
      return false;
    }
    forwarding.max_forwards = *limit.number - 1;
  }
  switch (write_request_head(head, request_.in.data(), forwarding, request_.out)) {
    case HeadWritten::whole:
      return request_.out.room() >= chunk_overhead || refuse(431, "the head is too long");
    case HeadWritten::too_long:
      return refuse(431, "the head is too long");
    case HeadWritten::too_many_connection_fields:
      return refuse(400, "the request has too many Connection fields");
  }
  return false;
}

bool HttpProxy::move_request(Instant now) {
  if (request_.done()) return false;
  const bool moved = request_.move();
  if (request_.broken()) {
    fail_exchange(400, {'P', 'B'}, request_.reason(), now);
    return true;
  }
  const std::uint64_t body_max = farm().limits.body_bytes;
  if (body_max > 0 && request_.received() > body_max) {
    fail_exchange(413, {'P', 'B'}, "the body of the request is too long", now);
    return true;
  }
  if (request_.received() > 0) exchange_.expects = false;
  return moved;
}

// ---- The server

void HttpProxy::find_server(const Affinity& affinity, Instant now) {
  // The connection that knows this client (RFC 4559 s6); nobody else's would do. If its server has
  // all it is given, the client has to introduce itself anew, as after any close.
  if (link_ == Link::kept && attempts_.resume(context_.picker, kept_server_, affinity, now)) {
    trace_.picked(attempts_.lease(), now);
    connected(/*reused=*/true, now);
    return;
  }
  go_on(attempts_.begin(context_.picker, affinity, now), {'R', 'Q'}, now);
}

/// With what the search for a server has come to.
void HttpProxy::go_on(Search search, EndReason if_none, Instant now) {
  switch (search) {
    case Search::found:
      trace_.picked(attempts_.lease(), now);
      obtain(now);
      break;
    case Search::full:
      wish_ = BackendWish::queue;
      link_ = Link::queued;
      break;
    case Search::none:
      fail_exchange(503, if_none, attempts_.why_none(context_.picker.farm()), now);
      break;
  }
}

void HttpProxy::queued(std::uint64_t owner, Instant now) {
  wish_ = BackendWish::leave;
  if (attempts_.wait(context_.picker, owner, now)) {
    deadline_ = attempts_.wait_until();
  } else {
    go_on(Search::none, {'R', 'Q'}, now);
  }
  advance(now);
}

void HttpProxy::called(Instant now) {
  if (finished_ || link_ != Link::queued || !attempts_.waits()) return;
  const Search search = attempts_.called(now);
  if (search == Search::full) return;  // It was meant for a request of before.
  go_on(search, {'R', 'Q'}, now);
  advance(now);
}

void HttpProxy::obtain(Instant now) {
  wish_ = BackendWish::obtain;
  link_ = Link::obtaining;
  // L14: if an idle connection dies under the request, it can be sent again, or else the client
  // can be left to do so, which it does unless this is its first. What allows neither gets a
  // connection of its own.
  fresh_ = exchange_.retried || own_server_ || (first_ && !exchange_.repeatable);
  request_.rewind();
  exchange_.any_sent = false;
  mute_ = false;
  deadline_ = now + farm().timeouts.connect;
}

void HttpProxy::connecting(Instant) {
  wish_ = BackendWish::leave;
  attempts_.lease().connect_begins();
}

void HttpProxy::connected(bool reused, Instant now) {
  wish_ = BackendWish::leave;
  link_ = Link::open;
  reused_ = reused;
  mute_ = false;
  request_.remember(reused && exchange_.repeatable);
  attempts_.lease().connect_done(true);
  if (reused) attempts_.lease().totals().reused.add();
  trace_.connected(/*opened=*/!reused, now);
  deadline_ = now + farm().timeouts.stall;
}

void HttpProxy::connect_failed(std::string_view why, Instant now) {
  try_another(why, {'S', 'C'}, now);
}

void HttpProxy::connect_impossible(std::string_view why, bool elsewhere, Instant now) {
  wish_ = BackendWish::leave;
  go_on(elsewhere ? attempts_.pass_on(context_.picker, why, now) : attempts_.give_up(why),
        {'R', 'C'}, now);
  advance(now);
}

/// The server did not take the connection. If no other can be had the request ends for `reason`.
void HttpProxy::try_another(std::string_view why, EndReason reason, Instant now) {
  wish_ = BackendWish::leave;
  const Search search = attempts_.next(context_.picker, why, now);
  if (search != Search::none) {
    trace_.retried(now);
    // Nothing of it was sent, so its head is in front.
    set_attempt(request_.out.bytes(), exchange_.attempt + static_cast<int>(attempts_.failed()));
  }
  go_on(search, reason, now);
  advance(now);
}

void HttpProxy::parted(Instant now) {
  wish_ = BackendWish::leave;
  advance(now);
}

/// L14: an idle connection may die just as it is used. Once, on a new connection, the request is
/// sent again if nothing of it was sent, or if it may be sent twice and is still here as a whole.
bool HttpProxy::retry(Instant now) {
  const bool repeatable = !exchange_.any_sent || exchange_.repeatable;
  if (!reused_ || exchange_.retried || exchange_.answered || !repeatable) return false;
  exchange_.retried = true;
  attempts_.lease().totals().retries.add();
  trace_.retried(now);
  obtain(now);
  return true;
}

void HttpProxy::backend_lost(std::string_view why, bool clean, Instant now) {
  if (exchange_.status == 0) {
    if (retry(now)) return;
    if (reused_ && !exchange_.retried && !exchange_.answered) {
      // It says nothing of the server that an idle connection had come to its end.
      // L14: the client knows what a kept connection that closes in silence means, and tries again
      // if it may. An error would end there.
      trace_.fault({'S', 'H'});
      abort(now);
      return;
    }
    attempts_.lease().failed(now);
    fail_exchange(502, {'S', stage()},
                  fmt::format("{} {} before it answered", attempts_.lease().server().name(), why),
                  now);
    return;
  }
  if (clean) response_.on_end();
  if (!clean || !response_.done()) {
    break_off(why, now);
    return;
  }
  exchange_.keepable = false;
  finish_exchange(now);
}

/// The server's connection stays, for this client's next request alone.
void HttpProxy::keep_backend() {
  kept_server_ = attempts_.lease().index();
  link_ = Link::kept;
  attempts_.end();
}

/// Ends our use of the server's connection, whatever state that is in.
void HttpProxy::leave_backend(BackendWish wish) {
  up_in_kernel_ = 0;
  down_in_kernel_ = 0;
  request_.out.clear();
  request_.forget();
  response_.in.clear();
  wish_ = link_ == Link::none ? BackendWish::leave : wish;
  link_ = Link::none;
  attempts_.end();
}

void HttpProxy::count_result(std::size_t kind) {
  if (attempts_.lease()) attempts_.lease().totals().results[kind].add();
}

// ---- The response

bool HttpProxy::take_response(Instant now) {
  if (response_.in.empty() || !response_.out.empty() || link_ != Link::open) return false;
  ResponseHead& head = context_.response;
  const HeadResult result = parse_response_head(
      response_.in.data(), exchange_.head_request ? "HEAD" : "GET", limits_of(farm()), scan_, head);
  if (result.kind == HeadResult::Kind::incomplete) return false;
  scan_ = {};
  if (result.kind == HeadResult::Kind::bad) {
    attempts_.lease().failed(now);
    fail_exchange(
        502, {'S', 'H'},
        fmt::format("{} answered badly: {}", attempts_.lease().server().name(), result.reason),
        now);
  } else if (head.status == 101) {
    switch_protocols(head, now);
  } else if (head.status >= 200) {
    begin_response(head, now);
  } else {
    // L9: interim responses are passed on, but HTTP/1.0 knows none.
    const ResponseShape shape{.bodiless_status = true};
    if (exchange_.minor_version > 0 && write_response_head(head, response_.in.data(), shape,
                                                           response_.out) != HeadWritten::whole) {
      // The client may wait for it: what cannot be passed on with its fields goes without.
      head.fields.clear();
      write_response_head(head, response_.in.data(), shape, response_.out);
    }
    if (head.status == 100) exchange_.expects = false;
    response_.in.consume(head.size);
  }
  return true;
}

/// L18: from here on the bytes are theirs.
void HttpProxy::switch_protocols(const ResponseHead& head, Instant now) {
  const ResponseShape shape{.bodiless_status = true,
                            .protocol = exchange_.protocol,
                            .own_fields = attempts_.set_cookie()};
  const std::string& server = attempts_.lease().server().name();
  if (!switches_to(head, exchange_.protocol) || !request_sent()) {
    attempts_.lease().failed(now);
    fail_exchange(502, {'S', 'H'}, fmt::format("{} switched protocols unasked", server), now);
    return;
  }
  const HeadWritten written = write_response_head(head, response_.in.data(), shape, response_.out);
  if (written != HeadWritten::whole) {
    attempts_.lease().failed(now);
    fail_exchange(502, {'S', 'H'}, why_not(written), now);
    return;
  }
  response_.in.consume(head.size);
  request_.forget();
  exchange_.status = head.status;
  trace_.answered(head.status, now);
  count_result(1);
  attempts_.lease().answered(head, now);
  upload_.end();
  attempts_.settled();
  phase_ = Phase::tunnel;
  tunnel_.begin();
  deadline_ = now + farm().timeouts.tunnel;
}

void HttpProxy::begin_response(const ResponseHead& head, Instant now) {
  // L13: the rest of the request has no reader, so neither connection can go on after this.
  if (!request_sent() || draining_) exchange_.keep_alive = false;
  const bool old_client = exchange_.minor_version == 0;
  BodyFraming framing = head.framing;
  if (framing == BodyFraming::chunked || framing == BodyFraming::until_close) {
    // L11: a client of HTTP/1.1 is told where the body ends, one of HTTP/1.0 by our close.
    framing = old_client ? BodyFraming::until_close : BodyFraming::chunked;
  }
  exchange_.until_close = framing == BodyFraming::until_close;
  if (exchange_.until_close) exchange_.keep_alive = false;
  const bool chunked = framing == BodyFraming::chunked;
  const bool trailers = exchange_.trailers && chunked && head.framing == BodyFraming::chunked;
  const ResponseShape shape{.framing = framing,
                            .bodiless_status = head.status == 204,
                            .trailers = trailers,
                            .connection = !exchange_.keep_alive ? "close"
                                          : old_client          ? "keep-alive"
                                                                : "",
                            .own_fields = attempts_.set_cookie(),
                            .date = context_.date.line(now)};
  const HeadWritten written = write_response_head(head, response_.in.data(), shape, response_.out);
  if (written != HeadWritten::whole || response_.out.room() < chunk_overhead) {
    response_.out.clear();
    attempts_.lease().failed(now);
    fail_exchange(502, {'S', 'H'}, why_not(written), now);
    return;
  }
  exchange_.status = head.status;
  attempts_.lease().answered(head, now);
  exchange_.keepable = head.keep_alive && head.framing != BodyFraming::until_close;
  own_server_ = own_server_ || (head.status == 401 && authenticates_connection(head.fields));
  response_.begin(head.framing, head.content_length,
                  chunked ? HttpStream::Shape::chunked : HttpStream::Shape::bytes,
                  trailers ? TrailerUse::forward : TrailerUse::drop);
  response_.in.consume(head.size);
  trace_.answered(head.status, now);
  download_.begin(rate_of(farm()));
  deadline_ = now + farm().timeouts.stall;
}

bool HttpProxy::move_response(Instant now) {
  const bool moved = response_.move();
  if (response_.broken()) {
    break_off("sent a broken body", now);
    return true;
  }
  if (!response_.done()) return moved;
  finish_exchange(now);
  return true;
}

void HttpProxy::finish_exchange(Instant now) {
  count_result(static_cast<std::size_t>(exchange_.status) / 100);
  // L12: bytes behind the response, or an unsent rest of the request, poison the connection.
  const bool keep = exchange_.keepable && request_sent() && response_.in.empty() && !mute_;
  const bool client_has_more = !request_.done() || !request_.in.empty();
  if (keep && own_server_ && exchange_.keep_alive) {
    keep_backend();
  } else {
    leave_backend(keep && !own_server_ ? BackendWish::give_back : BackendWish::discard);
  }
  upload_.end();
  first_ = false;
  if (response_.out.empty()) end_trace(now);
  if (!exchange_.keep_alive) {
    // Who said close itself sends no more; who did not may have sent the next request already.
    end_after_sending(client_has_more || !exchange_.client_closes, now);
    return;
  }
  phase_ = Phase::idle;
  scan_ = {};
  exchange_.status = 0;
  await_request(now);
}

/// L15: the response that has begun will never be whole, and the client must not take a part for
/// the whole. One that has not left yet is taken back.
void HttpProxy::break_off(std::string_view why, Instant now) {
  if (exchange_.begun) {
    trace_.fault({'S', 'D'});
    abort(now);
    return;
  }
  response_.out.clear();
  response_.begin(BodyFraming::none, 0, HttpStream::Shape::bytes);
  exchange_.status = 0;
  fail_exchange(502, {'S', 'D'},
                fmt::format("{} {} within its response", attempts_.lease().server().name(), why),
                now);
}

/// The exchange ends with an answer of ours, or, if a response has begun, without a proper end.
void HttpProxy::fail_exchange(int status, EndReason reason, std::string_view why, Instant now) {
  trace_.fault(reason);
  const bool client_at_fault = status < 500;
  if (!client_at_fault) count_result(0);
  FarmTotals& totals = context_.picker.totals();
  if (status == 502 || status == 503) totals.unserved.add();
  if (status == 504 || status == 408) totals.late.add();
  if (status == 400 || status == 413) totals.rejected.add();
  upload_.end();
  first_ = false;
  if (exchange_.status != 0) {
    cut_ = exchange_.begun && exchange_.until_close;
    return close(now);
  }
  reply(status, why, now);
}

}  // namespace hither::lb
