// SPDX-License-Identifier: Apache-2.0
#include "dns/sites.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace hither::dns {
namespace {

std::size_t index_of(Family family) { return family == Family::v4 ? 0 : 1; }

}  // namespace

Sites::Sites(const Geography& geography, std::vector<Prefix> networks)
    : geography_(geography), networks_(std::move(networks)) {
  for (const Family family : {Family::v4, Family::v6}) {
    std::vector<PrefixBlock> blocks;
    for (std::uint32_t i = 0; i < networks_.size(); ++i) {
      if (networks_[i].is_v4() == (family == Family::v4)) blocks.push_back({networks_[i], i});
    }
    steps_[index_of(family)] = flatten(blocks, no_network);
  }
}

void Sites::walk(Family family, const Visit& visit) const {
  const std::vector<PrefixStep>& steps = steps_[index_of(family)];
  std::size_t next = 0;
  std::uint32_t place = Geography::nowhere;
  std::uint32_t network = no_network;
  bool begun = false;
  geography_.walk(family, [&](Bits128 first, std::uint32_t place_there) {
    for (; next < steps.size() && to_bits(steps[next].first) <= first; ++next) {
      network = steps[next].value;
      // The first step of all is at ::, before IPv4 begins.
      if (begun && to_bits(steps[next].first) < first) {
        visit(to_bits(steps[next].first), place, network);
      }
    }
    begun = true;
    place = place_there;
    visit(first, place, network);
  });
  for (; next < steps.size(); ++next) {
    const Bits128 first = to_bits(steps[next].first);
    if (family == Family::v6 || first <= v4_last) visit(first, place, steps[next].value);
  }
}

Site Sites::site(std::uint32_t place, std::uint32_t network) const {
  Site site;
  if (place != Geography::nowhere) {
    site.point = on_globe(geography_.location(place));
    const CountryCode country = geography_.country(place);
    if (country[0] != 0) site.country.assign(country.begin(), country.end());
  }
  if (network != no_network) site.network = networks_[network];
  return site;
}

Site Sites::find(const Address& address) const {
  Site site;
  if (const auto found = geography_.find(address)) {
    site.point = on_globe(found->place.location);
    site.country = found->place.country;
  }
  const auto& steps = steps_[index_of(address.is_v4() ? Family::v4 : Family::v6)];
  const auto after = std::ranges::upper_bound(steps, address, {}, &PrefixStep::first);
  const std::uint32_t network = std::prev(after)->value;
  if (network != no_network) site.network = networks_[network];
  return site;
}

}  // namespace hither::dns
