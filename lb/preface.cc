// SPDX-License-Identifier: Apache-2.0
#include "lb/preface.h"

#include "lb/tls_hello.h"

namespace hither::lb {

static_assert(proxy_header_max <= block_bytes && tls_hello_max <= block_bytes);

void Preface::received(std::size_t size) {
  bytes_.commit(size);
  bytes_.release_if_empty();
  if (size == 0 || verdict_ != Verdict::waiting) return;
  if (wanted_.proxy_header && !take_header()) return;
  if (wanted_.server_name && !take_name()) return;
  verdict_ = Verdict::ready;
}

void Preface::ended() {
  if (verdict_ == Verdict::waiting) refuse("the client left early");
}

bool Preface::take_header() {
  const ProxyHeaderResult result = parse_proxy_header(bytes_.data(), header_);
  if (result.kind == ProxyHeaderResult::Kind::bad) refuse(result.reason);
  if (result.kind != ProxyHeaderResult::Kind::complete) return false;
  bytes_.consume(result.size);
  wanted_.proxy_header = false;
  return true;
}

bool Preface::take_name() {
  if (bytes_.empty()) return false;
  TlsHelloResult result = parse_tls_hello(bytes_.data());
  if (result.kind == TlsHelloResult::Kind::bad) refuse(result.reason);
  if (result.kind != TlsHelloResult::Kind::complete) return false;
  name_ = std::move(result.name);
  return true;
}

void Preface::refuse(std::string_view reason) {
  reason_ = reason;
  verdict_ = Verdict::refused;
}

}  // namespace hither::lb
