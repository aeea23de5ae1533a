// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/http_head.h"
#include "lb/buffer.h"
#include "lb/http_forwarding.h"

namespace hither::lb {

/// Heads on their way through: what was parsed is written again for the other side, in one go into
/// one buffer. Fields that speak about one connection only are left out: Connection and what it
/// names, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade (RFC 9110 s7.6.1);
/// those that hold on our next connection too are written anew. Runs of fields that stay are copied
/// as they came, for the strict parser lets nothing ambiguous through. Pure; no allocation.

/// How many Connection fields a head may have beside those that just say close or keep-alive. What
/// they name is looked for at every field, so they are few.
constexpr std::size_t connection_fields_max = 4;

/// What came of it. Unless it is `whole` nothing was written.
enum class HeadWritten : std::uint8_t { whole, too_long, too_many_connection_fields };

/// Appends the head for a server, in HTTP/1.1 origin-form, the body framed as in `head`. `bytes` is
/// what `head` was parsed from.
HeadWritten write_request_head(const RequestHead& head, ByteView bytes,
                               const Forwarding& forwarding, Buffer& buffer);

/// Does the client take trailers (TE: trailers, in HTTP/1.1; RFC 9110 s6.5.1)?
bool takes_trailers(const RequestHead& head);

/// How the body of a response goes to the client.
struct ResponseShape {
  BodyFraming framing = BodyFraming::none;
  bool bodiless_status = false;   ///< 1xx, 204: not even a Content-Length (RFC 9110 s8.6)
  bool trailers = false;          ///< they are passed on, so their announcement stays
  std::string_view connection{};  ///< for the Connection field: "close", "keep-alive" or none
  std::string_view protocol{};    ///< of a 101: what the connection becomes
  std::string_view own_fields{};  ///< of ours, each with its line end
  std::string_view date{};        ///< the same, for a response that does not say its own
};

/// Appends the head for the client. Precondition and result as above.
HeadWritten write_response_head(const ResponseHead& head, ByteView bytes,
                                const ResponseShape& shape, Buffer& buffer);

/// Room that one piece of data needs beside itself in a chunked body, the last chunk included.
constexpr std::size_t chunk_overhead = 16;
/// Appends one chunk, in a buffer with room for it and chunk_overhead (RFC 9112 s7.1).
void write_chunk(ByteView data, Buffer& out);
constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace hither::lb
