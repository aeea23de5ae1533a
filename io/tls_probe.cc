// SPDX-License-Identifier: Apache-2.0
//
// OpenSSL reads from one memory BIO and writes to another; we carry the bytes between them and the
// socket. Its own socket BIO would raise SIGPIPE, and read as much as the peer likes.
#include "io/tls_probe.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"
#include "io/clock.h"
#include "io/socket.h"

namespace hither::io {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

/// What OpenSSL complained of first, in its words.
std::string complaint() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no TLS handshake" : fmt::format("no TLS handshake: {}", reason);
}

/// OpenSSL calls this with each session that may be resumed; true keeps it.
int on_session(SSL* ssl, SSL_SESSION* session);

}  // namespace

struct TlsClient::Impl {
  std::unique_ptr<SSL_CTX, Free> context;
};

TlsClient::TlsClient() : impl_(std::make_unique<Impl>()) {
  impl_->context.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = impl_->context.get();
  ASSERT(context != nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, on_session);
}

TlsClient::~TlsClient() = default;

struct TlsTicket::Impl {
  std::unique_ptr<SSL_SESSION, Free> session;
};

TlsTicket::TlsTicket() : impl_(std::make_unique<Impl>()) {}
TlsTicket::~TlsTicket() = default;
void TlsTicket::forget() { impl_->session.reset(); }

namespace {

int on_session(SSL* ssl, SSL_SESSION* session) {
  auto* ticket = static_cast<TlsTicket::Impl*>(SSL_get_app_data(ssl));
  ticket->session.reset(session);
  return 1;
}

}  // namespace

struct TlsProbe::State {
  State(Loop& on_loop, TlsClient& with, TlsTicket& keep, TlsTarget what,
        std::function<void(TlsOutcome)> callback)
      : loop(on_loop),
        client(with),
        ticket(keep),
        target(std::move(what)),
        on_done(std::move(callback)),
        timer(on_loop, [this] { on_time(); }) {}

  void start();
  void on_writable();
  void on_readable();
  void shake();
  void await_ticket();
  bool send();
  void on_time();
  void fail_with(int error) { fail_with(error, error_text(error)); }
  void fail_with(int error, std::string reason) {
    finish({.error = std::move(reason), .silent = is_silence(error), .ours = is_shortage(error)});
  }
  void finish(TlsOutcome outcome);
  void close();

  Loop& loop;
  TlsClient& client;
  TlsTicket& ticket;
  TlsTarget target;
  std::function<void(TlsOutcome)> on_done;
  Timer timer;
  Fd fd;
  std::optional<FdWatch> watch;
  std::unique_ptr<SSL, Free> ssl;
  Bytes unsent;
  std::size_t received = 0;
  bool connected = false;
  bool shaken = false;  ///< the handshake is done; what may still come is a ticket
  bool told = false;
};

TlsProbe::TlsProbe(Loop& loop, TlsClient& client, TlsTicket& ticket, TlsTarget target,
                   std::function<void(TlsOutcome)> on_done)
    : state_(std::make_shared<State>(loop, client, ticket, std::move(target), std::move(on_done))) {
  state_->timer.set(monotonic_now() + state_->target.timeout);
  // Posted, so that the callback never comes before the constructor has returned.
  loop.post([state = state_] {
    if (!state->told) state->start();
  });
}

TlsProbe::~TlsProbe() {
  state_->told = true;
  state_->timer.cancel();
  state_->watch.reset();
  state_->fd.close();
  // The state may be on the stack of its own callback: let go of it on the next turn.
  state_->loop.post([state = state_] {});
}

void TlsProbe::State::start() {
  int error = 0;
  Result<Fd> socket = connect_tcp(target.endpoint, &error);
  if (!socket) {
    fail_with(error, socket.error().message);
    return;
  }
  fd = std::move(*socket);
  ssl.reset(SSL_new(client.impl().context.get()));
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  ASSERT(ssl != nullptr && in != nullptr && out != nullptr);
  SSL_set_bio(ssl.get(), in, out);  // which owns them from now on
  SSL_set_connect_state(ssl.get());
  SSL_set_app_data(ssl.get(), &ticket.impl());
  if (!target.server_name.empty()) {
    // What SSL_set_tlsext_host_name() is short for, without its old cast.
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             target.server_name.data());
  }
  if (SSL_SESSION* session = ticket.impl().session.get()) SSL_set_session(ssl.get(), session);
  watch.emplace(
      loop, fd.get(), [this] { on_readable(); }, [this] { on_writable(); });
  watch->want_write(true);
}

void TlsProbe::State::on_writable() {
  if (connected) {
    send();
    return;
  }
  if (const int error = connect_error(fd.get()); error != 0) {
    fail_with(error);
    return;
  }
  connected = true;
  watch->want_write(false);
  watch->want_read(true);
  append(unsent, as_bytes(target.preamble));
  shake();
}

void TlsProbe::State::on_readable() {
  std::array<std::byte, 16 * 1024> buffer;
  const IoResult result = read_some(fd.get(), buffer);
  switch (result.kind) {
    case IoResult::Kind::would_block:
      return;
    case IoResult::Kind::failed:
    case IoResult::Kind::exhausted:
      fail_with(result.error);
      return;
    case IoResult::Kind::end:
      finish({.error = "the connection was closed during the TLS handshake"});
      return;
    case IoResult::Kind::ok:
      break;
  }
  received += result.size;
  if (received > bytes_max) {
    finish({.error = "no TLS handshake: it is too long"});
    return;
  }
  BIO_write(SSL_get_rbio(ssl.get()), buffer.data(), static_cast<int>(result.size));
  if (shaken) {
    await_ticket();
  } else {
    shake();
  }
}

void TlsProbe::State::shake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl.get());
  const int wish = SSL_get_error(ssl.get(), done);
  if (done != 1 && wish != SSL_ERROR_WANT_READ && wish != SSL_ERROR_WANT_WRITE) {
    std::string why = complaint();
    send();  // the alert that says it to the peer
    finish({.error = std::move(why)});
    return;
  }
  if (!send() || done != 1) return;
  shaken = true;
  finish({.error = {}, .silent = false, .resumed = SSL_session_reused(ssl.get()) == 1});
}

/// In TLS 1.2 the handshake brought it. Anything else that comes is none of our business.
void TlsProbe::State::await_ticket() {
  const SSL_SESSION* before = ticket.impl().session.get();
  std::byte byte{};
  ERR_clear_error();
  const int read = SSL_read(ssl.get(), &byte, 1);
  const bool more = read <= 0 && SSL_get_error(ssl.get(), read) == SSL_ERROR_WANT_READ;
  if (more && ticket.impl().session.get() == before) return;
  close();
}

/// False once the connection has failed: then all is told.
bool TlsProbe::State::send() {
  std::array<std::byte, 16 * 1024> piece;
  for (int size = 1; size > 0;) {
    size = BIO_read(SSL_get_wbio(ssl.get()), piece.data(), static_cast<int>(piece.size()));
    if (size > 0) append(unsent, ByteView(piece.data(), static_cast<std::size_t>(size)));
  }
  while (!unsent.empty()) {
    const IoResult result = write_some(fd.get(), unsent);
    if (result.kind == IoResult::Kind::would_block) break;
    if (result.kind != IoResult::Kind::ok) {
      fail_with(result.error);
      return false;
    }
    unsent.erase(unsent.begin(), unsent.begin() + static_cast<std::ptrdiff_t>(result.size));
  }
  if (watch) watch->want_write(!unsent.empty());
  return true;
}

void TlsProbe::State::on_time() { finish({.error = "timed out", .silent = true}); }

void TlsProbe::State::finish(TlsOutcome outcome) {
  const bool waits = outcome.error.empty() && SSL_version(ssl.get()) == TLS1_3_VERSION;
  if (!outcome.error.empty() && !told) ticket.impl().session.reset();  // It may be the cause.
  if (!waits || told) close();
  if (std::exchange(told, true)) return;
  // Moved out first: the callback may destroy the probe.
  const auto callback = std::move(on_done);
  callback(std::move(outcome));
}

void TlsProbe::State::close() {
  timer.cancel();
  if (ssl && shaken && fd) {
    SSL_shutdown(ssl.get());  // says goodbye, and does not wait for theirs
    std::array<std::byte, 256> goodbye;
    const int size = BIO_read(SSL_get_wbio(ssl.get()), goodbye.data(), goodbye.size());
    if (size > 0) write_some(fd.get(), ByteView(goodbye.data(), static_cast<std::size_t>(size)));
  }
  ERR_clear_error();
  watch.reset();
  fd.close();
}

}  // namespace hither::io
