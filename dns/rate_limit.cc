// SPDX-License-Identifier: Apache-2.0
#include "dns/rate_limit.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/hash.h"

namespace hither::dns {
namespace {

constexpr std::uint32_t full = 1'000'000'000;
constexpr std::uint32_t fall_per_millisecond = full / 1000;

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

std::uint32_t milliseconds_of(Instant now) {
  const auto count =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  return static_cast<std::uint32_t>(count);
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

RateLimiter::RateLimiter(RateLimits limits) : limits_(std::move(limits)), lines_(lines) {}

/// The load of a network, as it is now. `network` is masked to `length`.
std::uint32_t& RateLimiter::find(const Address& network, int length, std::uint32_t now) {
  const std::uint64_t hash = hash_of(network, length, limits_.seed);
  Line& line = lines_[hash % lines];
  const auto tag = static_cast<std::uint16_t>(hash >> 48U);
  const std::uint32_t passed = now - line.milliseconds;
  if (passed > 0) {
    const std::uint32_t fall = passed >= 1000 ? full : passed * fall_per_millisecond;
    for (std::uint32_t& load : line.loads) load -= std::min(load, fall);
    line.milliseconds = now;
  }
  const auto known = std::ranges::find(line.tags, tag);
  if (known != line.tags.end()) {
    return line.loads[static_cast<std::size_t>(known - line.tags.begin())];
  }
  const auto lowest = std::ranges::min_element(line.loads) - line.loads.begin();
  line.tags[static_cast<std::size_t>(lowest)] = tag;
  return line.loads[static_cast<std::size_t>(lowest)];
}

RateLimiter::Verdict RateLimiter::check(const Address& client, Instant now) {
  const auto holds_client = [&](const Prefix& prefix) { return prefix.contains(client); };
  if (limits_.per_second <= 0 || std::ranges::any_of(limits_.exempt, holds_client)) {
    return Verdict::send;
  }
  const std::span<const Rung> ladder = ladder_of(client);
  std::array<std::uint32_t*, ladder_ipv6.size()> loads{};
  std::array<std::uint32_t, ladder_ipv6.size()> weights{};
  bool room = true;
  const std::uint32_t milliseconds = milliseconds_of(now);
  for (std::size_t i = 0; i < ladder.size(); ++i) {
    loads[i] = &find(client.masked(ladder[i].length), ladder[i].length, milliseconds);
    const std::uint64_t limit = static_cast<std::uint64_t>(limits_.per_second) * ladder[i].times;
    weights[i] = static_cast<std::uint32_t>(std::max<std::uint64_t>(full / limit, 1));
    room = room && *loads[i] <= full - weights[i];
  }
  if (room) {
    for (std::size_t i = 0; i < ladder.size(); ++i) *loads[i] += weights[i];
    return Verdict::send;
  }
  if (limits_.slip == 0 || ++beyond_ < limits_.slip) return Verdict::drop;
  beyond_ = 0;
  return Verdict::cut;
}

}  // namespace hither::dns
