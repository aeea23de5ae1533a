// SPDX-License-Identifier: Apache-2.0
#include "lb/tcp_proxy.h"

#include <algorithm>
#include <utility>

namespace hither::lb {
namespace {

Side other(Side side) { return side == Side::client ? Side::backend : Side::client; }

}  // namespace

TcpProxy::TcpProxy(Picker& picker, BlockPool& blocks, const TcpTimes& times,
                   const Affinity& affinity, Instant now, std::string preamble)
    : picker_(picker),
      times_(times),
      to_client_(blocks),
      to_backend_(blocks),
      preamble_(std::move(preamble)),
      end_(times.total > Duration::zero() ? now + times.total : never),
      deadline_(now + times.connect) {
  picker_.totals().requests.add();
  if (attempts_.begin(picker_, affinity, now)) {
    obtain(now);
  } else {
    picker_.totals().unserved.add();
    finish(false);
  }
}

void TcpProxy::obtain(Instant now) {
  wish_ = BackendWish::obtain;
  deadline_ = now + times_.connect;
}

bool TcpProxy::wants(Side from) const {
  if (finished_ || !towards(other(from)).empty()) return false;
  return from == Side::client ? !client_ended_ : connected_ && !backend_ended_;
}

std::span<std::byte> TcpProxy::space(Side from) { return towards(other(from)).space(); }

void TcpProxy::received(Side from, std::size_t size, Instant now) {
  Buffer& out = towards(other(from));
  out.commit(size);
  out.release_if_empty();
  carried(from, size);
  if (size > 0 && connected_) await_more(now);
}

void TcpProxy::carried(Side from, std::size_t size) {
  if (size == 0) return;
  if (streak_from_ != from) streak_ = 0;
  streak_from_ = from;
  streak_ += size;
}

void TcpProxy::await_more(Instant now) { deadline_ = std::min(now + times_.idle, end_); }

std::uint64_t TcpProxy::relayable(Side from) const {
  const bool bulk = connected_ && streak_from_ == from && streak_ >= relay_after;
  return bulk && preamble_.empty() ? UINT64_MAX : 0;
}

void TcpProxy::relayed(Side from, std::size_t size, Instant now) {
  carried(from, size);
  if (size < relay_piece_min) streak_ = 0;
  await_more(now);
}

void TcpProxy::ended(Side from, Instant now) {
  (from == Side::client ? client_ended_ : backend_ended_) = true;
  if (connected_) await_more(now);
  finish_if_over();
}

void TcpProxy::broken(Side from, Instant) {
  if (from == Side::client || !connected_) {
    finish(connected_);
    return;
  }
  // What the server sent before still goes to the client; then that connection is closed.
  to_backend_.clear();
  preamble_.clear();
  client_ended_ = true;
  backend_ended_ = true;
  finish_if_over();
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
  await_more(now);
  finish_if_over();
}

void TcpProxy::unwritable(Side to, Instant now) {
  // A server that reads no more may still have sent something: reading finds its end.
  if (to == Side::client) {
    broken(to, now);
    return;
  }
  to_backend_.clear();
  preamble_.clear();
  client_ended_ = true;
}

bool TcpProxy::ends(Side to) const {
  if (finished_ || !connected_ || !towards(to).empty()) return false;
  if (to == Side::backend && !preamble_.empty()) return false;
  return to == Side::client ? backend_ended_ : client_ended_;
}

void TcpProxy::connecting(Instant) {
  wish_ = BackendWish::leave;
  attempts_.lease().connect_begins();
}

void TcpProxy::connected(bool, Instant now) {
  wish_ = BackendWish::leave;
  attempts_.lease().connect_done(true);
  attempts_.lease().took(now);
  connected_ = true;
  await_more(now);
}

void TcpProxy::connect_failed(std::string_view why, Instant now) {
  if (attempts_.next(picker_, why, now)) {
    obtain(now);
  } else {
    picker_.totals().unserved.add();
    finish(false);
  }
}

void TcpProxy::parted(Instant) { wish_ = BackendWish::leave; }

void TcpProxy::on_deadline(Instant now) {
  if (finished_) return;
  if (connected_) {
    finish(true);
  } else {
    connect_failed("no answer in time", now);
  }
}

/// Both said FIN and both got everything.
void TcpProxy::finish_if_over() {
  const bool flushed = to_client_.empty() && to_backend_.empty() && preamble_.empty();
  if (connected_ && client_ended_ && backend_ended_ && flushed) finish(true);
}

void TcpProxy::finish(bool served) {
  if (finished_) return;
  finished_ = true;
  to_client_.clear();
  to_backend_.clear();
  if (attempts_.lease()) attempts_.lease().totals().results[served ? 2 : 0].add();
  attempts_.end();
  wish_ = BackendWish::leave;
  deadline_ = never;
}

}  // namespace hither::lb
