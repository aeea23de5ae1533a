// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/ip.h"

namespace hither::io {

/// How many connections each client has, over all threads: an IPv4 address or an IPv6 /64 is one
/// client. Fixed memory, no lock: clients share 65,536 counters by a hash with a secret seed, so
/// two of them rarely count as one, and nobody can choose whom to share with. Any thread.
class ClientQuota {
 public:
  /// One connection's place, given back when it is destroyed.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept : counter_(std::exchange(other.counter_, nullptr)) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(counter_, other.counter_);
      return *this;
    }
    ~Place() {
      if (counter_ != nullptr) counter_->fetch_sub(1, std::memory_order_relaxed);
    }
    explicit operator bool() const { return counter_ != nullptr; }

   private:
    friend class ClientQuota;
    explicit Place(std::atomic<std::uint32_t>& counter) : counter_(&counter) {}

    std::atomic<std::uint32_t>* counter_ = nullptr;
  };

  ClientQuota(std::size_t per_client, std::uint64_t seed);

  /// From now on; nobody loses a place by it.
  void set_per_client(std::size_t per_client) {
    per_client_.store(per_client, std::memory_order_relaxed);
  }
  /// An empty place if the client has as many as it may.
  Place take(const Address& client);

 private:
  std::atomic<std::size_t> per_client_;
  std::uint64_t seed_;
  std::vector<std::atomic<std::uint32_t>> counters_;
};

}  // namespace hither::io
