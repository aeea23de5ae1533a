// SPDX-License-Identifier: Apache-2.0
#include "backend/model.h"

#include <algorithm>

namespace hither::backend {

Model::Model(const Behaviour& behaviour) : behaviour_(behaviour), rng_(behaviour.seed) {}

void Model::advance(Instant now) {
  while (!finishes_.empty() && finishes_.top() <= now) finishes_.pop();
  while (!starts_.empty() && starts_.front() <= now) starts_.pop_front();
}

Model::Admission Model::on_request(Instant now) {
  advance(now);
  // Both draws always happen, so that a fault does not shift what later requests draw.
  const Duration service = behaviour_.service.draw(rng_) + faults_.slow;
  const bool failed = rng_.unit() < faults_.error.value_or(behaviour_.error_rate);
  const bool limited = behaviour_.concurrency > 0;
  Instant start = now;
  if (limited && free_at_.size() >= behaviour_.concurrency) {
    start = std::max(now, free_at_.top());
    if (start > now && starts_.size() >= behaviour_.queue_max) {
      return {.outcome = Outcome::refused, .start = now, .finish = now};
    }
    free_at_.pop();
  }
  const Instant finish = start + service;
  if (limited) free_at_.push(finish);
  if (start > now) starts_.push_back(start);
  finishes_.push(finish);
  return {.outcome = failed ? Outcome::failed : Outcome::served, .start = start, .finish = finish};
}

std::size_t Model::serving(Instant now) {
  advance(now);
  return finishes_.size() - starts_.size();
}

std::size_t Model::waiting(Instant now) {
  advance(now);
  return starts_.size();
}

}  // namespace hither::backend
