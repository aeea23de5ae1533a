// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace hither {

/// Why something at start-up or on the control plane did not work, written for the person who can
/// mend it: "what is wrong; what would be right", behind `file:line:column: ` where there is a
/// file.
struct Error {
  std::string message;
};

/// A value, or the reason why there is none. For start-up and the control plane only: a packet or a
/// request that is bad is answered with plain enums and optionals (ARCHITECTURE.md, "Errors").
/// Mark every function that returns one [[nodiscard]] (the library does not), test it with `if
/// (!x)`, read it with `*x`; never `.value()`, which throws.
template <class T>
using Result = tl::expected<T, Error>;

/// `return fail("...");` from a function that returns a Result.
inline tl::unexpected<Error> fail(std::string message) {
  return tl::unexpected<Error>(Error{std::move(message)});
}

}  // namespace hither
