// SPDX-License-Identifier: Apache-2.0
#include "io/client_quota.h"

#include "base/hash.h"

namespace hither::io {
namespace {

constexpr std::size_t counters_size = 65536;

std::uint64_t hash_of(const Address& client, std::uint64_t seed) {
  const Address network = client.is_v4() ? client : client.masked(64);
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    high = high << 8U | network.octets()[i];
    low = low << 8U | network.octets()[i + 8];
  }
  return hash_pair(hash_pair(seed, high), low);
}

}  // namespace

ClientQuota::ClientQuota(std::size_t per_client, std::uint64_t seed)
    : per_client_(per_client), seed_(seed), counters_(counters_size) {}

ClientQuota::Place ClientQuota::take(const Address& client) {
  std::atomic<std::uint32_t>& counter = counters_[hash_of(client, seed_) % counters_size];
  const std::size_t most = per_client_.load(std::memory_order_relaxed);
  if (counter.fetch_add(1, std::memory_order_relaxed) < most) return Place(counter);
  counter.fetch_sub(1, std::memory_order_relaxed);
  return {};
}

}  // namespace hither::io
