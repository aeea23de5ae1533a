// SPDX-License-Identifier: Apache-2.0
#include "lb/decision_log.h"

#include <algorithm>

namespace hither::lb {

std::vector<Decision> DecisionLog::newest() const {
  const std::uint64_t added = added_.load(std::memory_order_acquire);
  std::vector<Decision> decisions;
  for (std::uint64_t back = 1; back <= std::min<std::uint64_t>(added, kept); ++back) {
    decisions.push_back(ring_[(added - back) % kept].get());
  }
  return decisions;
}

}  // namespace hither::lb
