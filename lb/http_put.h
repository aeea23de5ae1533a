// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/bytes.h"

namespace hither::lb {

/// Pieces of a head on their way into a buffer, for http_rewrite.cc and http_forwarding.cc alone.
inline void put(Writer& out, std::string_view text) { out.bytes(as_bytes(text)); }

inline void put_field(Writer& out, std::string_view name, std::string_view value) {
  put(out, name);
  put(out, ": ");
  put(out, value);
  put(out, "\r\n");
}

}  // namespace hither::lb
