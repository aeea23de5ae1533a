// SPDX-License-Identifier: Apache-2.0
#include "lb/name_watch.h"

#include <algorithm>
#include <utility>

namespace hither::lb {

NameWatch::News NameWatch::on_answer(std::span<const Address> addresses, Duration ttl,
                                     Instant now) {
  if (addresses.empty()) return on_failure("it has no address", now);
  asking_ = false;
  next_ = now + std::clamp(ttl, wait_least, wait_most);
  answered_at_ = now;
  addresses_.assign(addresses.begin(), addresses.end());
  failure_.clear();
  News news{.recovers = std::exchange(failures_, 0) > 0};
  const bool still_there = address_ && std::ranges::find(addresses, *address_) != addresses.end();
  if (still_there) return news;
  address_ = addresses.front();
  news.moved = true;
  return news;
}

NameWatch::News NameWatch::on_failure(std::string reason, Instant now) {
  constexpr int doublings_max = 16;
  asking_ = false;
  failure_ = std::move(reason);
  next_ = now + std::min(wait_least * (1 << failures_), retry_most);
  failures_ = std::min(failures_ + 1, doublings_max);
  return {.fails = failures_ == 1};
}

}  // namespace hither::lb
