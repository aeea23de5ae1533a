// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bits128.h"
#include "base/ip.h"
#include "base/prefix_map.h"
#include "dns/geography.h"
#include "dns/ranker.h"

namespace hither::dns {

/// The whole address space cut where an order of rooms may change: where the place of clients
/// changes (dns/geography.h), and at the networks that rules are about. Pure; the geography must
/// outlive it.
class Sites {
 public:
  static constexpr std::uint32_t no_network = 0xffffffff;
  /// From `first` until the next call: a place of the geography, or Geography::nowhere, and the
  /// longest of the networks, or no_network.
  using Visit = std::function<void(Bits128 first, std::uint32_t place, std::uint32_t network)>;

  /// Of `networks` no two are equal.
  Sites(const Geography& geography, std::vector<Prefix> networks);

  /// One family in address order, as Geography::walk() does; neighbours may be equal.
  void walk(Family family, const Visit& visit) const;
  const std::vector<Prefix>& networks() const { return networks_; }
  Site site(std::uint32_t place, std::uint32_t network) const;
  /// Of one address; slower, for explain.
  Site find(const Address& address) const;

 private:
  const Geography& geography_;
  std::vector<Prefix> networks_;
  std::array<std::vector<PrefixStep>, 2> steps_;  // networks_ of each family, flattened
};

}  // namespace hither::dns
