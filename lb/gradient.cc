// SPDX-License-Identifier: Apache-2.0
#include "lb/gradient.h"

#include <algorithm>
#include <cmath>

namespace hither::lb {

void GradientLimit::change(const topology::Concurrency& rule, int first) {
  least_ = double{1} * rule.least;
  most_ = std::max(double{1} * (rule.most > 0 ? rule.most : most_usual), least_);
  if (limit_ <= 0) limit_ = double{1} * first;
  limit_ = std::clamp(limit_, least_, most_);
}

void GradientLimit::inherit(const Learned& learned) {
  if (learned.samples == 0 || learned.usual <= Duration::zero() || !(learned.limit > 0)) return;
  limit_ = std::clamp(learned.limit, least_, most_);
  usual_ns_ = static_cast<double>(learned.usual.count());
  samples_ = static_cast<unsigned>(std::min<std::uint64_t>(learned.samples, window_steps));
}

void GradientLimit::step(const Answers& answers, std::uint32_t in_flight, bool learn, Instant now) {
  if (!counts_) {
    counts_ = true;
    counted_ = answers;
    counted_at_ = now;
    return;
  }
  const std::uint64_t count = answers.count - counted_.count;
  if (learn && count < answers_min && (count == 0 || now - counted_at_ < wait_max)) return;
  const Duration took = answers.took - counted_.took;
  counted_ = answers;
  counted_at_ = now;
  if (!learn || count == 0) return;
  this->learn(static_cast<double>(std::max<std::int64_t>(took.count(), 1)) /
              static_cast<double>(count));
  adjust(in_flight);
}

void GradientLimit::learn(double sample_ns) {
  latest_ns_ = sample_ns;
  if (samples_ < window_steps) ++samples_;
  const double part = samples_ <= warm_up_steps ? 1.0 / samples_ : 2.0 / (window_steps + 1);
  usual_ns_ += (sample_ns - usual_ns_) * part;
  if (usual_ns_ > 2 * sample_ns) usual_ns_ *= 0.95;
}

void GradientLimit::adjust(std::uint32_t in_flight) {
  if (in_flight < limit_ / 2) return;
  const double gradient = std::clamp(tolerance * usual_ns_ / latest_ns_, 0.5, 1.0);
  const double wanted = limit_ * gradient + std::max(queue_least, std::sqrt(limit_));
  limit_ = std::clamp((1 - smoothing) * limit_ + smoothing * wanted, least_, most_);
}

}  // namespace hither::lb
