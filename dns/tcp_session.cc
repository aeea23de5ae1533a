// SPDX-License-Identifier: Apache-2.0
#include "dns/tcp_session.h"

namespace hither::dns {

/// Answers all whole messages at the start of `bytes`; returns how many octets they took.
std::size_t TcpSession::take_messages(ByteView bytes, Instant now, Bytes& out) {
  Reader in(bytes);
  std::size_t taken = 0;
  while (!finished_) {
    const ByteView message = in.take(in.u16());
    if (!in.ok()) break;
    taken = in.position();
    deadline_ = now + idle_max;
    const std::size_t size = responder_.respond(
        message, {.client = client_, .transport = Transport::tcp, .at = now}, scratch_);
    if (size == 0) {
      finished_ = true;
      break;
    }
    out.push_back(static_cast<std::byte>(size >> 8U));
    out.push_back(static_cast<std::byte>(size & 0xffU));
    append(out, scratch_.first(size));
  }
  return taken;
}

void TcpSession::on_bytes(ByteView bytes, Instant now, Bytes& out) {
  if (pending_.empty()) {
    append(pending_, bytes.subspan(take_messages(bytes, now, out)));
    return;
  }
  append(pending_, bytes);
  const std::size_t taken = take_messages(pending_, now, out);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(taken));
}

}  // namespace hither::dns
