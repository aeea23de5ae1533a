// SPDX-License-Identifier: Apache-2.0
#include "lb/idle_pool.h"

#include <algorithm>
#include <utility>

namespace hither::lb {

IdlePool::OfServer& IdlePool::of(std::size_t server) {
  if (server >= servers_.size()) servers_.resize(server + 1);
  OfServer& there = servers_[server];
  if (there.all != nullptr) return there;
  there.all = &all_.of(server);
  there.shelf = &there.all->shelf(thread_);
  for (std::size_t slot = there.shelf->slots(); slot > 0; --slot) there.empty.push_back(slot - 1);
  return there;
}

/// It is out of the list already. False if another thread has it, or is about to.
bool IdlePool::take_back(std::size_t server, const Idle& idle) {
  OfServer& there = servers_[server];
  there.tell_count();
  if (!there.shelf->take_back(idle.slot)) {
    lost_.push_back({.server = server, .idle = idle});
    return false;
  }
  there.empty.push_back(idle.slot);
  return true;
}

std::optional<IdlePool::Connection> IdlePool::put(std::size_t server, Connection connection, int fd,
                                                  Instant now) {
  OfServer& there = of(server);
  const Parked parked{.fd = fd, .since = now};
  if (!IdleShelf::can_hold(parked)) return connection;
  std::optional<Connection> surplus;
  if (there.empty.empty() && !there.idle.empty()) {
    const Idle oldest = there.idle.front();
    there.idle.erase(there.idle.begin());
    if (take_back(server, oldest)) surplus = oldest.connection;
  }
  if (there.empty.empty()) return connection;  // None may be kept, or others are taking some.
  const std::size_t slot = there.empty.back();
  there.empty.pop_back();
  there.idle.push_back({.connection = connection, .since = now, .slot = slot});
  there.shelf->park(slot, parked);
  there.tell_count();
  return surplus;
}

std::optional<IdlePool::Connection> IdlePool::take(std::size_t server, Instant now) {
  OfServer& there = of(server);
  while (!there.idle.empty() && now - there.idle.back().since < there.all->idle_max()) {
    const Idle last = there.idle.back();
    there.idle.pop_back();
    if (take_back(server, last)) return last.connection;
  }
  return std::nullopt;
}

bool IdlePool::closed(std::size_t server, Connection connection, Instant now) {
  OfServer& there = of(server);
  const auto found = std::ranges::find(there.idle, connection, &Idle::connection);
  if (found == there.idle.end()) return false;
  const Idle idle = *found;
  there.idle.erase(found);
  if (!take_back(server, idle)) return false;
  all_.closed_after(*there.all, now - idle.since);
  return true;
}

std::vector<IdlePool::Connection> IdlePool::expired(Instant now) {
  std::vector<Connection> old;
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    OfServer& there = servers_[server];
    const auto young = std::ranges::find_if(
        there.idle, [&](const Idle& idle) { return now - idle.since < there.all->idle_max(); });
    const std::vector<Idle> late(there.idle.begin(), young);
    there.idle.erase(there.idle.begin(), young);
    for (const Idle& idle : late) {
      if (!take_back(server, idle)) continue;
      old.push_back(idle.connection);
      all_.outlived(*there.all);
    }
  }
  return old;
}

std::optional<IdlePool::Connection> IdlePool::give_up_oldest() {
  while (true) {
    std::size_t oldest = servers_.size();
    Instant since = never;
    for (std::size_t server = 0; server < servers_.size(); ++server) {
      const std::vector<Idle>& idle = servers_[server].idle;
      if (idle.empty() || idle.front().since >= since) continue;
      since = idle.front().since;
      oldest = server;
    }
    if (oldest == servers_.size()) return std::nullopt;
    const Idle idle = servers_[oldest].idle.front();
    servers_[oldest].idle.erase(servers_[oldest].idle.begin());
    if (take_back(oldest, idle)) return idle.connection;
  }
}

std::vector<IdlePool::Connection> IdlePool::drop(std::size_t server) {
  OfServer& there = of(server);
  std::vector<Connection> all;
  const std::vector<Idle> idle = std::exchange(there.idle, {});
  for (const Idle& one : idle) {
    if (take_back(server, one)) all.push_back(one.connection);
  }
  all_.forget(*there.all);
  return all;
}

// ---- Between threads

std::optional<IdlePool::TakeOver> IdlePool::take_over(std::size_t server, Instant now) {
  SharedIdle::OfServer& known = *of(server).all;
  for (unsigned next = 1; next < all_.threads(); ++next) {
    const unsigned other = (thread_ + next) % all_.threads();
    if (const auto leaving = known.shelf(other).claim(now, known.idle_max())) {
      return TakeOver{.thread = other, .server = server, .leaving = *leaving};
    }
  }
  return std::nullopt;
}

void IdlePool::taken_over(const TakeOver& one) {
  of(one.server).all->shelf(one.thread).leave(one.leaving);
}

void IdlePool::found_closed(const TakeOver& one, Instant now) {
  all_.closed_after(*of(one.server).all, now - one.leaving.parked.since);
}

std::vector<IdlePool::Connection> IdlePool::taken_away() {
  std::vector<Connection> gone;
  std::erase_if(lost_, [this, &gone](const Lost& lost) {
    OfServer& there = servers_[lost.server];
    if (!there.shelf->empty(lost.idle.slot)) return false;
    there.empty.push_back(lost.idle.slot);
    gone.push_back(lost.idle.connection);
    return true;
  });
  return gone;
}

Instant IdlePool::next() const {
  Instant next = never;
  for (const OfServer& server : servers_) {
    if (server.idle.empty()) continue;
    next = std::min(next, server.idle.front().since + server.all->idle_max());
  }
  return next;
}

std::size_t IdlePool::size() const {
  std::size_t size = 0;
  for (const OfServer& server : servers_) size += server.idle.size();
  return size;
}

}  // namespace hither::lb
