// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bits128.h"
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
/// The square of the straight line between them, through the globe: cheaper, and in the same order.
constexpr double chord_squared(const GlobePoint& one, const GlobePoint& other) {
  const double x = one.x - other.x;
  const double y = one.y - other.y;
  const double z = one.z - other.z;
  return x * x + y * y + z * z;
}
double chord_to_km(double squared);

/// Where clients are, as far as anybody told us: the description's [[network]]s over one database
/// or several. A network always wins over a database, the longest network over a shorter one, and
/// an earlier database over a later one. Pure: drivers open the databases (dns may not open files).
/// Any number of threads may read one; let_go() has it for itself.
class Geography {
 public:
  static constexpr std::uint32_t nowhere = GeoSource::nowhere;
  /// Databases in the order of their precedence.
  class Sources {
   public:
    Sources() = default;
    Sources(std::vector<GeoTable> tables);  // NOLINT(*-explicit-*): tables are sources
    void add(std::unique_ptr<GeoSource> source) { all_.push_back(std::move(source)); }
    std::span<const std::unique_ptr<GeoSource>> all() const { return all_; }

   private:
    std::vector<std::unique_ptr<GeoSource>> all_;
  };

  struct Place {
    topology::Location location;
    std::string country;  ///< "JP"; empty if not known
    std::string title;    ///< of a [[network]]; else empty
  };
  struct Found {
    Prefix block;  ///< the network, or the database's block
    Place place;
    std::string source;  ///< for explain: "[[network]]", "builtin (2026-06-17)", "path.mmdb"
  };
  using Visit = std::function<void(Bits128 first, std::uint32_t place)>;

  /// Two networks with one prefix are a mistake that topology/check reports; here the later one
  /// wins.
  Geography(Sources sources, std::span<const topology::Network> networks);

  /// Where an address is, and who says so. nullopt if nobody knows. For explain: it makes strings,
  /// and may open files.
  std::optional<Found> find(const Address& address) const;

  /// Walks one family in address order: from `first` until the next call the place is number
  /// `place`, or nowhere. The first call is for 0.0.0.0 (v4_first) or ::. Neighbours may be equal.
  /// No memory per block. What calls of v6 say of the place of IPv4 is without meaning.
  void walk(Family family, const Visit& visit) const;
  /// Places are numbered 0 .. places()-1 over all sources.
  std::uint32_t places() const { return places_; }
  topology::Location location(std::uint32_t place) const;
  /// Two zero bytes where nobody says.
  CountryCode country(std::uint32_t place) const;

  /// What the databases are called, in their order.
  std::vector<std::string> sources() const;
  /// Gives back what only walk(), location() and country() need: tens of MiB of a city database.
  /// Only find() and sources() may be called from then on.
  void let_go();

 private:
  /// The place as its source has it; nullptr for a [[network]].
  const GeoPlace* known(std::uint32_t place) const;

  Sources sources_;
  std::vector<std::uint32_t> offsets_;  // of each source's places; networks come first, from 0
  std::vector<topology::Network> networks_;
  std::vector<PrefixStep> overrides_;  // networks_ flattened: value is an index or nowhere
  std::uint32_t places_ = 0;
};

}  // namespace hither::dns
