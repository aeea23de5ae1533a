// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/time.h"

namespace hither::lb {

/// How slow a peer may be: it may fall behind `bytes_per_second` by `grace`, no further.
struct RateRule {
  std::uint64_t bytes_per_second = 0;  ///< 0: as slow as it likes
  Duration grace{};
};

/// Watches that a client sends (or takes) a body at a least rate, so that nobody holds a server by
/// one byte now and then. A leaking allowance: waiting for the client uses it up, its bytes fill it
/// again, up to the grace. Only time in which we wait for the client counts. A plain value with one
/// owner; told every instant.
class MinimumRate {
 public:
  /// A body begins.
  void begin(const RateRule& rule);
  /// No body: never late.
  void end() { *this = {}; }
  /// We wait for the client from now on, or no longer. Cheap when nothing changes.
  void wait(bool waiting, Instant now);
  void moved(std::size_t bytes, Instant now);
  /// When it will be late if nothing comes; `never` if we do not wait.
  Instant deadline() const { return waiting_ ? since_ + left_ : never; }

 private:
  void count(Instant now);

  RateRule rule_;
  Duration left_{};  ///< of the allowance, as of `since_`
  Instant since_{};
  bool waiting_ = false;
};

}  // namespace hither::lb
