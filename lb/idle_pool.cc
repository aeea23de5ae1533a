// SPDX-License-Identifier: Apache-2.0
#include "lb/idle_pool.h"

#include <algorithm>

namespace hither::lb {

std::optional<IdlePool::Connection> IdlePool::put(std::size_t server, Connection connection,
                                                  Instant now) {
  std::deque<Idle>& idle = servers_[server];
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
  std::deque<Idle>& idle = servers_[server];
  if (idle.empty() || now - idle.back().since >= limits_.idle_max) return std::nullopt;
  const Connection connection = idle.back().connection;
  idle.pop_back();
  return connection;
}

void IdlePool::remove(std::size_t server, Connection connection) {
  std::erase_if(servers_[server],
                [connection](const Idle& idle) { return idle.connection == connection; });
}

std::vector<IdlePool::Connection> IdlePool::expired(Instant now) {
  std::vector<Connection> old;
  for (std::deque<Idle>& idle : servers_) {
    while (!idle.empty() && now - idle.front().since >= limits_.idle_max) {
      old.push_back(idle.front().connection);
      idle.pop_front();
    }
  }
  return old;
}

std::vector<IdlePool::Connection> IdlePool::drop(std::size_t server) {
  std::vector<Connection> all;
  for (const Idle& idle : servers_[server]) all.push_back(idle.connection);
  servers_[server].clear();
  return all;
}

Instant IdlePool::next() const {
  Instant next = never;
  for (const std::deque<Idle>& idle : servers_) {
    if (!idle.empty()) next = std::min(next, idle.front().since + limits_.idle_max);
  }
  return next;
}

std::size_t IdlePool::size() const {
  std::size_t size = 0;
  for (const std::deque<Idle>& idle : servers_) size += idle.size();
  return size;
}

}  // namespace hither::lb
