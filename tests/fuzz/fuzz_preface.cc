// SPDX-License-Identifier: Apache-2.0
//
// Any octets where a PROXY header or a ClientHello should stand. A verdict, once given, does not
// change with what comes later; a header that is read can be written, and reads the same again.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "lb/proxy_header.h"
#include "lb/tls_hello.h"

namespace hither::lb {
namespace {

void check_proxy_header(ByteView bytes) {
  ProxyHeader header;
  const ProxyHeaderResult whole = parse_proxy_header(bytes, header);
  ASSERT(whole.kind != ProxyHeaderResult::Kind::incomplete || bytes.size() < proxy_header_max);
  ASSERT((whole.kind == ProxyHeaderResult::Kind::bad) == !whole.reason.empty());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ProxyHeader early;
    const ProxyHeaderResult part = parse_proxy_header(bytes.first(size), early);
    if (part.kind == ProxyHeaderResult::Kind::incomplete) continue;
    ASSERT(part.kind == whole.kind && part.size == whole.size && early == header);
    break;
  }
  if (whole.kind != ProxyHeaderResult::Kind::complete) return;
  ASSERT(whole.size <= bytes.size());
  if (!header.has_addresses) return;
  ProxyHeader again;
  const std::string written = proxy_header_v2(header.source, header.destination);
  ASSERT(parse_proxy_header(as_bytes(written), again).size == written.size());
  ASSERT(again == header);
}

void check_tls_hello(ByteView bytes) {
  const TlsHelloResult whole = parse_tls_hello(bytes);
  ASSERT(whole.kind != TlsHelloResult::Kind::incomplete || bytes.size() < tls_hello_max);
  ASSERT((whole.kind == TlsHelloResult::Kind::bad) == !whole.reason.empty());
  ASSERT(whole.name.size() <= 255);
  if (bytes.size() > 600) return;  // the rest takes time by the square
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const TlsHelloResult part = parse_tls_hello(bytes.first(size));
    if (part.kind == TlsHelloResult::Kind::incomplete) continue;
    ASSERT(part.kind == whole.kind && part.name == whole.name);
    break;
  }
}

}  // namespace
}  // namespace hither::lb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const hither::ByteView bytes = std::as_bytes(std::span(data, size));
  hither::lb::check_proxy_header(bytes);
  hither::lb::check_tls_hello(bytes);
  return 0;
}
