// SPDX-License-Identifier: Apache-2.0
#include "lb/keepalive_horizon.h"

#include <algorithm>

namespace hither::lb {
namespace {

/// Connections that must reach the limit before it is tried further: the server then closes one or
/// two of some hundred first.
constexpr int outlived_before_growth = 64;

}  // namespace

void KeepaliveHorizon::closed_after(Duration idle) {
  outlived_ = 0;
  const Duration earlier = std::min(idle, last_);
  const bool alike = last_ >= Duration{} && std::max(idle, last_) - earlier <= earlier / 4;
  last_ = idle;
  // A fifth before it, for the way there and for what a timer may be late.
  if (alike) limit_ = std::min(limit_, earlier - earlier / 5);
}

void KeepaliveHorizon::outlived() {
  if (limit_ >= most_ || ++outlived_ < outlived_before_growth) return;
  outlived_ = 0;
  last_ = Duration{-1};
  limit_ = std::min(most_, limit_ + limit_ / 10 + std::chrono::milliseconds(1));
}

}  // namespace hither::lb
