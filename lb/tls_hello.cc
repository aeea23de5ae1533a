// SPDX-License-Identifier: Apache-2.0
#include "lb/tls_hello.h"

#include <algorithm>

#include "base/text.h"

namespace hither::lb {
namespace {

using Kind = TlsHelloResult::Kind;

constexpr unsigned record_handshake = 22;
constexpr unsigned handshake_client_hello = 1;
constexpr unsigned extension_server_name = 0;
constexpr std::size_t record_header = 5;
constexpr std::size_t record_max = 1U << 14U;
constexpr std::size_t handshake_header = 4;

TlsHelloResult bad(std::string_view reason) { return {.kind = Kind::bad, .reason = reason}; }

/// What handshake octets have come, with the record headers between them left out.
struct Handshake {
  Bytes octets;
  std::string_view fault;  ///< empty unless a record is none
};

Handshake gather(ByteView bytes) {
  Handshake handshake;
  while (!bytes.empty()) {
    const auto octet = [bytes](std::size_t at) { return std::to_integer<unsigned>(bytes[at]); };
    if (octet(0) != record_handshake) {
      handshake.fault = "no TLS handshake";
      break;
    }
    // SSL 2.0 and nonsense end here; every version of TLS writes 3 (RFC 8446 s5.1).
    if (bytes.size() > 1 && octet(1) != 3) {
      handshake.fault = "no TLS record";
      break;
    }
    if (bytes.size() < record_header) break;
    const std::size_t length = octet(3) << 8U | octet(4);
    if (length == 0 || length > record_max) {
      handshake.fault = "a TLS record of a bad length";
      break;
    }
    const ByteView fragment = bytes.subspan(record_header);
    append(handshake.octets, fragment.first(std::min(fragment.size(), length)));
    if (fragment.size() < length) break;
    bytes = fragment.subspan(length);
    // Behind the whole hello there may be other records, such as early data: not ours to judge.
    if (handshake.octets.size() >= handshake_header) {
      Reader reader(handshake.octets);
      const std::size_t size = reader.u32() & 0xFFFFFFU;
      if (handshake.octets.size() >= handshake_header + size) break;
    }
  }
  return handshake;
}

/// A vector with a length in front (RFC 8446 s3.4).
ByteView take_vector8(Reader& reader) { return reader.take(reader.u8()); }
ByteView take_vector16(Reader& reader) { return reader.take(reader.u16()); }

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && std::ranges::all_of(name, [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-' ||
           letter == '.' || letter == '_';
  });
}

/// The extension's contents: a list of names of which one may be a host's (RFC 6066 s3).
TlsHelloResult read_server_name(ByteView contents) {
  Reader reader(contents);
  Reader list(take_vector16(reader));
  const unsigned type = list.u8();
  const ByteView value = take_vector16(list);
  if (!reader.ok() || reader.left() > 0 || !list.ok() || list.left() > 0) {
    return bad("a server name that does not parse");
  }
  if (type != 0) return {.kind = Kind::complete};
  std::string name = to_lower(as_text(value));
  if (!is_host_name(name)) return bad("a server name that is none");
  return {.kind = Kind::complete, .name = std::move(name)};
}

TlsHelloResult read_hello(ByteView hello) {
  Reader reader(hello);
  reader.skip(2 + 32);    // legacy_version and random
  take_vector8(reader);   // legacy_session_id
  take_vector16(reader);  // cipher_suites
  take_vector8(reader);   // legacy_compression_methods
  if (!reader.ok()) return bad("a ClientHello that does not parse");
  if (reader.left() == 0) return {.kind = Kind::complete};  // no extensions, before TLS 1.3
  Reader extensions(take_vector16(reader));
  if (!reader.ok() || reader.left() > 0) return bad("a ClientHello that does not parse");
  while (extensions.left() > 0) {
    const unsigned type = extensions.u16();
    const ByteView contents = take_vector16(extensions);
    if (!extensions.ok()) return bad("extensions that do not parse");
    if (type == extension_server_name) return read_server_name(contents);
  }
  return {.kind = Kind::complete};
}

}  // namespace

TlsHelloResult parse_tls_hello(ByteView bytes) {
  const Handshake handshake = gather(bytes);
  const ByteView octets = handshake.octets;
  if (!octets.empty() && std::to_integer<unsigned>(octets[0]) != handshake_client_hello) {
    return bad("no ClientHello");
  }
  if (octets.size() >= handshake_header) {
    Reader reader(octets);
    const std::size_t size = reader.u32() & 0xFFFFFFU;
    if (size > tls_hello_max) return bad("a ClientHello that is too long");
    if (reader.left() >= size) return read_hello(reader.take(size));
  }
  if (!handshake.fault.empty()) return bad(handshake.fault);
  return bytes.size() < tls_hello_max ? TlsHelloResult{} : bad("a ClientHello that is too long");
}

}  // namespace hither::lb
