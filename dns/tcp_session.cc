// SPDX-License-Identifier: Apache-2.0
#include "dns/tcp_session.h"

namespace hither::dns {

/// What is in the scratch buffer, behind its length.
void TcpSession::append_message(std::size_t size, Bytes& out) const {
  out.push_back(static_cast<std::byte>(size >> 8U));
  out.push_back(static_cast<std::byte>(size & 0xffU));
  append(out, scratch_.first(size));
}

void TcpSession::answer(ByteView message, Instant now, Bytes& out) {
  const auto open_for = std::chrono::duration_cast<std::chrono::seconds>(now - peer_.opened);
  const Arrival arrival{
      .client = peer_.address,
      .transport = Transport::tcp,
      .at = now,
      .unix_seconds = peer_.opened_unix_seconds + static_cast<std::uint32_t>(open_for.count()),
      .keepalive = idle_max_};
  const std::size_t size = responder_.respond(message, arrival, scratch_);
  if (size == 0) {
    silenced_ = true;
    ended_ = true;
    return;
  }
  append_message(size, out);
  auto transfer = responder_.take_transfer();
  if (transfer == nullptr) return;
  if (transfer->done()) {
    reports_.push_back(transfer->report());
  } else {
    transfers_.push_back(std::move(transfer));
  }
}

/// Answers the whole messages at the start of `bytes`, until too much waits to be sent; returns how
/// many octets they took.
std::size_t TcpSession::take_messages(ByteView bytes, Instant now, Bytes& out) {
  Reader in(bytes);
  std::size_t taken = 0;
  blocked_ = false;
  while (!silenced_) {
    const ByteView message = in.take(in.u16());
    if (!in.ok()) break;
    if (out.size() >= answers_bytes_max || transfers_.size() >= transfers_max) {
      blocked_ = true;
      break;
    }
    taken = in.position();
    deadline_ = now + idle_max_;
    answer(message, now, out);
  }
  return taken;
}

void TcpSession::take_pending(Instant now, Bytes& out) {
  const std::size_t taken = take_messages(pending_, now, out);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(taken));
}

void TcpSession::on_bytes(ByteView bytes, Instant now, Bytes& out) {
  if (silenced_) return;
  if (pending_.empty()) {
    append(pending_, bytes.subspan(take_messages(bytes, now, out)));
  } else {
    append(pending_, bytes);
    take_pending(now, out);
  }
  finish_if_done();
}

/// The next messages of the transfer that was asked for first, and of those behind it.
void TcpSession::go_on(Instant now, Bytes& out) {
  while (!transfers_.empty() && out.size() < answers_bytes_max) {
    Transfer& transfer = *transfers_.front();
    append_message(transfer.next(scratch_), out);
    deadline_ = now + idle_max_;
    if (!transfer.done()) continue;
    reports_.push_back(transfer.report());
    transfers_.pop_front();
  }
}

void TcpSession::on_drained(Instant now, Bytes& out) {
  take_pending(now, out);  // first, so that no transfer keeps others waiting
  go_on(now, out);
  finish_if_done();
}

void TcpSession::on_end() {
  ended_ = true;
  finish_if_done();
}

void TcpSession::abandon() {
  for (const auto& transfer : transfers_) {
    reports_.push_back(transfer->report());
    responder_.count_broken_transfer();
  }
  transfers_.clear();
}

}  // namespace hither::dns
