// SPDX-License-Identifier: Apache-2.0
#include "lb/admission.h"

#include <algorithm>
#include <utility>

namespace hither::lb {

void Admission::on_call(unsigned thread, std::function<void()> tell) {
  inboxes_[thread].tell = std::move(tell);
}

void Admission::set_most(std::size_t most) {
  const Turn turn(*turns_);
  most_ = most;
}

Admission::Ticket Admission::enter(Waiter waiter, Ticket earlier) {
  const Turn turn(*turns_);
  if (waiting_.size() >= most_) {
    ++totals_.refused;
    return 0;
  }
  const Ticket ticket = earlier != 0 ? earlier : ++last_;
  if (earlier == 0) ++totals_.entered;
  waiting_.emplace(ticket, std::move(waiter));
  waiting_count_.store(waiting_.size());
  return ticket;
}

/// True if its thread must be told.
bool Admission::move_to_called(Waiting::iterator who, std::optional<std::uint32_t> server) {
  const Waiter& waiter = who->second;
  Inbox& inbox = inboxes_[waiter.thread];
  const bool first = inbox.owners.empty();
  inbox.owners.push_back(waiter.owner);
  called_.emplace(who->first, Answer{.server = server});
  waiting_.erase(who);
  waiting_count_.store(waiting_.size());
  return first;
}

bool Admission::call(std::uint32_t server, const std::function<bool()>& claim) {
  const Inbox* inbox = nullptr;
  {
    const Turn turn(*turns_);
    const auto first = std::ranges::find_if(waiting_, [server](const auto& entry) {
      return std::ranges::count(entry.second.tried, server) == 0;
    });
    if (first == waiting_.end() || !claim()) return false;
    const unsigned thread = first->second.thread;
    if (move_to_called(first, server)) inbox = &inboxes_[thread];
  }
  if (inbox != nullptr && inbox->tell) inbox->tell();
  return true;
}

void Admission::dismiss() {
  std::vector<const Inbox*> told;
  {
    const Turn turn(*turns_);
    while (!waiting_.empty()) {
      const unsigned thread = waiting_.begin()->second.thread;
      if (move_to_called(waiting_.begin(), std::nullopt)) told.push_back(&inboxes_[thread]);
    }
  }
  for (const Inbox* inbox : told) {
    if (inbox->tell) inbox->tell();
  }
}

std::vector<std::uint64_t> Admission::calls(unsigned thread) {
  const Turn turn(*turns_);
  return std::exchange(inboxes_[thread].owners, {});
}

std::optional<Admission::Answer> Admission::answer(Ticket ticket) {
  const Turn turn(*turns_);
  const auto found = called_.find(ticket);
  if (found == called_.end()) return std::nullopt;
  const Answer answer = found->second;
  called_.erase(found);
  return answer;
}

std::optional<std::uint32_t> Admission::leave(Ticket ticket, bool late) {
  const Turn turn(*turns_);
  if (late) ++totals_.late;
  if (waiting_.erase(ticket) > 0) {
    waiting_count_.store(waiting_.size());
    return std::nullopt;
  }
  const auto found = called_.find(ticket);
  if (found == called_.end()) return std::nullopt;
  const std::optional<std::uint32_t> server = found->second.server;
  called_.erase(found);
  return server;
}

Admission::Report Admission::report(Instant now) const {
  const Turn turn(*turns_);
  Report report = totals_;
  report.waiting = waiting_.size();
  if (!waiting_.empty())
    report.oldest = std::max(now - waiting_.begin()->second.since, Duration::zero());
  return report;
}

}  // namespace hither::lb
