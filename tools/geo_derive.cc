// SPDX-License-Identifier: Apache-2.0

// Makes dns/geo/country.bin from a country database in MaxMind's format and the coordinates of
// countries. Run by hand when the data is renewed: docs/geography.md says how, dns/geo/README.md
// what was used.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "dns/geo_codec.h"
#include "io/geo_db.h"

namespace {

using hither::CountryCode;
using hither::GeoPlace;

/// Points that are ours: countries that the list of coordinates lacks (or has without numbers), and
/// three whose geometric middle lies where almost nobody lives, thousands of km from most of their
/// people, so that it would send them to a far room. For those it is about the mean centre of
/// population.
constexpr struct {
  CountryCode country;
  double latitude;
  double longitude;
} own_points[] = {
    {{'A', 'X'}, 60.20, 19.99},   // Aland
    {{'B', 'L'}, 17.90, -62.83},  // Saint Barthelemy
    {{'B', 'Q'}, 12.18, -68.24},  // Bonaire, Sint Eustatius and Saba
    {{'C', 'W'}, 12.17, -68.99},  // Curacao
    {{'M', 'F'}, 18.07, -63.08},  // Saint Martin
    {{'S', 'S'}, 7.31, 30.19},    // South Sudan
    {{'S', 'X'}, 18.04, -63.06},  // Sint Maarten
    {{'U', 'M'}, 19.30, 166.63},  // US Minor Outlying Islands: Wake Island
    {{'A', 'U'}, -32.5, 146.5},   // not the desert of the Northern Territory
    {{'C', 'A'}, 47.5, -86.0},    // not northern Saskatchewan
    {{'R', 'U'}, 56.6, 53.0},     // not central Siberia, which is nearer to Tokyo than to Frankfurt
};

using Points = std::map<CountryCode, GeoPlace>;

Points read_points(const std::string& path) {
  std::ifstream file(path);
  const auto json = nlohmann::json::parse(file);
  Points points;
  for (const auto& [code, entry] : json.items()) {
    const std::string latitude = entry.at("coordinate").at(0);
    const std::string longitude = entry.at("coordinate").at(1);
    if (code.size() != 2 || latitude.empty() || longitude.empty()) continue;
    const CountryCode country = {code[0], code[1]};
    points[country] = {std::stod(latitude), std::stod(longitude), country};
  }
  for (const auto& own : own_points) {
    points[own.country] = {own.latitude, own.longitude, own.country};
  }
  return points;
}

int derive(const std::string& database, const std::string& coordinates, const std::string& out) {
  const Points points = read_points(coordinates);
  std::set<CountryCode> lacking;
  const auto point_of = [&](CountryCode country) -> std::optional<GeoPlace> {
    const auto found = points.find(country);
    if (found != points.end()) return found->second;
    lacking.insert(country);
    return std::nullopt;
  };
  const auto table = hither::io::read_geo_db(database, point_of);
  const auto date = hither::io::date_of_geo_db(database);
  if (!table || !date) {
    std::fprintf(stderr, "%s\n", (table ? date.error() : table.error()).message.c_str());
    return 2;
  }
  const hither::Bytes bytes = hither::dns::encode_geo(*table, *date);
  const auto again = hither::dns::decode_geo(bytes, "country.bin");
  if (!again || again->step_count() != table->step_count()) {
    std::fprintf(stderr, "%s: what was written does not read back; nothing was kept\n",
                 out.c_str());
    return 1;
  }
  std::ofstream file(out, std::ios::binary);
  file << hither::as_text(bytes);
  file.close();
  if (!file) {
    std::fprintf(stderr, "%s: cannot be written\n", out.c_str());
    return 2;
  }
  for (const CountryCode& country : lacking) {
    std::printf("skipped %c%c: no coordinates\n", country[0], country[1]);
  }
  std::printf("%s: %zu countries, %zu steps, %zu bytes, data of %s\n", out.c_str(),
              table->places().size(), table->step_count(), bytes.size(), date->c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Derives the built-in country database of hither-dns.");
  std::string database;
  std::string coordinates;
  std::string out;
  app.add_option("database", database, "country database, .mmdb")->required();
  app.add_option("coordinates", coordinates, "coordinates of countries, .json")->required();
  app.add_option("out", out, "file to write")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    return derive(database, coordinates, out);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "%s: %s\n", coordinates.c_str(), exception.what());
    return 2;
  }
}
