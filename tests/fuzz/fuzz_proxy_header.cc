// SPDX-License-Identifier: Apache-2.0
// Any octets where a PROXY header should stand. A verdict, once given, does not change with what
// comes later; a header that is read can be written, and reads the same again.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/assert.h"
#include "lb/proxy_header.h"

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

}  // namespace
}  // namespace hither::lb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hither::lb::check_proxy_header(std::as_bytes(std::span(data, size)));
  return 0;
}
