// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time.h"

namespace hither::lb {

/// When the stories of unit tests begin: late enough that a time before it is a valid one.
inline constexpr Instant start{std::chrono::hours(1)};

}  // namespace hither::lb
