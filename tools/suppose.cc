// SPDX-License-Identifier: Apache-2.0
#include "tools/suppose.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/text.h"
#include "tools/load_description.h"

namespace hither::tools {

std::optional<Supposed> suppose_world(const std::string& file, const dns::LoadWish& wish) {
  auto description = load_description(file);
  if (!description) return std::nullopt;
  std::vector<Error> mistakes;
  const dns::Settings settings{.description = *description,
                               .listen = description->dns.listen,
                               .admin = description->dns_admin()};
  auto loaded = dns::load(settings, dns::make_lasting(), mistakes, wish);
  for (const Error& mistake : mistakes) fmt::print(stderr, "{}\n", mistake.message);
  if (!loaded) return std::nullopt;
  return Supposed{.description = std::move(*description), .loaded = std::move(*loaded)};
}

Result<topology::RoomSet> rooms_called(const topology::Description& description,
                                       const std::vector<std::string>& names) {
  topology::RoomSet rooms;
  std::vector<std::string> known;
  for (const topology::Room& room : description.rooms) known.push_back(room.name);
  for (const std::string& name : names) {
    const auto found = std::ranges::find(known, name);
    if (found != known.end()) {
      rooms.set(static_cast<std::size_t>(found - known.begin()));
      continue;
    }
    const auto near = nearest_word(name, known);
    return fail(fmt::format("there is no room '{}'; {}", name,
                            near ? fmt::format("did you mean '{}'?", *near)
                                 : fmt::format("the rooms are {}", join_words(known))));
  }
  return rooms;
}

}  // namespace hither::tools
