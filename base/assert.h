// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hither {

/// Prints `file:line: assertion failed: expression` on stderr and aborts.
[[noreturn]] void assertion_failed(const char* file, int line, const char* expression);

}  // namespace hither

/// States what must be true unless this program has a bug. Stays on in release builds. Never for
/// input: what a user, a file or the network says is checked with Result or plain values.
#define ASSERT(expression)                              \
  (static_cast<bool>(expression) ? static_cast<void>(0) \
                                 : ::hither::assertion_failed(__FILE__, __LINE__, #expression))
