// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tls_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <csignal>
#include <utility>

namespace hither::test {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

/// A certificate for nobody in particular, signed by itself.
void use_own_certificate(SSL_CTX* context) {
  const std::unique_ptr<EVP_PKEY, Free> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, Free> certificate(X509_new());
  ASSERT_TRUE(key && certificate);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  ASSERT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
  ASSERT_EQ(SSL_CTX_use_certificate(context, certificate.get()), 1);
  ASSERT_EQ(SSL_CTX_use_PrivateKey(context, key.get()), 1);
}

}  // namespace

struct TlsServer::Tls {
  std::unique_ptr<SSL_CTX, Free> context;
};

TlsServer::TlsServer(Newest newest, std::string preamble)
    : tls_(std::make_unique<Tls>()), preamble_(std::move(preamble)) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to who may be gone.
  tls_->context.reset(SSL_CTX_new(TLS_server_method()));
  use_own_certificate(tls_->context.get());
  SSL_CTX_set_max_proto_version(tls_->context.get(),
                                newest == Newest::tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  Result<io::Fd> fd = io::listen_tcp({.address = Address::v4(0x7f000001), .port = 0});
  EXPECT_TRUE(fd);
  if (!fd) return;
  fd_ = std::move(*fd);
  endpoint_ = *io::local_endpoint(fd_.get());
  thread_ = std::thread([this] { serve(); });
}

TlsServer::~TlsServer() {
  over_ = true;
  shutdown(fd_.get(), SHUT_RD);  // wakes the thread
  if (thread_.joinable()) thread_.join();
}

std::string TlsServer::server_name() const {
  const std::lock_guard<std::mutex> hold(lock_);
  return server_name_;
}

void TlsServer::serve() {
  while (!over_) {
    pollfd entry{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    poll(&entry, 1, -1);
    if (over_) return;
    const io::Accepted accepted = io::accept_one(fd_.get());
    if (!accepted.fd) continue;
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    setsockopt(accepted.fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    fcntl(accepted.fd.get(), F_SETFL, 0);  // It may block: it has a thread of its own.
    if (hear_preamble(accepted.fd.get())) shake_hands(accepted.fd.get());
  }
}

bool TlsServer::hear_preamble(int fd) const {
  std::string heard(preamble_.size(), '\0');
  std::size_t size = 0;
  while (size < heard.size()) {
    const auto got = recv(fd, heard.data() + size, heard.size() - size, 0);
    if (got <= 0) return false;
    size += static_cast<std::size_t>(got);
  }
  return heard == preamble_;
}

void TlsServer::shake_hands(int fd) {
  const std::unique_ptr<SSL, Free> ssl(SSL_new(tls_->context.get()));
  SSL_set_fd(ssl.get(), fd);
  if (SSL_accept(ssl.get()) != 1) return;
  {
    const std::lock_guard<std::mutex> hold(lock_);
    const char* name = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name);
    if (name != nullptr) server_name_ = name;  // Of a session that is resumed it need not tell.
  }
  ++(SSL_session_reused(ssl.get()) == 1 ? resumed_ : whole_);
  char byte = 0;
  const int read = SSL_read(ssl.get(), &byte, 1);
  if (SSL_get_error(ssl.get(), read) == SSL_ERROR_ZERO_RETURN) ++goodbyes_;
}

}  // namespace hither::test
