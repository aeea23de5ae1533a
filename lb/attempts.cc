// SPDX-License-Identifier: Apache-2.0
#include "lb/attempts.h"

#include <fmt/format.h>

namespace hither::lb {

void Attempts::reset(const Affinity& affinity) {
  count_ = 0;
  affinity_ = affinity;
  last_failure_.clear();
}

bool Attempts::begin(Picker& picker, const Affinity& affinity, Instant now) {
  reset(affinity);
  lease_ = picker.pick(affinity, now, {}, request_.text());
  return static_cast<bool>(lease_);
}

void Attempts::resume(Picker& picker, std::uint32_t index, const Affinity& affinity, Instant now) {
  reset(affinity);
  lease_ = picker.take(index, now);
}

bool Attempts::next(Picker& picker, std::string_view why, Instant now) {
  last_failure_ = fmt::format("{}: {}", lease_.server().name(), why);
  lease_.connect_done(false);
  lease_.failed(now);
  tried_[count_] = lease_.index();
  ++count_;
  if (count_ == tries_max) {
    lease_.release();
    return false;
  }
  Lease other = picker.pick(affinity_, now, std::span(tried_).first(count_), request_.text());
  if (other && !picker.farm().retry_budget().take()) {
    last_failure_ += "; too many retries already";
    other.release();
  }
  if (other) lease_.totals().retries.add();
  lease_ = std::move(other);
  return static_cast<bool>(lease_);
}

std::string_view Attempts::set_cookie() const {
  if (!lease_ || lease_.server().token() == affinity_.sticky) return {};
  return lease_.server().set_cookie();
}

std::string Attempts::why_none(const Farm& farm) const {
  if (count_ == 0) return farm.why_none();
  return fmt::format("no copy of farm {} took the connection ({} tried; {})", farm.name(), count_,
                     last_failure_);
}

}  // namespace hither::lb
