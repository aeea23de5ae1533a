// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

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
/// The messages of a zone transfer are made as the client takes them, and what it asks meanwhile is
/// answered between them (RFC 7766 s6.2.1.1, s7). At most `transfers_max` are under way; what is
/// asked behind so many waits. The idle time does not run meanwhile: a client that takes nothing is
/// cut off by who drives the session.
///
/// A client must finish a message within `idle_max` of the one before (RFC 7766 s6.2.3), counted in
/// whole messages, so that single octets do not keep a connection. Who asks is told that time
/// (edns-tcp-keepalive, RFC 7828). Who sends what gets silence over UDP does not speak DNS: nothing
/// more is read, and the session is finished when transfers that are under way are.
///
/// While `answers_bytes_max` of answers wait to be sent, what was asked behind them waits as it
/// came, at most one reading of the socket and one message (80 KiB), and no more is read: small
/// queries for large answers do not make us keep megabytes.
class TcpSession {
 public:
  static constexpr std::size_t answers_bytes_max = 64 * 1024;
  static constexpr std::size_t transfers_max = 4;

  /// Who speaks, and since when: by our clock, and by the wall's, which cookies are dated by.
  struct Peer {
    Address address;
    Instant opened{};
    std::uint32_t opened_unix_seconds = 0;
  };

  /// `responder` and `scratch` (message_size_max octets) are shared by the sessions of a thread and
  /// must outlive them.
  TcpSession(Responder& responder, std::span<std::byte> scratch, const Peer& peer,
             Duration idle_max)
      : responder_(responder),
        scratch_(scratch),
        peer_(peer),
        idle_max_(idle_max),
        deadline_(peer.opened + idle_max) {}

  /// Appends framed answers to `out`, which holds what is not sent yet.
  void on_bytes(ByteView bytes, Instant now, Bytes& out);
  /// All is sent: answers what waits, and goes on with transfers.
  void on_drained(Instant now, Bytes& out);
  /// Close if nothing arrives by then.
  Instant deadline() const { return transfers_.empty() ? deadline_ : never; }
  void on_time(Instant now) { finished_ = finished_ || now >= deadline(); }
  /// The client will send nothing more; what it asked is still answered.
  void on_end();
  bool finished() const { return finished_; }
  bool wants_input() const { return !blocked_ && !silenced_; }
  /// on_drained() is wanted.
  bool has_more() const { return blocked_ || !transfers_.empty(); }

  /// Transfers that have ended since the last call.
  std::vector<TransferReport> take_reports() { return std::exchange(reports_, {}); }
  /// The connection is gone, and with it what is under way.
  void abandon();

 private:
  std::size_t take_messages(ByteView bytes, Instant now, Bytes& out);
  void take_pending(Instant now, Bytes& out);
  void answer(ByteView message, Instant now, Bytes& out);
  void go_on(Instant now, Bytes& out);
  void append_message(std::size_t size, Bytes& out) const;
  void finish_if_done() { finished_ = finished_ || (ended_ && !has_more()); }

  Responder& responder_;
  std::span<std::byte> scratch_;
  Peer peer_;
  Duration idle_max_;
  Instant deadline_;
  Bytes pending_;          ///< the beginning of a message; behind it more, while blocked
  bool blocked_ = false;   ///< whole messages may wait in `pending_`
  bool silenced_ = false;  ///< by a message that is none; what came behind it is not looked at
  bool ended_ = false;     ///< nothing more will come
  std::deque<std::unique_ptr<Transfer>> transfers_;  ///< not done, in the order of their queries
  std::vector<TransferReport> reports_;
  bool finished_ = false;
};

}  // namespace hither::dns
