// SPDX-License-Identifier: Apache-2.0
#include "lb/idle_pool.h"

#include <algorithm>

namespace hither::lb {

IdlePool::OfServer& IdlePool::of(std::size_t server) {
  if (server >= servers_.size()) servers_.resize(server + 1, OfServer(limits_.idle_max));
  return servers_[server];
}

std::optional<IdlePool::Connection> IdlePool::put(std::size_t server, Connection connection,
                                                  Instant now) {
  std::deque<Idle>& idle = of(server).idle;
  if (limits_.per_server_max == 0) return connection;
  std::optional<Connection> surplus;
  if (idle.size() >= limits_.per_server_max) {
    surplus = idle.front().connection;
    idle.pop_front();
  }
  idle.push_back({.connection = connection, .since = now});
  return surplus;
}

std::optional<IdlePool::Connection> IdlePool::take(std::size_t server, Instant now) {
  std::deque<Idle>& idle = of(server).idle;
  if (idle.empty() || now - idle.back().since >= idle_max(server)) return std::nullopt;
  const Connection connection = idle.back().connection;
  idle.pop_back();
  return connection;
}

void IdlePool::closed(std::size_t server, Connection connection, Instant now) {
  std::deque<Idle>& idle = of(server).idle;
  const auto found = std::ranges::find(idle, connection, &Idle::connection);
  if (found == idle.end()) return;
  of(server).horizon.closed_after(now - found->since);
  idle.erase(found);
}

std::vector<IdlePool::Connection> IdlePool::expired(Instant now) {
  std::vector<Connection> old;
  for (OfServer& server : servers_) {
    const Duration idle_max = server.horizon.limit();
    while (!server.idle.empty() && now - server.idle.front().since >= idle_max) {
      old.push_back(server.idle.front().connection);
      server.idle.pop_front();
      server.horizon.outlived();
    }
  }
  return old;
}

std::vector<IdlePool::Connection> IdlePool::drop(std::size_t server) {
  std::vector<Connection> all;
  for (const Idle& idle : of(server).idle) all.push_back(idle.connection);
  of(server).idle.clear();
  of(server).horizon.forget();
  return all;
}

Instant IdlePool::next() const {
  Instant next = never;
  for (const OfServer& server : servers_) {
    if (server.idle.empty()) continue;
    next = std::min(next, server.idle.front().since + server.horizon.limit());
  }
  return next;
}

std::size_t IdlePool::size() const {
  std::size_t size = 0;
  for (const OfServer& server : servers_) size += server.idle.size();
  return size;
}

}  // namespace hither::lb
