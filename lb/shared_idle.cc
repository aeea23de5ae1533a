// SPDX-License-Identifier: Apache-2.0
#include "lb/shared_idle.h"

#include <algorithm>

#include "base/assert.h"

namespace hither::lb {
namespace {

// The word of a slot: a descriptor below, and above it the instant in units of 2^20 ns, in which a
// machine may run for 36 years. No instant is 0, so two words are left for what is no connection.
constexpr std::uint64_t nothing = 0;
constexpr std::uint64_t is_leaving = 1;
constexpr unsigned fd_bits = 24;
constexpr unsigned unit_bits = 20;
constexpr std::uint64_t fd_mask = (std::uint64_t{1} << fd_bits) - 1;

std::uint64_t word_of(const Parked& parked) {
  const auto ns = static_cast<std::uint64_t>(parked.since.time_since_epoch().count());
  return (ns >> unit_bits) << fd_bits | static_cast<std::uint64_t>(parked.fd);
}

Parked parked_in(std::uint64_t word) {
  return {.fd = static_cast<int>(word & fd_mask),
          .since = Instant(Duration(static_cast<std::int64_t>((word >> fd_bits) << unit_bits)))};
}

}  // namespace

// ---- One thread's slots

bool IdleShelf::can_hold(const Parked& parked) {
  const std::int64_t units = parked.since.time_since_epoch().count() >> unit_bits;
  return parked.fd >= 0 && static_cast<std::uint64_t>(parked.fd) <= fd_mask && units > 0 &&
         units < std::int64_t{1} << (64 - fd_bits);
}

void IdleShelf::park(std::size_t slot, const Parked& parked) {
  slots_[slot].store(word_of(parked), std::memory_order_release);
}

bool IdleShelf::take_back(std::size_t slot) {
  std::uint64_t word = slots_[slot].load(std::memory_order_relaxed);
  while (word != nothing && word != is_leaving) {
    if (slots_[slot].compare_exchange_weak(word, nothing, std::memory_order_acq_rel)) return true;
  }
  return false;
}

bool IdleShelf::empty(std::size_t slot) const {
  return slots_[slot].load(std::memory_order_acquire) == nothing;
}

std::optional<IdleShelf::Leaving> IdleShelf::claim(Instant now, Duration idle_max) {
  while (count_.load(std::memory_order_relaxed) > 0) {
    std::size_t youngest = 0;
    std::uint64_t best = nothing;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const std::uint64_t word = slots_[i].load(std::memory_order_relaxed);
      // The instant is what counts most in the word.
      if (word <= best || word == is_leaving) continue;
      best = word;
      youngest = i;
    }
    if (best == nothing || now - parked_in(best).since >= idle_max) break;
    if (slots_[youngest].compare_exchange_strong(best, is_leaving, std::memory_order_acq_rel)) {
      return Leaving{.slot = youngest, .parked = parked_in(best)};
    }
  }
  return std::nullopt;
}

void IdleShelf::leave(const Leaving& leaving) {
  slots_[leaving.slot].store(nothing, std::memory_order_release);
}

// ---- All servers

SharedIdle::OfServer::OfServer(unsigned threads, const Limits& limits)
    : idle_max_(limits.idle_max.count()), horizon_(limits.idle_max) {
  for (unsigned thread = 0; thread < threads; ++thread) {
    shelves_.push_back(std::make_unique<IdleShelf>(limits.per_server_max / threads));
  }
}

SharedIdle::SharedIdle(unsigned threads, Limits limits) : threads_(threads), limits_(limits) {
  ASSERT(threads > 0);
}

SharedIdle::~SharedIdle() {
  for (const std::atomic<OfServer*>& server : servers_) delete server.load();
}

SharedIdle::OfServer& SharedIdle::of(std::size_t server) {
  std::atomic<OfServer*>& there = servers_[server];
  if (OfServer* const known = there.load(std::memory_order_acquire)) return *known;
  const Turn turn(*turns_);
  OfServer* known = there.load(std::memory_order_acquire);
  if (known == nullptr) {
    known = new OfServer(threads_, limits_);
    there.store(known, std::memory_order_release);
  }
  return *known;
}

template <class Change>
void SharedIdle::learn(OfServer& server, Change change) {
  const Turn turn(*turns_);
  change(server.horizon_);
  server.idle_max_.store(server.horizon_.limit().count(), std::memory_order_relaxed);
}

void SharedIdle::closed_after(OfServer& server, Duration idle) {
  learn(server, [idle](KeepaliveHorizon& horizon) { horizon.closed_after(idle); });
}

void SharedIdle::outlived(OfServer& server) {
  learn(server, [](KeepaliveHorizon& horizon) { horizon.outlived(); });
}

void SharedIdle::forget(OfServer& server) {
  learn(server, [](KeepaliveHorizon& horizon) { horizon.forget(); });
}

}  // namespace hither::lb
