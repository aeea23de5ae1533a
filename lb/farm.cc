// SPDX-License-Identifier: Apache-2.0
#include "lb/farm.h"

#include <fmt/format.h>

namespace hither::lb {

std::optional<Endpoint> Server::endpoint() const {
  if (!resolved_.load(std::memory_order_acquire)) return std::nullopt;
  return endpoint_;
}

void Server::resolve(const Endpoint& endpoint) {
  if (resolved_.load(std::memory_order_relaxed)) return;
  endpoint_ = endpoint;
  resolved_.store(true, std::memory_order_release);
}

Lease::Lease(Server& server, std::uint32_t index, unsigned thread)
    : server_(&server), index_(index), thread_(thread) {
  server.in_flight_.raise();
}

Lease::Lease(Lease&& other) noexcept
    : server_(std::exchange(other.server_, nullptr)),
      index_(other.index_),
      thread_(other.thread_),
      connecting_(std::exchange(other.connecting_, false)) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  release();
  server_ = std::exchange(other.server_, nullptr);
  index_ = other.index_;
  thread_ = other.thread_;
  connecting_ = std::exchange(other.connecting_, false);
  return *this;
}

void Lease::connect_begins() {
  if (connecting_) return;
  connecting_ = true;
  server_->connecting_.raise();
}

void Lease::connect_done(bool connected) {
  if (!connecting_) return;
  connecting_ = false;
  server_->connecting_.lower();
  (connected ? totals().connects : totals().connect_failures).add();
}

void Lease::release() {
  if (server_ == nullptr) return;
  if (connecting_) server_->connecting_.lower();
  connecting_ = false;
  server_->in_flight_.lower();
  server_ = nullptr;
}

Farm::Farm(std::string room, topology::Farm farm,
           const std::vector<std::pair<std::string, std::string>>& copies, unsigned threads)
    : room_(std::move(room)), settings_(std::move(farm)), totals_(threads) {
  servers_.reserve(copies.size());
  for (const auto& [name, address] : copies) {
    servers_.push_back(std::make_unique<Server>(name, address, threads));
  }
}

void Farm::set_usable(std::size_t index, bool usable) {
  servers_[index]->usable_.store(usable, std::memory_order_release);
  generation_.fetch_add(1, std::memory_order_release);
}

FarmReport Farm::report() const {
  FarmReport report{.farm = name()};
  for (const std::unique_ptr<Server>& server : servers_) {
    ++report.copies;
    report.load += server->in_flight().level();
    if (!server->usable()) continue;
    ++report.usable;
    report.capacity += settings_.capacity;
  }
  return report;
}

std::string Farm::why_none() const {
  std::size_t down = 0;
  for (const std::unique_ptr<Server>& server : servers_) down += server->usable() ? 0U : 1U;
  return fmt::format("no copy of farm {} is up in room {} ({} known: {} down)", name(), room_,
                     size(), down);
}

}  // namespace hither::lb
