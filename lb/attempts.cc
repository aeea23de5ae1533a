// SPDX-License-Identifier: Apache-2.0
#include "lb/attempts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace hither::lb {

void Attempts::reset(const Affinity& affinity) {
  settled();
  count_ = failed_ = 0;
  affinity_ = affinity;
  last_failure_.clear();
  our_failure_.clear();
  vain_wait_.clear();
  earlier_ = 0;
  away_ = false;
  shed_ = false;
}

/// Takes what was picked. Who has a cookie and is not at its server is away from it if that one may
/// be picked, and did not fail.
Search Attempts::hold(const Picker& picker, Lease lease) {
  lease_ = std::move(lease);
  if (!lease_) return picker.all_full() ? Search::full : Search::none;
  if (affinity_.sticky == 0 || lease_.server().token() == affinity_.sticky) return Search::found;
  const std::optional<std::uint32_t> home = picker.find(affinity_.sticky);
  const auto tried = std::span(tried_).first(count_);
  away_ = home && std::ranges::count(tried, *home) == 0;
  return Search::found;
}

Search Attempts::begin(Picker& picker, const Affinity& affinity, Instant now) {
  reset(affinity);
  Lease first = picker.pick(affinity, now, {}, request_.text());
  shed_ = picker.shed();
  return hold(picker, std::move(first));
}

Search Attempts::give_up(std::string_view why) {
  our_failure_ = why;
  lease_.unused();
  lease_.release();
  return Search::none;
}

Search Attempts::pass_on(Picker& picker, std::string_view why, Instant now) {
  tried_[count_++] = lease_.index();
  give_up(why);
  if (count_ >= tries_max) return Search::none;
  return hold(picker,
              picker.pick(affinity_, now, std::span(tried_).first(count_), request_.text()));
}

bool Attempts::resume(Picker& picker, std::uint32_t index, const Affinity& affinity, Instant now) {
  reset(affinity);
  lease_ = picker.take(index, now);
  return static_cast<bool>(lease_);
}

Search Attempts::next(Picker& picker, std::string_view why, Instant now) {
  last_failure_ = fmt::format("{}: {}", lease_.server().name(), why);
  our_failure_.clear();
  settled();
  lease_.connect_done(false);
  lease_.failed(now);
  tried_[count_] = lease_.index();
  ++count_;
  ++failed_;
  if (failed_ >= allowed_ || count_ >= tries_max) {
    if (allowed_ < tries_max) last_failure_ += "; it is somebody's retry already";
    lease_.release();
    return Search::none;
  }
  Lease other = picker.pick(affinity_, now, std::span(tried_).first(count_), request_.text());
  bool another = other || picker.all_full();
  if (another && !picker.farm().retry_budget().take()) {
    last_failure_ += "; too many retries already";
    other.release();
    another = false;
  }
  if (another) {
    retry_of_ = &picker.farm().retry_budget();
    lease_.totals().retries.add();
  }
  const Search result = hold(picker, std::move(other));
  return another ? result : Search::none;
}

void Attempts::end() {
  leave_queue(/*late=*/false);
  lease_.release();
  settled();
}

void Attempts::settled() {
  if (retry_of_ != nullptr) std::exchange(retry_of_, nullptr)->done();
}

// ---- The queue

bool Attempts::wait(Picker& picker, std::uint64_t owner, Instant now) {
  Farm& farm = picker.farm();
  if (earlier_ == 0) {
    wait_since_ = now;
    wait_until_ = now + farm.settings().concurrency.queue_timeout;
  }
  const std::span<const std::uint32_t> tried = std::span(tried_).first(count_);
  ticket_ = farm.admission().enter({.thread = picker.thread(),
                                    .owner = owner,
                                    .since = wait_since_,
                                    .tried = {tried.begin(), tried.end()}},
                                   earlier_);
  if (ticket_ == 0) {
    vain_wait_ = farm.settings().concurrency.queue == 0 ? "none waits" : "too many wait already";
    return false;
  }
  earlier_ = ticket_;
  queue_of_ = &picker;
  // A place that got free after pick() and before enter() was offered to nobody.
  farm.offer_places();
  return true;
}

Search Attempts::called(Instant now) {
  const auto answer = queue_of_->farm().admission().answer(ticket_);
  if (!answer) return Search::full;
  ticket_ = 0;
  if (!answer->server) return Search::none;
  return hold(*queue_of_, queue_of_->taken(*answer->server, now));
}

void Attempts::waited_in_vain() {
  vain_wait_ = fmt::format("none got free in {}",
                           hither::to_text(queue_of_->farm().settings().concurrency.queue_timeout));
  leave_queue(/*late=*/true);
}

void Attempts::leave_queue(bool late) {
  if (ticket_ == 0) return;
  Farm& farm = queue_of_->farm();
  const auto place = farm.admission().leave(std::exchange(ticket_, 0), late);
  if (place) farm.server(*place).give_back(*place);
}

// ---- What is told

std::string_view Attempts::set_cookie() const {
  if (!lease_ || away_ || lease_.server().token() == affinity_.sticky) return {};
  return lease_.server().set_cookie();
}

std::string Attempts::why_none(const Farm& farm) const {
  if (!our_failure_.empty()) {
    return fmt::format("no connection to a copy of farm {} could be opened: {}", farm.name(),
                       our_failure_);
  }
  if (!vain_wait_.empty()) {
    return fmt::format("all copies of farm {} have as much as they are given at once; {}",
                       farm.name(), vain_wait_);
  }
  if (shed_) {
    return fmt::format(
        "too few copies of farm {} are up, and this request is refused to spare them", farm.name());
  }
  if (count_ == 0) return farm.why_none();
  return fmt::format("no copy of farm {} took the connection ({} tried; {})", farm.name(), count_,
                     last_failure_);
}

}  // namespace hither::lb
