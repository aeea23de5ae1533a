// SPDX-License-Identifier: Apache-2.0
#include "lb/server_setup.h"

#include <utility>

#include "topology/description.h"

namespace hither::lb {

SetupReading set_up(const Flags& flags) {
  SetupReading reading{.settings = std::nullopt,
                       .mistakes = {},
                       .files = {flags.topology},
                       .stamps = {io::stamp_of(flags.topology)}};
  const Result<std::string> text = io::read_file(flags.topology);
  if (!text) {
    reading.mistakes.push_back(text.error());
    return reading;
  }
  const topology::Reading description = topology::read_description(*text, flags.topology);
  if (!description.description) {
    for (const topology::Mistake& mistake : description.mistakes) {
      reading.mistakes.push_back({to_text(mistake, flags.topology)});
    }
    return reading;
  }
  Result<Settings> settings = make_settings(*description.description, flags.room, flags.admin);
  Result<std::vector<Endpoint>> resolvers = parse_resolvers(flags.resolvers);
  if (!settings) reading.mistakes.push_back(settings.error());
  if (!resolvers) reading.mistakes.push_back(resolvers.error());
  if (!settings || !resolvers) return reading;
  settings->resolvers = std::move(*resolvers);
  reading.settings = std::move(*settings);
  return reading;
}

}  // namespace hither::lb
