// SPDX-License-Identifier: Apache-2.0
#include "lb/retry_budget.h"

#include <algorithm>

namespace hither::lb {

namespace {

bool take_one(std::atomic<std::int64_t>& of) {
  std::int64_t left = of.load(std::memory_order_relaxed);
  while (left > 0) {
    if (of.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

}  // namespace

bool RetryBudget::take() {
  const std::int64_t others = in_progress_.fetch_add(1, std::memory_order_relaxed);
  if ((take_one(share_left_) || others < at_once) && take_one(left_)) {
    taken_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  done();
  refused_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void RetryBudget::step(std::uint64_t requests, Instant now) {
  const std::int64_t turn = now.time_since_epoch() / std::chrono::seconds(1);
  if (turn - turn_ >= seconds) {
    ring_ = {};
    turn_ = turn;
  }
  while (turn_ < turn) ring_[static_cast<std::size_t>(++turn_) % seconds] = {};
  const std::uint64_t taken = this->taken();
  Second& second = ring_[static_cast<std::size_t>(turn_) % seconds];
  second.requests += requests - counted_.requests;
  second.retries += taken - counted_.retries;
  counted_ = {.requests = requests, .retries = taken};

  Second sum;
  for (const Second& one : ring_) {
    sum.requests += one.requests;
    sum.retries += one.retries;
  }
  const std::int64_t share = static_cast<std::int64_t>(sum.requests) * percent / 100;
  const std::int64_t allowed = std::max(share, std::int64_t{per_second} * seconds);
  const auto retries = static_cast<std::int64_t>(sum.retries);
  share_left_.store(std::max(share - retries, std::int64_t{0}), std::memory_order_relaxed);
  left_.store(std::max(allowed - retries, std::int64_t{0}), std::memory_order_relaxed);
}

}  // namespace hither::lb
