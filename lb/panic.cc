// SPDX-License-Identifier: Apache-2.0
#include "lb/panic.h"

#include <algorithm>

namespace hither::lb {
namespace {

/// 0.3 of 10 copies are 3, whatever a processor makes of it.
constexpr double rounding = 1e-9;

}  // namespace

bool Panic::over(double needed, const Seen& seen, Instant now) {
  const auto usable = static_cast<double>(seen.usable);
  if (usable < needed) {
    enough_ = false;
    return false;
  }
  if (seen.usable == seen.copies || usable - 1 >= needed) return true;
  if (!enough_) enough_since_ = now;
  enough_ = true;
  return now - enough_since_ >= hold;
}

Panic::Change Panic::step(const topology::Panic& rule, const Seen& seen, Instant now) {
  const double needed = rule.below * static_cast<double>(seen.copies) - rounding;
  const bool asked = rule.below > 0 && seen.copies > 0;
  if (asked && !seen.known) return Change::none;
  if (!active_) {
    if (!asked || static_cast<double>(seen.usable) >= needed) return Change::none;
    active_ = true;
    enough_ = false;
    since_ = now;
    ++times_;
    return Change::begins;
  }
  if (asked && !over(needed, seen, now)) return Change::none;
  active_ = false;
  since_ = now;
  return Change::ends;
}

double admitted_share(double below, double usable, double all) {
  const double needed = below * all;
  return needed <= 0 ? 1 : std::clamp(usable / needed, 0.0, 1.0);
}

}  // namespace hither::lb
