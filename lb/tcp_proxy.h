// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/attempts.h"
#include "lb/buffer.h"
#include "lb/picker.h"
#include "lb/session.h"

namespace hither::lb {

struct TcpTimes {
  Duration connect = std::chrono::seconds(2);  ///< for each server that is tried
  Duration idle = std::chrono::minutes(10);    ///< without a byte in either direction
};

/// TCP mode: one client connection, one server connection, both directions of bytes until both
/// sides said FIN. A side's FIN goes to the other once everything before it did, and the way back
/// stays open (half-close). If a server does not take the connection another copy is tried, as no
/// byte was sent.
class TcpProxy final : public Session {
 public:
  /// `picker` and `blocks` must outlive it.
  TcpProxy(Picker& picker, BlockPool& blocks, const TcpTimes& times,
           std::string_view client_address, Instant now);

  bool wants(Side from) const override;
  std::span<std::byte> space(Side from) override;
  void received(Side from, std::size_t size, Instant now) override;
  void ended(Side from, Instant now) override;
  void broken(Side from, Instant now) override;
  ByteView pending(Side to) const override;
  void sent(Side to, std::size_t size, Instant now) override;
  void unwritable(Side to, Instant now) override;
  bool ends(Side to) const override;
  BackendWish backend_wish() const override { return wish_; }
  std::uint32_t server() const override { return attempts_.lease().index(); }
  bool wants_fresh() const override { return true; }
  void connecting(Instant now) override;
  void connected(bool reused, Instant now) override;
  void connect_failed(std::string_view why, Instant now) override;
  void parted(Instant now) override;
  Instant deadline() const override { return deadline_; }
  void on_deadline(Instant now) override;
  void drain(Instant) override {}
  bool finished() const override { return finished_; }

 private:
  Buffer& towards(Side to) { return to == Side::client ? to_client_ : to_backend_; }
  const Buffer& towards(Side to) const { return to == Side::client ? to_client_ : to_backend_; }
  void obtain(Instant now);
  void finish(bool served);
  void finish_if_over();

  Picker& picker_;
  const TcpTimes& times_;
  Attempts attempts_;
  Buffer to_client_;
  Buffer to_backend_;
  Instant deadline_;
  BackendWish wish_ = BackendWish::leave;
  bool connected_ = false;
  bool client_ended_ = false;
  bool backend_ended_ = false;
  bool finished_ = false;
};

}  // namespace hither::lb
