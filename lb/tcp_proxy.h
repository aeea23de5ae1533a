// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "lb/access_trace.h"
#include "lb/attempts.h"
#include "lb/buffer.h"
#include "lb/picker.h"
#include "lb/session.h"

namespace hither::lb {

struct TcpTimes {
  Duration connect = std::chrono::seconds(2);  ///< for each server that is tried
  Duration idle = std::chrono::minutes(10);    ///< without a byte in either direction
  Duration total = Duration::zero();           ///< for the whole connection; zero: no limit
};

/// What the sessions of one thread share. Must outlive them.
struct TcpContext {
  Picker& picker;
  BlockPool& blocks;
  TcpTimes times{};
  AccessSink* log = nullptr;  ///< null: no access log
};

/// TCP mode: one client connection, one server connection, both directions of bytes until both
/// sides said FIN. A side's FIN goes to the other once everything before it did, and the way back
/// stays open (half-close). If a server does not take the connection another copy is tried, as no
/// byte was sent. Bulk is relayed in the kernel. A server that breaks off in the middle of what it
/// is sent has often said why: the client gets that and a FIN, and what it goes on to send is
/// thrown away until its own, for linger_max at most, lest a reset take from it what it has not
/// read yet.
class TcpProxy final : public Session {
 public:
  /// The server gets `preamble` before everything else: a PROXY header, or nothing.
  TcpProxy(TcpContext& context, const Address& client, Instant now, std::string preamble = {});

  bool wants(Side from) const override;
  std::span<std::byte> space(Side from) override;
  void received(Side from, std::size_t size, Instant now) override;
  void ended(Side from, Instant now) override;
  void broken(Side from, Instant now) override;
  ByteView pending(Side to) const override;
  void sent(Side to, std::size_t size, Instant now) override;
  void unwritable(Side to, Instant now) override;
  bool ends(Side to) const override;
  std::uint64_t relayable(Side from) const override;
  void relaying(Side from, std::size_t size, Instant now) override;
  void relayed(Side from, std::size_t size, Instant now) override;
  BackendWish backend_wish() const override { return wish_; }
  std::uint32_t server() const override { return attempts_.lease().index(); }
  bool wants_fresh() const override { return true; }
  void connecting(Instant now) override;
  void connected(bool reused, Instant now) override;
  void connect_failed(std::string_view why, Instant now) override;
  void connect_impossible(std::string_view why, bool elsewhere, Instant now) override;
  void queued(std::uint64_t owner, Instant now) override;
  void called(Instant now) override;
  void parted(Instant now) override;
  Instant deadline() const override { return deadline_; }
  void on_deadline(Instant now) override;
  void drain(Instant, Duration) override {}  // There is no polite moment.
  void cut_off(Instant now) override;
  bool finished() const override { return finished_; }
  bool cut() const override { return cut_; }

 private:
  Buffer& towards(Side to) { return to == Side::client ? to_client_ : to_backend_; }
  const Buffer& towards(Side to) const { return to == Side::client ? to_client_ : to_backend_; }
  void carried(Side from, std::size_t size);
  void await_more(Instant now);
  void go_on(Search search, EndReason if_none, Instant now);
  void unserved(EndReason reason, Instant now);
  void try_another(std::string_view why, EndReason reason, Instant now);
  EndReason idle_reason(Instant now) const;
  void leave_early(Instant now);
  void finish(Instant now);
  void finish_if_over(Instant now);
  void server_takes_no_more();
  void linger(Instant now);
  void leave_server();

  TcpContext& context_;
  AccessTrace trace_;
  Attempts attempts_;
  Buffer to_client_;
  Buffer to_backend_;
  std::string preamble_;            ///< what is left of it
  std::uint64_t streak_ = 0;        ///< bytes of `streak_from_` since the other side's last
  std::uint64_t up_in_kernel_ = 0;  ///< bytes that are being relayed to the server
  Instant end_;                     ///< of the whole
  Instant deadline_;
  Side streak_from_ = Side::client;
  BackendWish wish_ = BackendWish::leave;
  bool connected_ = false;
  bool client_ended_ = false;
  bool backend_ended_ = false;
  bool mute_ = false;       ///< the server takes no more bytes, so the client's have no reader
  bool lingering_ = false;  ///< all is done but that the client may still send
  bool finished_ = false;
  bool cut_ = false;
};

}  // namespace hither::lb
