// SPDX-License-Identifier: Apache-2.0
#include "topology/check_balance.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace hither::topology {
namespace {

using Mistakes = std::vector<Mistake>;

void check_hash(const Farm& farm, Mistakes& mistakes) {
  if (!farm.hash) return;
  if (farm.balance != Balance::maglev) {
    mistakes.push_back(
        {farm.where_hash, fmt::format("hash does nothing with balance \"{}\"; take it out, or "
                                      "write balance = \"maglev\"",
                                      to_text(farm.balance))});
  } else if (farm.mode == Mode::tcp && farm.hash->kind != HashBy::Kind::source) {
    mistakes.push_back(
        {farm.where_hash, fmt::format("hash is \"{}\", and farm '{}' has mode \"tcp\", where no "
                                      "request is seen; write \"source\"",
                                      to_text(*farm.hash), farm.name)});
  }
}

void check_sticky(const Farm& farm, Mistakes& mistakes) {
  if (!farm.sticky.empty() && farm.mode == Mode::tcp) {
    mistakes.push_back(
        {farm.where_sticky, fmt::format("sticky names a cookie, and farm '{}' has mode \"tcp\", "
                                        "where none is seen; write balance = \"source\" instead",
                                        farm.name)});
  }
  if (farm.sticky.empty() && !farm.sticky_secret.empty()) {
    mistakes.push_back({farm.where_sticky,
                        "sticky_secret does nothing without sticky; take it out, or write sticky = "
                        "\"NAME\""});
  }
}

std::vector<std::string> copies_of(const Farm& farm) {
  const std::size_t count =
      farm.servers.empty() ? static_cast<std::size_t>(farm.copies) : farm.servers.size();
  std::vector<std::string> names;
  for (std::size_t i = 1; i <= count; ++i) names.push_back(fmt::format("{}-{}", farm.name, i));
  return names;
}

/// Where the copy that was meant may be found.
std::string known_copies(const Farm& farm) {
  const std::vector<std::string> names = copies_of(farm);
  if (names.empty()) return "it has none";
  if (names.size() == 1) return fmt::format("there is only {}", names.front());
  return fmt::format("there are {}-1 to {}", farm.name, names.back());
}

/// A room's own weights are for its own copies; those of the world for copies of any room.
void check_weights(const Farm& farm, const std::string& room, const Farm& largest,
                   Mistakes& mistakes) {
  for (const auto& [copy, weight] : farm.weights) {
    const Farm& meant = weight.own ? farm : largest;
    const std::vector<std::string> names = copies_of(meant);
    if (std::ranges::count(names, copy) > 0) continue;
    mistakes.push_back(
        {weight.where,
         fmt::format("'{}' is no copy of farm '{}'{}; {}", copy, farm.name,
                     weight.own ? fmt::format(" in room '{}'", room) : "", known_copies(meant))});
  }
}

const Farm* largest_of(const Description& description, const std::string& name) {
  const Farm* largest = nullptr;
  for (const Room& room : description.rooms) {
    const Farm* farm = room.find_farm(name);
    if (farm == nullptr) continue;
    if (largest == nullptr || copies_of(*farm).size() > copies_of(*largest).size()) largest = farm;
  }
  return largest;
}

}  // namespace

void check_balance(const Description& description, std::vector<Mistake>& mistakes) {
  for (const std::string& name : description.farms) {
    const Farm* largest = largest_of(description, name);
    for (const Room& room : description.rooms) {
      const Farm* farm = room.find_farm(name);
      if (farm == nullptr) continue;
      check_hash(*farm, mistakes);
      check_sticky(*farm, mistakes);
      check_weights(*farm, room.name, *largest, mistakes);
    }
  }
}

}  // namespace hither::topology
