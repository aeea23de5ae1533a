// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/geo.h"
#include "base/ip.h"
#include "base/prefix_map.h"
#include "topology/description.h"

namespace hither::dns {

/// Great-circle distance by the haversine formula on a sphere of mean radius 6371.0088 km (IUGG).
double distance_km(const topology::Location& one, const topology::Location& other);

/// A place on the unit sphere, so that many distances to it cost no further sine.
struct GlobePoint {
  double x = 0;
  double y = 0;
  double z = 0;
};
GlobePoint on_globe(const topology::Location& location);
/// The same numbers as distance_km() of the locations, bit for bit.
double globe_distance_km(const GlobePoint& one, const GlobePoint& other);

/// Where clients are, as far as anybody told us: the description's [[network]]s over one database
/// or several. A network always wins over a database, the longest network over a shorter one, and
/// an earlier database over a later one. Pure and never changed after it is made: any number of
/// threads may read it.
///
/// How a driver makes one from `geo = [...]` (dns may not open files, io may not know of dns):
///
///   std::vector<GeoTable> databases;
///   for (const std::string& geo : description.dns.geo) {
///     auto table = geo == "builtin" ? builtin_geo() : io::read_geo_db(geo, builtin_country);
///     if (!table) return tl::unexpected(table.error());        // "FILE: what; what would be
///     right" databases.push_back(std::move(*table));
///   }
///   const Geography geography(std::move(databases), description.networks);
///
class Geography {
 public:
  static constexpr std::uint32_t nowhere = GeoTable::nowhere;

  struct Place {
    topology::Location location;
    std::string country;  ///< "JP"; empty if not known
    std::string title;    ///< of a [[network]]; else empty
  };
  struct Found {
    Prefix block;  ///< the network, or the widest block the database treats alike
    Place place;
    std::string source;  ///< for explain: "[[network]]", "builtin (2026-06-17)", "path.mmdb"
  };
  using Visit = std::function<void(const Address& first, std::uint32_t place)>;

  /// Two networks with one prefix are a mistake that topology/check reports; here the later one
  /// wins.
  Geography(std::vector<GeoTable> databases, std::span<const topology::Network> networks);

  /// Where an address is, and who says so. nullopt if nobody knows. For explain: it makes strings.
  std::optional<Found> find(const Address& address) const;

  /// Walks the whole address space in order: from `first` until the next call the place is number
  /// `place`, or nowhere. The first call is for ::. Neighbours may be equal. No memory per block.
  void walk(const Visit& visit) const;
  /// Places are numbered 0 .. places()-1 over all sources.
  std::uint32_t places() const { return places_; }
  topology::Location location(std::uint32_t place) const;

  std::span<const GeoTable> databases() const { return databases_; }
  std::size_t bytes() const;

 private:
  std::vector<GeoTable> databases_;
  std::vector<std::uint32_t> offsets_;  // of each database's places; networks come first, from 0
  std::vector<topology::Network> networks_;
  std::vector<PrefixStep> overrides_;  // networks_ flattened: value is an index or nowhere
  std::uint32_t places_ = 0;
};

}  // namespace hither::dns
