// SPDX-License-Identifier: Apache-2.0
// Any octets where a ClientHello should stand. A verdict, once given, does not change with what
// comes later.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "lb/tls_hello.h"

namespace hither::lb {
namespace {

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
  hither::lb::check_tls_hello(std::as_bytes(std::span(data, size)));
  return 0;
}
