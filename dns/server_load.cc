// SPDX-License-Identifier: Apache-2.0
#include "dns/server_load.h"

#include <string>

#include "dns/builtin_geo.h"
#include "dns/client_map.h"
#include "io/files.h"
#include "io/geo_db.h"

namespace hither::dns {
namespace {

std::vector<GeoTable> read_databases(const std::vector<std::string>& geo,
                                     std::vector<Error>& mistakes) {
  std::vector<GeoTable> databases;
  for (const std::string& one : geo) {
    auto table = one == "builtin" ? builtin_geo() : io::read_geo_db(one, builtin_country);
    if (table) {
      databases.push_back(std::move(*table));
    } else {
      mistakes.push_back(table.error());
    }
  }
  return databases;
}

std::vector<std::string> read_zone_files(const std::vector<topology::Zone>& zones,
                                         std::vector<Error>& mistakes) {
  std::vector<std::string> texts(zones.size());
  for (std::size_t i = 0; i < zones.size(); ++i) {
    if (zones[i].file.empty()) continue;
    auto text = io::read_file(zones[i].file);
    if (text) {
      texts[i] = std::move(*text);
    } else {
      mistakes.push_back(text.error());
    }
  }
  return texts;
}

}  // namespace

std::optional<Loaded> load(const Settings& settings, std::vector<Error>& mistakes) {
  const std::size_t before = mistakes.size();
  const topology::Description& description = settings.description;
  auto databases = read_databases(description.dns.geo, mistakes);
  const auto texts = read_zone_files(description.zones, mistakes);
  if (mistakes.size() > before) return std::nullopt;
  auto geography = std::make_unique<const Geography>(std::move(databases), description.networks);
  auto directory = build_directory(description, texts,
                                   ClientMap::build(*geography, description.rooms), mistakes);
  if (directory == nullptr) return std::nullopt;
  return Loaded{.directory = std::move(directory), .geography = std::move(geography)};
}

}  // namespace hither::dns
