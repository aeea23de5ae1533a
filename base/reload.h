// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

namespace hither {

/// The pure part of reading files again while a program runs.

/// How reloads went, for status pages and metrics.
struct ReloadReport {
  std::uint64_t done = 0;
  std::uint64_t refused = 0;
  Instant last{};  ///< when the last one ended, either way
  Duration took{};
  std::vector<std::string> mistakes;  ///< of the last one; empty: what is served is what was read
};

/// Sees that files have changed, from stamps somebody takes of them now and then. A change counts
/// when it is as it was at the look before, so that a file is not read while it is being written;
/// one that was tried is not tried again.
template <class Stamp>
class ChangeWatch {
 public:
  using Stamps = std::vector<std::optional<Stamp>>;
  explicit ChangeWatch(Stamps now) : tried_(now), seen_(std::move(now)) {}

  /// True: read them now.
  bool look(const Stamps& now) {
    const bool settled = now == seen_ && now != tried_;
    seen_ = now;
    if (settled) tried_ = now;
    return settled;
  }

 private:
  Stamps tried_;
  Stamps seen_;
};

}  // namespace hither
