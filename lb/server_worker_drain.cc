// SPDX-License-Identifier: Apache-2.0
//
// How a worker's clients leave, and how its sockets go to another process.
#include <algorithm>
#include <utility>

#include "io/clock.h"
#include "io/fd_passing.h"
#include "lb/server_worker.h"
#include "lb/server_worker_parts.h"

namespace hither::lb {
namespace {

/// For a heap with the earliest on top.
constexpr auto later = [](const auto& one, const auto& other) { return one.when > other.when; };

}  // namespace

void Worker::set_accepting(bool accepting) {
  loop_.post([this, accepting] {
    held_ = !accepting;
    for (const std::unique_ptr<Listener>& listener : listeners_) {
      listener->pause.cancel();
      listener->watch.want_read(accepting);
    }
  });
}

void Worker::lend_sockets(std::function<void(Sockets)> give) {
  loop_.post([this, give = std::move(give)] {
    Sockets lent;
    for (const std::unique_ptr<Listener>& listener : listeners_) {
      lent.emplace_back(listener->door.endpoint, io::duplicate(listener->fd.get()));
    }
    give(std::move(lent));
  });
}

void Worker::drain(const DrainRule& rule, std::vector<Endpoint> handed_over,
                   std::function<void()> when_empty) {
  loop_.post(
      [this, rule, handed_over = std::move(handed_over), when_empty = std::move(when_empty)] {
        for (const std::unique_ptr<Listener>& listener : listeners_) {
          if (std::ranges::find(handed_over, listener->door.endpoint) != handed_over.end())
            continue;
          while (accept_some(*listener)) {
          }
        }
        listeners_.clear();
        // Only now: the first who is let in may be gone before the next is.
        draining_ = true;
        when_empty_ = when_empty;
        give_turns(rule, [](const Flow&) { return true; });
        if (flows_.empty() && when_empty_) std::exchange(when_empty_, {})();
      });
}

void Worker::give_turns(const DrainRule& rule, const std::function<bool(const Flow&)>& which) {
  const Instant now = io::monotonic_now();
  for (const auto& [id, flow] : flows_) {
    if (!which(*flow)) continue;
    const Farm& farm =
        flow->share != nullptr ? flow->share->farm : shares_[flow->port->farms.front()]->farm;
    const Duration window = std::min(farm.settings().timeouts.drain, rule.window_max);
    const Instant turn = turn_of({.thread = thread_, .number = id}, now, window);
    turns_.push_back({.when = turn, .flow = id, .patience = rule.patience});
  }
  std::ranges::make_heap(turns_, later);
  take_turns();
}

void Worker::take_turns() {
  const Instant now = io::monotonic_now();
  while (!turns_.empty() && turns_.front().when <= now) {
    std::ranges::pop_heap(turns_, later);
    const Turn turn = turns_.back();
    turns_.pop_back();
    const auto found = flows_.find(turn.flow);
    if (found == flows_.end()) continue;
    Flow& flow = *found->second;
    if (flow.session == nullptr) {
      // It is on its way, and has its own deadline. Whoever is behind it is served once.
      flow.patience = turn.patience;
      continue;
    }
    flow.session->drain(now, turn.patience);
    drive(flow, now);
  }
  turn_timer_.set(turns_.empty() ? now + std::chrono::hours(1) : turns_.front().when);
}

void Worker::cut(std::optional<std::size_t> farm,
                 std::function<void(std::vector<Straggler>)> tell) {
  loop_.post([this, farm, tell = std::move(tell)] {
    std::vector<std::uint64_t> ids;
    std::vector<Straggler> stragglers;
    for (const auto& [id, flow] : flows_) {
      if (farm && flow->share != shares_[*farm].get()) continue;
      ids.push_back(id);
      stragglers.push_back({.farm = flow->share == nullptr ? "" : flow->share->farm.name(),
                            .client = flow->peer.address,
                            .since = flow->since});
    }
    tell(std::move(stragglers));
    std::ranges::sort(ids);
    for (const std::uint64_t id : ids) {
      const auto found = flows_.find(id);
      if (found == flows_.end()) continue;
      Flow& flow = *found->second;
      if (flow.session != nullptr) flow.session->cut_off(io::monotonic_now());
      remove(flow);
    }
  });
}

}  // namespace hither::lb
