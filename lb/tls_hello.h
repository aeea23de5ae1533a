// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace hither::lb {

/// The name a TLS client asks for, read from its first message and nothing decrypted: the
/// server_name of a ClientHello (RFC 8446 s4.1.2, RFC 6066 s3), to choose a farm by. With Encrypted
/// ClientHello it is the public name of the outer message. Pure; any thread.

/// The longest ClientHello that is taken, with its record headers: what fits one block.
constexpr std::size_t tls_hello_max = 16 * 1024;

struct TlsHelloResult {
  enum class Kind { complete, incomplete, bad };
  Kind kind = Kind::incomplete;
  std::string name = {};         ///< in lower case; empty if the client names none
  std::string_view reason = {};  ///< a static text, where it is bad
};

/// Reads the ClientHello at the start of `bytes`, which may lie in several records. Bad as soon as
/// it can be none. The bytes are forwarded as they are; nothing is taken.
TlsHelloResult parse_tls_hello(ByteView bytes);

}  // namespace hither::lb
