// SPDX-License-Identifier: Apache-2.0
#include "dns/tcp_session.h"

namespace hither::dns {

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
    finished_ = true;
    return;
  }
  out.push_back(static_cast<std::byte>(size >> 8U));
  out.push_back(static_cast<std::byte>(size & 0xffU));
  append(out, scratch_.first(size));
}

/// Answers the whole messages at the start of `bytes`, until too much waits to be sent; returns how
/// many octets they took.
std::size_t TcpSession::take_messages(ByteView bytes, Instant now, Bytes& out) {
  Reader in(bytes);
  std::size_t taken = 0;
  blocked_ = false;
  while (!finished_) {
    const ByteView message = in.take(in.u16());
    if (!in.ok()) break;
    if (out.size() >= answers_bytes_max) {
      blocked_ = true;
      break;
    }
    taken = in.position();
    deadline_ = now + idle_max_;
    answer(message, now, out);
  }
  if (ended_ && !blocked_) finished_ = true;
  return taken;
}

void TcpSession::on_bytes(ByteView bytes, Instant now, Bytes& out) {
  if (pending_.empty()) {
    append(pending_, bytes.subspan(take_messages(bytes, now, out)));
    return;
  }
  append(pending_, bytes);
  on_drained(now, out);
}

void TcpSession::on_drained(Instant now, Bytes& out) {
  const std::size_t taken = take_messages(pending_, now, out);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(taken));
}

void TcpSession::on_end() {
  ended_ = true;
  finished_ = finished_ || !blocked_;
}

}  // namespace hither::dns
