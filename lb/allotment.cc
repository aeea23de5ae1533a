// SPDX-License-Identifier: Apache-2.0
#include "lb/allotment.h"

#include <algorithm>

namespace hither::lb {

void Allotments::change(const topology::Farm& farm, const CopyPlan& plan) {
  farm_ = &farm;
  const bool others_serve = plan.order.size() > plan.joins.size();
  for (const CopyPlan::Join& join : plan.joins) {
    if (join.place >= copies_.size()) copies_.resize(join.place + 1);
    Copy& copy = copies_[join.place];
    if (join.heir_of) {
      copy = copies_[*join.heir_of];
      copy.gradient.count_anew();
      continue;
    }
    copy = {};
    if (others_serve && farm.slow_start > Duration::zero()) copy.ramp.expect();
  }
  for (Copy& copy : copies_) {
    if (adaptive()) {
      copy.gradient.change(farm.concurrency, farm.capacity);
    } else {
      copy.gradient = {};
    }
    work_out(copy);
  }
}

void Allotments::set_weight(std::size_t place, std::uint32_t weight) {
  copies_[place].weight = weight;
  work_out(copies_[place]);
}

Allotments::Learned Allotments::learned(std::size_t place, Instant now) const {
  const Copy& copy = copies_[place];
  return {.ramped = copy.ramp.ramped(now), .limit = copy.gradient.learned()};
}

void Allotments::inherit(std::size_t place, const Learned& learned, Instant now) {
  Copy& copy = copies_[place];
  if (learned.ramped && farm_->slow_start > Duration::zero()) {
    copy.ramp.inherit(*learned.ramped, now);
  }
  if (adaptive()) copy.gradient.inherit(learned.limit);
  work_out(copy);
}

void Allotments::step(std::span<const Seen> seen, bool ramps, Instant now) {
  const SlowStart::Rule rule{.length = ramps ? farm_->slow_start : Duration::zero(),
                             .ready_timeout = farm_->ready_timeout};
  for (std::size_t place = 0; place < copies_.size(); ++place) {
    Copy& copy = copies_[place];
    copy.ramp.step(seen[place].usable, rule, now);
    if (adaptive()) {
      const bool learn = copy.ramp.share() >= 1;
      copy.gradient.step(seen[place].answers, seen[place].in_flight, learn, now);
    }
    work_out(copy);
  }
}

void Allotments::work_out(Copy& copy) const {
  const double share = copy.ramp.share();
  const std::uint32_t limit =
      adaptive() ? copy.gradient.limit() : static_cast<std::uint32_t>(farm_->concurrency.most);
  copy.given = {.weight = ramped_weight(copy.weight, share),
                .limit = ramped_limit(limit, share),
                .share = share};
}

}  // namespace hither::lb
