// SPDX-License-Identifier: Apache-2.0
//
// A session walks idle -> head -> exchange and back to idle, or ends through over (the last bytes
// go out) and lingering (the client's are thrown away until its FIN, lest a reset eat our last
// words, RFC 9112 s9.6). Everything that can move is moved by advance(), whatever event came.
#include "lb/http_proxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace hither::lb {

HttpProxy::HttpProxy(HttpContext& context, const Address& client, Instant now)
    : context_(context),
      client_(identity_of(client, context.picker.farm().settings().trusted_proxies)),
      trace_(context.picker.totals().timings, context.log, client),
      request_(context.blocks),
      response_(context.blocks),
      tunnel_(request_, response_),
      deadline_(now + farm().timeouts.header) {}

// ---- What the driver asks

bool HttpProxy::wants(Side from) const {
  if (finished_) return false;
  if (phase_ == Phase::tunnel) return tunnel_.wants(from);
  if (from == Side::backend) {
    if (link_ == Link::kept) return true;  // To hear it close.
    if (phase_ != Phase::exchange || link_ != Link::open) return false;
    if (exchange_.status == 0) return response_.in.room() > 0;
    return down_in_kernel_ == 0 && response_.wants_body();
  }
  if (client_ended_ || phase_ == Phase::over) return false;
  if (phase_ == Phase::lingering) return true;
  if (between_requests()) return response_.out.empty() && request_.in.room() > 0;
  return link_ == Link::open && !mute_ && up_in_kernel_ == 0 && request_.wants_body();
}

std::span<std::byte> HttpProxy::space(Side from) {
  // What comes behind the body of a request is the next one: it waits in the kernel.
  if (from == Side::client) return request_.space(/*exactly=*/true);
  return response_.space(/*exactly=*/false);
}

ByteView HttpProxy::pending(Side to) const {
  if (finished_) return {};
  if (to == Side::client) return response_.pending();
  return link_ == Link::open && !mute_ ? request_.pending() : ByteView{};
}

bool HttpProxy::ends(Side to) const {
  if (finished_) return false;
  if (phase_ == Phase::tunnel) return tunnel_.ends(to);
  return to == Side::client && phase_ == Phase::lingering;
}

std::uint64_t HttpProxy::relayable(Side from) const {
  const bool up = from == Side::client;
  const bool within_body = up || exchange_.status != 0;
  const bool trickles = (up ? exchange_.up_to_copy : exchange_.down_to_copy) > 0;
  if (phase_ != Phase::exchange || !within_body || trickles) return 0;
  const std::uint64_t left = (up ? request_ : response_).passable();
  return left >= relay_body_min ? left : 0;
}

Instant HttpProxy::deadline() const {
  return std::min({deadline_, upload_.deadline(), download_.deadline()});
}

// ---- Bytes, ends and instants

void HttpProxy::received(Side from, std::size_t size, Instant now) {
  HttpStream& stream = from == Side::client ? request_ : response_;
  // L12: more than the body it announced; such a connection is never used again.
  if (!stream.take(size)) exchange_.keepable = false;
  if (size == 0) return;
  std::uint64_t& to_copy = from == Side::client ? exchange_.up_to_copy : exchange_.down_to_copy;
  to_copy -= std::min<std::uint64_t>(to_copy, size);
  if (phase_ == Phase::lingering) {
    request_.in.clear();
    return;
  }
  if (from == Side::backend) {
    if (link_ == Link::kept) return leave_backend(BackendWish::discard);  // L12
    exchange_.answered = true;
    request_.forget();
  } else {
    upload_.moved(size, now);
  }
  // The time to the response's head is absolute; within bodies any progress counts.
  const bool within_body =
      from == Side::backend ? exchange_.status != 0 : phase_ == Phase::exchange;
  if (phase_ == Phase::tunnel) {
    deadline_ = now + farm().timeouts.tunnel;
  } else if (within_body) {
    deadline_ = now + farm().timeouts.stall;
  }
  advance(now);
}

void HttpProxy::sent(Side to, std::size_t size, Instant now) {
  (to == Side::client ? response_ : request_).sent(size);
  if (to == Side::client) {
    trace_.sent(size);
    download_.moved(size, now);
    if (between_requests() || phase_ == Phase::over) {
      // The last response is out as a whole.
      if (response_.out.empty() && phase_ != Phase::head) end_trace(now);
    }
    if (exchange_.status != 0) exchange_.begun = true;
    if (phase_ == Phase::over || exchange_.status != 0) deadline_ = now + farm().timeouts.stall;
    if (between_requests()) await_request(now);
  } else {
    exchange_.any_sent = true;
    if (exchange_.has_body && phase_ == Phase::exchange) attempts_.lease().request_sent(now);
    const bool waiting = request_sent() && exchange_.status == 0;
    deadline_ = now + (waiting ? farm().timeouts.response : farm().timeouts.stall);
  }
  if (phase_ == Phase::tunnel) deadline_ = now + farm().timeouts.tunnel;
  advance(now);
}

void HttpProxy::relaying(Side from, std::size_t size, Instant now) {
  const bool up = from == Side::client;
  const HttpStream& stream = up ? request_ : response_;
  (up ? up_in_kernel_ : down_in_kernel_) += size;
  if (size < relay_piece_min && size < stream.passable()) {
    (up ? exchange_.up_to_copy : exchange_.down_to_copy) = relay_after;
  }
  if (up) upload_.moved(size, now);
  deadline_ = now + farm().timeouts.stall;
  watch_rates(now);
}

void HttpProxy::relayed(Side from, std::size_t size, Instant now) {
  deadline_ = now + farm().timeouts.stall;
  if (from == Side::backend) {
    down_in_kernel_ -= size;
    response_.pass(size);
    trace_.sent(size);
    download_.moved(size, now);
  } else {
    up_in_kernel_ -= size;
    request_.pass(size);
    exchange_.any_sent = true;
    attempts_.lease().request_sent(now);
    if (request_sent() && exchange_.status == 0) deadline_ = now + farm().timeouts.response;
  }
  advance(now);
}

void HttpProxy::ended(Side from, Instant now) {
  if (finished_) return;
  if (phase_ == Phase::tunnel) {
    tunnel_.ended(from);
    if (from == Side::client) client_ended_ = true;
    deadline_ = now + farm().timeouts.tunnel;
  } else if (from == Side::backend) {
    if (link_ == Link::kept) leave_backend(BackendWish::discard);
    if (link_ == Link::open) backend_lost("closed the connection", /*clean=*/true, now);
  } else {
    client_ended_ = true;
    // L16: behind a whole request it may wait for the response.
    const bool serve = exchange_.status != 0 || farm().half_close == topology::HalfClose::serve;
    if (phase_ == Phase::lingering) {
      close(now);
    } else if (link_ == Link::queued) {
      leave_queue(now);
    } else if (phase_ == Phase::exchange && !serve) {
      client_left(now);
    }
  }
  advance(now);
}

void HttpProxy::broken(Side from, Instant now) {
  if (finished_) return;
  if (from == Side::client) {
    client_left(now);
  } else if (phase_ == Phase::tunnel) {
    // What it sent before still goes to the client; then that connection is closed.
    tunnel_.refused(Side::backend);
    tunnel_.ended(Side::backend);
    trace_.fault({'S', 'T'});
  } else if (link_ == Link::kept) {
    leave_backend(BackendWish::discard);
  } else if (link_ == Link::open) {
    backend_lost("reset the connection", /*clean=*/false, now);
  }
  advance(now);
}

void HttpProxy::unwritable(Side to, Instant now) {
  if (to == Side::client) {
    broken(to, now);
  } else if (phase_ == Phase::tunnel) {
    tunnel_.refused(to);
    trace_.fault({'S', 'T'});
    advance(now);
  } else {
    mute_ = true;  // L13: it may have answered before it closed. Reading will tell.
  }
}

void HttpProxy::drain(Instant now, Duration patience) {
  draining_ = true;
  patience_ = patience;
  if (phase_ == Phase::idle && response_.out.empty()) {
    deadline_ = std::min(deadline_, now + patience);
  }
  settle(now);
}

void HttpProxy::cut_off(Instant now) {
  if (finished_) return;
  trace_.fault({'K', stage()});
  if (link_ == Link::queued) trace_.waited(now);
  cut_ = end_would_mislead();
  close(now);
}

/// Is something under way to the client whose end it would see by that of its connection alone?
bool HttpProxy::end_would_mislead() const {
  if (phase_ == Phase::tunnel) return !tunnel_.ends(Side::client);
  const bool under_way = phase_ == Phase::exchange || !response_.out.empty();
  return under_way && exchange_.begun && exchange_.until_close;
}

void HttpProxy::on_deadline(Instant now) {
  if (finished_ || now < deadline()) return;
  if (download_.deadline() <= now) {
    trace_.fault({'c', stage()});
    client_left(now);
    return;
  }
  switch (phase_) {
    case Phase::idle:  // Nothing was asked, so there is nothing to answer.
      if (draining_ && response_.out.empty()) {
        // L22: what crosses our FIN is thrown away, lest it be answered by a reset.
        end_after_sending(/*linger=*/true, now);
        break;
      }
      [[fallthrough]];
    case Phase::over:
    case Phase::lingering:
      trace_.fault({'c', 'D'});
      client_left(now);
      return;
    case Phase::head:
      context_.picker.totals().late.add();
      trace_.fault({'c', 'R'});
      exchange_ = {};  // Of the request before: of this one nothing is known.
      reply(408, "the head of the request did not come in time", now);
      break;
    case Phase::tunnel:
      trace_.fault({request_.pending().empty() && up_in_kernel_ == 0 ? 'c' : 's', 'T'});
      close(now);
      return;
    case Phase::exchange:
      on_late_exchange(now);
      break;
  }
  advance(now);
}

void HttpProxy::on_late_exchange(Instant now) {
  if (link_ == Link::queued) {
    attempts_.waited_in_vain();
    trace_.waited(now);
    fail_exchange(503, {'R', 'Q'}, attempts_.why_none(context_.picker.farm()), now);
  } else if (upload_.deadline() <= now) {
    fail_exchange(408, {'c', 'B'}, "the body of the request comes too slowly", now);
  } else if (link_ == Link::obtaining) {
    try_another("no answer in time", {'s', 'C'}, now);
  } else if (exchange_.status != 0) {
    const bool client_is_slow = !response_.out.empty() || down_in_kernel_ > 0;
    trace_.fault({client_is_slow ? 'c' : 's', 'D'});
    if (client_is_slow) return client_left(now);
    abort(now);
  } else if (!request_.done() && request_.pending().empty() && up_in_kernel_ == 0 &&
             !exchange_.expects) {
    fail_exchange(408, {'c', 'B'}, "the body of the request did not come in time", now);
  } else if (!response_.out.empty()) {
    trace_.fault({'c', stage()});  // It does not even take what came before the response.
    client_left(now);
  } else {
    attempts_.lease().failed(now);
    fail_exchange(504, {'s', stage()},
                  fmt::format("{} did not answer in time", attempts_.lease().server().name()), now);
  }
}

/// Moves all that can be moved.
void HttpProxy::advance(Instant now) {
  bool moved = true;
  while (moved && !finished_) {
    moved = false;
    if (between_requests()) {
      moved = take_request(now);
    } else if (phase_ == Phase::tunnel) {
      moved = tunnel_.move();
    } else if (phase_ == Phase::exchange) {
      moved = move_request(now);
      if (phase_ != Phase::exchange) continue;
      moved |= exchange_.status == 0 ? take_response(now) : move_response(now);
    }
  }
  if (lacks_its_end()) client_left(now);
  settle(now);
}

/// L16: the client has ended its side; all that it said is on its way, and is no whole request.
bool HttpProxy::lacks_its_end() const {
  if (phase_ != Phase::exchange || !client_ended_ || request_.done()) return false;
  if (up_in_kernel_ > 0) return false;
  return request_.in.empty() || request_.pending().empty();
}

/// Ends what has nothing more to do.
void HttpProxy::settle(Instant now) {
  watch_rates(now);
  if (finished_ || !response_.out.empty() || wish_ != BackendWish::leave) return;
  if (phase_ == Phase::tunnel) {
    // Without the client's end it is over because the server takes no more.
    if (tunnel_.over()) client_ended_ ? close(now) : linger(now);
  } else if (phase_ == Phase::over) {
    linger_ && !client_ended_ ? linger(now) : close(now);
  } else {
    // L16: all whole requests are answered, and no more will come, or be taken.
    const bool left = between_requests() && client_ended_;
    if (left && phase_ == Phase::head) trace_.fault({'C', 'R'});
    if (left || (phase_ == Phase::idle && patience_ <= Duration::zero())) close(now);
  }
}

/// Our end goes out; what the client sends until its own is thrown away.
void HttpProxy::linger(Instant now) {
  leave_backend(BackendWish::discard);
  end_trace(now);
  request_.end();
  up_in_kernel_ = 0;
  phase_ = Phase::lingering;
  deadline_ = now + linger_max;
}

/// Only time in which we wait for the client counts against it.
void HttpProxy::watch_rates(Instant now) {
  const bool within = phase_ == Phase::exchange && !finished_;
  upload_.wait(within && !exchange_.expects && !request_.done() && wants(Side::client), now);
  const bool client_has_some = !response_.out.empty() || down_in_kernel_ > 0;
  download_.wait(!finished_ && phase_ != Phase::tunnel && client_has_some, now);
}

/// What the client, or we for it, are waiting for: the second letter of an EndReason.
char HttpProxy::stage() const {
  switch (phase_) {
    case Phase::idle:
    case Phase::head:
      return response_.out.empty() ? 'R' : 'D';
    case Phase::tunnel:
      return 'T';
    case Phase::over:
    case Phase::lingering:
      return 'D';
    case Phase::exchange:
      break;
  }
  if (link_ == Link::queued) return 'Q';
  if (link_ == Link::obtaining) return 'C';
  if (exchange_.status != 0) return 'D';
  return request_.done() ? 'H' : 'B';
}

// ---- Endings

/// Answers the present request ourselves.
void HttpProxy::reply(int status, std::string_view why, Instant now) {
  // L17
  const bool client_at_fault = status < 500 || status == 501 || status == 505;
  const bool keep = !client_at_fault && exchange_.keep_alive && exchange_.minor_version > 0 &&
                    !draining_ && request_.done();
  const std::string body = fmt::format("{}: {}\n", status, why);
  std::string fields(context_.date.line(now));
  if (status == 503) fields += "Retry-After: 1\r\n";
  const std::string text = to_http({.status = status,
                                    .body = body,
                                    .keep_alive = keep,
                                    .head_only = exchange_.head_request,
                                    .extra_fields = fields});
  leave_backend(BackendWish::discard);
  if (text.size() > response_.out.room()) {
    close(now);
    return;
  }
  response_.out.append(text);
  if (phase_ == Phase::head) trace_.received(request_.in.size());  // All that there is of it.
  trace_.replied(status);
  if (!keep) {
    end_after_sending(/*linger=*/true, now);
    return;
  }
  phase_ = Phase::idle;
  scan_ = {};
  await_request(now);
}

void HttpProxy::await_request(Instant now) {
  deadline_ = now + std::min(farm().timeouts.idle, patience_);
}

void HttpProxy::end_after_sending(bool linger, Instant now) {
  phase_ = Phase::over;
  linger_ = linger;
  request_.in.clear();
  deadline_ = now + farm().timeouts.stall;
}

/// The client is gone, or as good as that, in the middle of something: its request is abandoned,
/// the server's connection with it, and no server is blamed.
void HttpProxy::client_left(Instant now) {
  if (trace_.running()) trace_.fault({'C', stage()});
  if (link_ == Link::queued) trace_.waited(now);
  const bool in_flight = phase_ == Phase::exchange || phase_ == Phase::tunnel;
  if (in_flight || !response_.out.empty()) {
    context_.picker.totals().aborted.add();
    cut_ = exchange_.begun && exchange_.until_close;  // One that is only slow reads on.
  }
  close(now);
}

/// Where requests wait, one that nobody waits for would only be in the way of others. So the
/// client's end counts as its leaving, whatever half_close says; one that only closed its half
/// hears why.
void HttpProxy::leave_queue(Instant now) {
  trace_.fault({'C', 'Q'});
  trace_.waited(now);
  context_.picker.totals().aborted.add();
  reply(503, "the client ended its side while it waited for a copy", now);
}

/// Gives up a response that has begun: the client must see that it is not whole.
void HttpProxy::abort(Instant now) {
  cut_ = exchange_.begun && exchange_.until_close;
  count_result(0);
  close(now);
}

void HttpProxy::end_trace(Instant now) {
  if (phase_ == Phase::head) trace_.received(request_.in.size());
  trace_.received(request_.body_octets() - std::exchange(bodies_counted_, request_.body_octets()));
  trace_.finish(now);
}

/// Ends at once: the driver closes both connections.
void HttpProxy::close(Instant now) {
  leave_backend(BackendWish::leave);
  end_trace(now);
  request_.end();
  response_.end();
  upload_.end();
  download_.end();
  finished_ = true;
  deadline_ = never;
}

}  // namespace hither::lb
