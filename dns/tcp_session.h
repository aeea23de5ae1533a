// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/time.h"
#include "dns/responder.h"

namespace hither::dns {

/// One client speaking DNS over TCP (RFC 7766), without the socket: bytes and instants go in, bytes
/// and a deadline come out. Messages stand behind their length in two octets (RFC 1035 s4.2.2),
/// come in pieces of any size and may be pipelined; they are answered in order, each at once. One
/// owner.
///
/// A client must finish a message within `idle_max` of the one before (RFC 7766 s6.2.3), counted in
/// whole messages, so that single octets do not keep a connection. Who sends what gets silence over
/// UDP does not speak DNS: the session is finished.
class TcpSession {
 public:
  static constexpr Duration idle_max = std::chrono::seconds(10);

  /// `responder` and `scratch` (message_size_max octets) are shared by the sessions of a thread and
  /// must outlive them.
  TcpSession(Responder& responder, std::span<std::byte> scratch, const Address& client, Instant now)
      : responder_(responder), scratch_(scratch), client_(client), deadline_(now + idle_max) {}

  /// Appends framed answers to `out`.
  void on_bytes(ByteView bytes, Instant now, Bytes& out);
  /// Close if nothing arrives by then.
  Instant deadline() const { return deadline_; }
  void on_time(Instant now) { finished_ = finished_ || now >= deadline_; }
  /// The client will send nothing more; what it asked has been answered.
  void on_end() { finished_ = true; }
  bool finished() const { return finished_; }

 private:
  std::size_t take_messages(ByteView bytes, Instant now, Bytes& out);

  Responder& responder_;
  std::span<std::byte> scratch_;
  Address client_;
  Instant deadline_;
  Bytes pending_;  ///< the beginning of a message
  bool finished_ = false;
};

}  // namespace hither::dns
