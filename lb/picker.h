// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/rng.h"
#include "lb/farm.h"
#include "lb/pick.h"

namespace hither::lb {

/// One thread's way to pick servers of one farm: the candidates as of the farm's last change, the
/// turn and the dice. No lock and no allocation unless the farm changed or the request was tried
/// before. Belongs to one thread; `farm` must outlive it.
class Picker {
 public:
  Picker(Farm& farm, unsigned thread, std::uint64_t seed)
      : farm_(&farm), thread_(thread), rng_(seed) {}

  /// A hold on a usable server that is not among `tried`, by the farm's rule; empty if there is
  /// none.
  Lease pick(std::span<const std::uint32_t> tried = {});

  Farm& farm() const { return *farm_; }
  FarmTotals& totals() const { return farm_->totals(thread_); }
  /// Random bits for request ids.
  std::uint64_t draw() { return rng_.next(); }

 private:
  void refresh();
  std::optional<std::size_t> choose(std::span<const Candidate> candidates);

  Farm* farm_;
  unsigned thread_;
  Rng rng_;
  std::uint64_t turn_ = 0;
  std::uint64_t generation_ = 0;
  std::vector<Candidate> candidates_;
};

}  // namespace hither::lb
