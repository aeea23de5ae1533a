// SPDX-License-Identifier: Apache-2.0
#include "dns/rate_limit.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/assert.h"
#include "base/hash.h"

namespace hither::dns {
namespace {

/// Times are kept in ticks of 8 ns, and go round after 26 days.
using Tick = std::chrono::duration<std::int64_t, std::ratio<1, 125'000'000>>;
constexpr unsigned time_bits = 48;
constexpr std::uint64_t time_mask = (std::uint64_t{1} << time_bits) - 1;
/// An empty bucket is full again after a second, whatever the network's limit is: one answer takes
/// more of it for a network with a smaller limit.
constexpr std::uint64_t full = Tick::period::den;
/// How far behind another a thread's time may be; what lies further ahead is long past.
constexpr std::uint64_t behind_max = full;

/// One network round an address: its length in 128 bits, and how many times the limit of one
/// address it has.
struct Rung {
  int length;
  std::uint32_t times;
};
constexpr std::array<Rung, 3> ladder_ipv4 = {{{96 + 32, 1}, {96 + 24, 32}, {96 + 20, 256}}};
constexpr std::array<Rung, 4> ladder_ipv6 = {{{128, 1}, {64, 2}, {56, 8}, {48, 64}}};

std::span<const Rung> ladder_of(const Address& client) {
  if (client.is_v4()) return ladder_ipv4;
  return ladder_ipv6;
}

std::uint64_t ticks_of(Instant now) {
  const auto count = std::chrono::duration_cast<Tick>(now.time_since_epoch()).count();
  return static_cast<std::uint64_t>(count) & time_mask;
}

/// How long after `now` the counter says; 0 if that has gone by.
std::uint64_t wait_of(std::uint64_t counter, std::uint64_t now) {
  const std::uint64_t ahead = (counter - now) & time_mask;
  return counter == 0 || ahead > full + behind_max ? 0 : ahead;
}

std::uint64_t hash_of(const Address& network, int length, std::uint64_t seed) {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  const auto& octets = network.octets();
  for (std::size_t i = 0; i < 8; ++i) {
    high = high << 8U | octets[i];
    low = low << 8U | octets[i + 8];
  }
  return hash_pair(hash_pair(seed ^ static_cast<std::uint64_t>(length), high), low ^ seed);
}

}  // namespace

RateTable::Found RateTable::find(const Address& network, int length, std::uint64_t now) {
  const std::uint64_t hash = hash_of(network, length, seed_);
  const std::uint64_t tag = hash & ~time_mask;
  Found lowest;
  for (Counter& counter : lines_[hash % lines].counters) {
    const std::uint64_t is = counter.load(std::memory_order_relaxed);
    const std::uint64_t wait = wait_of(is, now);
    const bool known = is != 0 && (is & ~time_mask) == tag;
    if (known) return {.counter = &counter, .tag = tag, .wait = wait};
    if (lowest.counter != nullptr && wait >= lowest.wait) continue;
    lowest = {.counter = &counter, .tag = tag, .wait = wait};
  }
  return lowest;
}

/// By `weight`, but to no more than `full` from now.
void RateTable::raise(const Found& found, std::uint64_t weight, std::uint64_t now) {
  std::uint64_t is = found.counter->load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    const std::uint64_t wait = wait_of(is, now);
    next = (now + std::max(wait, std::min(wait + weight, full))) & time_mask;
  } while (!found.counter->compare_exchange_weak(is, found.tag | next, std::memory_order_relaxed));
}

bool RateTable::take(const Address& client, int per_second, Instant now) {
  ASSERT(per_second > 0);
  const std::span<const Rung> ladder = ladder_of(client);
  const std::uint64_t ticks = ticks_of(now);
  std::array<Found, ladder_ipv6.size()> buckets;
  std::array<std::uint64_t, ladder_ipv6.size()> weights{};
  for (std::size_t i = 0; i < ladder.size(); ++i) {
    const std::uint64_t limit = static_cast<std::uint64_t>(per_second) * ladder[i].times;
    weights[i] = std::max<std::uint64_t>(full / limit, 1);
    buckets[i] = find(client.masked(ladder[i].length), ladder[i].length, ticks);
    if (buckets[i].wait + weights[i] > full) return false;
  }
  for (std::size_t i = 0; i < ladder.size(); ++i) raise(buckets[i], weights[i], ticks);
  return true;
}

RateLimiter::RateLimiter(RateLimits limits, std::shared_ptr<RateTable> table)
    : limits_(std::move(limits)), table_(std::move(table)) {
  ASSERT(table_ != nullptr);
}

RateLimiter::Verdict RateLimiter::check(const Address& client, Instant now) {
  const auto holds_client = [&](const Prefix& prefix) { return prefix.contains(client); };
  if (limits_.per_second <= 0 || std::ranges::any_of(limits_.exempt, holds_client)) {
    return Verdict::send;
  }
  if (table_->take(client, limits_.per_second, now)) return Verdict::send;
  if (limits_.slip == 0 || ++beyond_ < limits_.slip) return Verdict::drop;
  beyond_ = 0;
  return Verdict::cut;
}

}  // namespace hither::dns
