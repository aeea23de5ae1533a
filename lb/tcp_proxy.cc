// SPDX-License-Identifier: Apache-2.0
#include "lb/tcp_proxy.h"

#include <algorithm>
#include <utility>

namespace hither::lb {
namespace {

Side other(Side side) { return side == Side::client ? Side::backend : Side::client; }

}  // namespace

TcpProxy::TcpProxy(TcpContext& context, const Address& client, Instant now, std::string preamble)
    : context_(context),
      trace_(context.picker.totals().timings, context.log, client),
      to_client_(context.blocks),
      to_backend_(context.blocks),
      preamble_(std::move(preamble)),
      end_(context.times.total > Duration::zero() ? now + context.times.total : never),
      deadline_(std::min(now + context.times.connect, end_)) {
  context_.picker.totals().requests.add();
  trace_.begin_connection(now);
  const Affinity affinity = affinity_of(context_.picker.farm().settings(), client);
  go_on(attempts_.begin(context_.picker, affinity, now), {'R', 'Q'}, now);
}

/// With what the search for a server has come to.
void TcpProxy::go_on(Search search, EndReason if_none, Instant now) {
  switch (search) {
    case Search::found:
      trace_.picked(attempts_.lease(), now);
      wish_ = BackendWish::obtain;
      deadline_ = std::min(now + context_.times.connect, end_);
      break;
    case Search::full:
      wish_ = BackendWish::queue;
      break;
    case Search::none:
      unserved(if_none, now);
      break;
  }
}

void TcpProxy::unserved(EndReason reason, Instant now) {
  context_.picker.totals().unserved.add();
  trace_.fault(reason);
  finish(now);
}

void TcpProxy::queued(std::uint64_t owner, Instant now) {
  wish_ = BackendWish::leave;
  if (attempts_.wait(context_.picker, owner, now)) {
    deadline_ = std::min(attempts_.wait_until(), end_);
  } else {
    unserved({'R', 'Q'}, now);
  }
}

void TcpProxy::called(Instant now) {
  if (finished_ || !attempts_.waits()) return;
  const Search search = attempts_.called(now);
  if (search != Search::full) go_on(search, {'R', 'Q'}, now);
}

bool TcpProxy::wants(Side from) const {
  if (finished_ || !towards(other(from)).empty()) return false;
  if (from == Side::client) return !client_ended_ && (!mute_ || lingering_);
  return connected_ && !backend_ended_;
}

std::span<std::byte> TcpProxy::space(Side from) { return towards(other(from)).space(); }

void TcpProxy::received(Side from, std::size_t size, Instant now) {
  Buffer& out = towards(other(from));
  out.commit(size);
  if (lingering_) out.clear();
  out.release_if_empty();
  if (lingering_) return;
  carried(from, size);
  if (from == Side::client) trace_.received(size);
  if (size > 0 && connected_) await_more(now);
}

void TcpProxy::carried(Side from, std::size_t size) {
  if (size == 0) return;
  if (streak_from_ != from) streak_ = 0;
  streak_from_ = from;
  streak_ += size;
}

void TcpProxy::await_more(Instant now) { deadline_ = std::min(now + context_.times.idle, end_); }

std::uint64_t TcpProxy::relayable(Side from) const {
  const bool bulk = connected_ && !lingering_ && streak_from_ == from && streak_ >= relay_after;
  return bulk && preamble_.empty() ? UINT64_MAX : 0;
}

void TcpProxy::relaying(Side from, std::size_t size, Instant now) {
  carried(from, size);
  if (size < relay_piece_min) streak_ = 0;
  if (from == Side::client) {
    trace_.received(size);
    up_in_kernel_ += size;
  }
  await_more(now);
}

void TcpProxy::relayed(Side from, std::size_t size, Instant now) {
  if (from == Side::client) {
    up_in_kernel_ -= size;
  } else {
    trace_.sent(size);
  }
  await_more(now);
}

void TcpProxy::ended(Side from, Instant now) {
  (from == Side::client ? client_ended_ : backend_ended_) = true;
  if (connected_) await_more(now);
  // Who leaves the queue without a word waits for nothing. What one has said may want to be served.
  if (client_ended_ && attempts_.waits() && to_backend_.empty()) leave_early(now);
  finish_if_over(now);
}

/// The client is gone, perhaps before it had a server.
void TcpProxy::leave_early(Instant now) {
  context_.picker.totals().aborted.add();
  if (attempts_.waits()) trace_.waited(now);
  trace_.fault({'C', connected_ ? 'T' : attempts_.waits() ? 'Q' : 'C'});
  finish(now);
}

void TcpProxy::broken(Side from, Instant now) {
  if (lingering_) return finish(now);
  if (from == Side::client || !connected_) return leave_early(now);
  // What the server sent before still goes to the client; then that connection is closed.
  server_takes_no_more();
  backend_ended_ = true;
  finish_if_over(now);
}

ByteView TcpProxy::pending(Side to) const {
  if (finished_ || (to == Side::backend && !connected_)) return {};
  if (to == Side::backend && !preamble_.empty()) return as_bytes(preamble_);
  return towards(to).data();
}

void TcpProxy::sent(Side to, std::size_t size, Instant now) {
  if (to == Side::backend && !preamble_.empty()) {
    preamble_.erase(0, size);
  } else {
    towards(to).consume(size);
  }
  if (to == Side::client) trace_.sent(size);
  await_more(now);
  finish_if_over(now);
}

void TcpProxy::unwritable(Side to, Instant now) {
  // A server that reads no more may still have sent something: reading finds its end.
  if (to == Side::client) {
    broken(to, now);
    return;
  }
  server_takes_no_more();
  finish_if_over(now);
}

void TcpProxy::server_takes_no_more() {
  trace_.fault({'S', 'T'});
  to_backend_.clear();
  preamble_.clear();
  up_in_kernel_ = 0;
  mute_ = true;
}

bool TcpProxy::ends(Side to) const {
  if (finished_ || !connected_ || !towards(to).empty()) return false;
  if (to == Side::backend && !preamble_.empty()) return false;
  return to == Side::client ? backend_ended_ : client_ended_ || mute_;
}

void TcpProxy::connecting(Instant) {
  wish_ = BackendWish::leave;
  attempts_.lease().connect_begins();
}

void TcpProxy::connected(bool, Instant now) {
  wish_ = BackendWish::leave;
  attempts_.lease().connect_done(true);
  attempts_.settled();
  attempts_.lease().took(now);
  trace_.connected(/*opened=*/true, now);
  connected_ = true;
  await_more(now);
}

void TcpProxy::connect_failed(std::string_view why, Instant now) {
  try_another(why, {'S', 'C'}, now);
}

void TcpProxy::connect_impossible(std::string_view why, bool elsewhere, Instant now) {
  wish_ = BackendWish::leave;
  go_on(elsewhere ? attempts_.pass_on(context_.picker, why, now) : attempts_.give_up(why),
        {'R', 'C'}, now);
}

/// The server did not take the connection. If no other can be had it ends for `reason`.
void TcpProxy::try_another(std::string_view why, EndReason reason, Instant now) {
  const Search search = attempts_.next(context_.picker, why, now);
  if (search != Search::none) trace_.retried(now);
  go_on(search, reason, now);
}

void TcpProxy::parted(Instant) { wish_ = BackendWish::leave; }

void TcpProxy::on_deadline(Instant now) {
  if (finished_) return;
  if (lingering_) {
    finish(now);
  } else if (connected_) {
    trace_.fault(idle_reason(now));
    finish(now);
  } else if (attempts_.waits()) {
    attempts_.waited_in_vain();
    trace_.waited(now);
    unserved(now >= end_ ? EndReason{'P', 'T'} : EndReason{'R', 'Q'}, now);
  } else if (now >= end_) {
    unserved({'P', 'T'}, now);
  } else {
    try_another("no answer in time", {'s', 'C'}, now);
  }
}

void TcpProxy::cut_off(Instant now) {
  if (finished_) return;
  cut_ = connected_ && (!backend_ended_ || !to_client_.empty());
  if (attempts_.waits()) trace_.waited(now);
  trace_.fault({'K', connected_ ? 'T' : attempts_.waits() ? 'Q' : 'C'});
  finish(now);
}

/// Who let the time run out: whoever takes no more of what waits for it, or else the client, who
/// says nothing. Or it was our limit of the whole.
EndReason TcpProxy::idle_reason(Instant now) const {
  if (now >= end_) return {'P', 'T'};
  const bool server_is_slow = !to_backend_.empty() || !preamble_.empty() || up_in_kernel_ > 0;
  return {server_is_slow ? 's' : 'c', 'T'};
}

/// Both said FIN and both got everything; or the server has said its last, and nobody reads what
/// the client may still send.
void TcpProxy::finish_if_over(Instant now) {
  const bool flushed = to_client_.empty() && to_backend_.empty() && preamble_.empty();
  if (!connected_ || !backend_ended_ || !flushed) return;
  if (client_ended_) {
    finish(now);
  } else if (mute_ && !lingering_) {
    linger(now);
  }
}

/// The server and its place are free for others meanwhile.
void TcpProxy::linger(Instant now) {
  lingering_ = true;
  leave_server();
  trace_.finish(now);
  wish_ = BackendWish::discard;
  deadline_ = now + linger_max;
}

void TcpProxy::leave_server() {
  if (connected_ && attempts_.lease()) attempts_.lease().totals().results[2].add();
  attempts_.end();
}

void TcpProxy::finish(Instant now) {
  if (finished_) return;
  finished_ = true;
  to_client_.clear();
  to_backend_.clear();
  leave_server();
  trace_.finish(now);
  wish_ = BackendWish::leave;
  deadline_ = never;
}

}  // namespace hither::lb
