// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/ip.h"
#include "base/time.h"
#include "io/loop.h"

namespace hither::io {

/// What TLS probes share: how they speak (OpenSSL; TLS 1.0 to 1.3, every cipher and key size that
/// the library has). A probe asks if somebody serves there, not if he is to be trusted, so
/// certificates are not looked at. Costs some 100 KiB, so it is made for those who need it. Belongs
/// to one thread, and outlives its probes.
class TlsClient {
 public:
  TlsClient();
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// A session of one server, that the next handshake with it may resume: that spares both sides the
/// signature and the key exchange of a full one. Empty at first; forget() it if the server becomes
/// another. Outlives the probes that use it.
class TlsTicket {
 public:
  TlsTicket();
  ~TlsTicket();
  TlsTicket(const TlsTicket&) = delete;
  TlsTicket& operator=(const TlsTicket&) = delete;

  void forget();

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// What a handshake came to.
struct TlsOutcome {
  std::string error;     ///< empty: it was completed
  bool silent = false;   ///< with an error: not the peer's doing (is_silence() of io/socket.h)
  bool ours = false;     ///< with an error: this machine's (is_shortage())
  bool resumed = false;  ///< by the ticket
};

struct TlsTarget {
  Endpoint endpoint;
  std::string preamble = {};  ///< said in the clear before the handshake, such as a PROXY header
  std::string server_name;    ///< asked for (SNI, RFC 6066 s3); empty: none
  Duration timeout{};         ///< for everything, from connect to the end of the handshake
};

/// One connection that ends once its handshake is done. Calls back exactly once, unless it is
/// destroyed before; whatever the peer does, or drips, within the timeout. May be destroyed inside
/// the callback; better is to leave it alone: in TLS 1.3 a server sends tickets only after the
/// handshake, so it waits for one, until the same timeout at most, and then says goodbye.
/// Never blocks, and raises no SIGPIPE; takes at most `bytes_max` from a peer.
class TlsProbe {
 public:
  static constexpr std::size_t bytes_max = 256 * 1024;

  TlsProbe(Loop& loop, TlsClient& client, TlsTicket& ticket, TlsTarget target,
           std::function<void(TlsOutcome)> on_done);
  ~TlsProbe();
  TlsProbe(const TlsProbe&) = delete;
  TlsProbe& operator=(const TlsProbe&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace hither::io
