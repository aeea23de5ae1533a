// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bits128.h"
#include "base/ip.h"

namespace hither {

/// An ISO 3166-1 alpha-2 code in capitals; two zero bytes where the country is not known.
using CountryCode = std::array<char, 2>;

/// A place as a geo database knows it: degrees (north and east positive) and a country. A plain
/// value.
struct GeoPlace {
  double latitude = 0;
  double longitude = 0;
  CountryCode country{};

  friend bool operator==(const GeoPlace&, const GeoPlace&) = default;
};

/// Where a country is, for databases that know nothing finer. nullopt for a code it does not know.
using CountryPlace = std::function<std::optional<GeoPlace>(CountryCode country)>;

/// The two parts of the address space that never share a block; v6 is all but the place of IPv4.
enum class Family : std::uint8_t { v4, v6 };
/// Some of them.
enum class Families : std::uint8_t { both, v4, v6 };
constexpr bool holds(Families some, Family one) {
  return some == Families::both || (some == Families::v4) == (one == Family::v4);
}

/// From `first` on the place is `place`, a number of its source or GeoSource::nowhere.
struct GeoStep {
  Bits128 first = 0;
  std::uint32_t place = 0;
};

/// Reads the steps of one family in address order, once.
class GeoSteps {
 public:
  virtual ~GeoSteps() = default;
  /// Puts the next steps into `out` and says how many; 0 behind the last. The very first is at
  /// 0.0.0.0 (v4_first) or ::, they ascend, and neighbours may be equal. What steps of v6 say of
  /// the place of IPv4 is without meaning.
  virtual std::size_t read(std::span<GeoStep> out) = 0;
};

/// Who knows where addresses are: a database. All of it can be walked until it is let go; single
/// addresses can be asked for at any time. Threads may read one at once while none lets it go.
class GeoSource {
 public:
  static constexpr std::uint32_t nowhere = 0xffffffff;

  struct Located {
    Prefix block;  ///< of the database, around the address
    GeoPlace place;
    std::string source;  ///< name(), and what else there is to say of it
  };

  virtual ~GeoSource() = default;
  /// For people: "builtin (2026-06-17)" or the path of a file.
  virtual const std::string& name() const = 0;
  /// What the numbers of steps mean.
  virtual std::span<const GeoPlace> places() const = 0;
  /// The source must outlive them.
  virtual std::unique_ptr<GeoSteps> steps(Family family) const = 0;
  /// nullopt where it knows nothing. For explain: it may open a file and make strings.
  virtual std::optional<Located> locate(const Address& address) const = 0;
  /// Gives back all that is not needed for name() and locate(); those are all that may be asked
  /// from then on.
  virtual void let_go() = 0;
};

/// What a database says about all addresses: a step function over the address space. From one step
/// to the next the place is the same; a step takes 8 bytes for IPv4 and 12 for IPv6 (20 if the
/// database goes beyond /64), a place is kept once. So a city database of millions of blocks fits
/// in tens of MiB. Made by GeoTableBuilder and never changed: any number of threads may read one.
class GeoTable : public GeoSource {
 public:
  struct Found {
    Prefix block;  ///< the widest block around the address in which the place is the same
    std::uint32_t place = nowhere;
  };

  GeoTable();

  const std::string& name() const override { return name_; }
  std::span<const GeoPlace> places() const override { return places_; }
  std::unique_ptr<GeoSteps> steps(Family family) const override;
  std::optional<Located> locate(const Address& address) const override;
  /// Nothing: find() needs all of it.
  void let_go() override {}
  /// Binary search. nullopt where the database knows nothing.
  std::optional<Found> find(const Address& address) const;
  /// Steps of both families.
  std::size_t step_count() const { return first4_.size() + high6_.size(); }
  /// Memory of steps and places.
  std::size_t bytes() const;

 private:
  friend class GeoTableBuilder;
  friend class GeoCursor;
  class Steps4;
  class Steps6;

  Bits128 first6(std::size_t index) const {
    return bits128(high6_[index], low6_.empty() ? 0 : low6_[index]);
  }

  std::string name_;
  std::vector<GeoPlace> places_;
  std::vector<std::uint32_t> first4_;  // IPv4 steps; the first is 0.0.0.0
  std::vector<std::uint32_t> place4_;
  std::vector<std::uint64_t> high6_;  // all other steps; the first is ::
  std::vector<std::uint64_t> low6_;   // empty while all of them are zero
  std::vector<std::uint32_t> place6_;
};

/// Reads the steps of a table in address order, IPv4 at its place among the rest. From first() on,
/// until the next first(), the place is place(). It begins at the step at ::. `table` must outlive
/// it.
class GeoCursor {
 public:
  explicit GeoCursor(const GeoTable& table) : table_(&table), place_(table.place6_.front()) {}

  Bits128 first() const { return first_; }
  std::uint32_t place() const { return place_; }
  /// To the next step; false behind the last.
  bool next();

 private:
  const GeoTable* table_;
  std::size_t next4_ = 0;
  std::size_t next6_ = 1;
  Bits128 first_ = 0;
  std::uint32_t place_;
};

/// Makes a GeoTable from disjoint blocks that come in address order within each family.
class GeoTableBuilder {
 public:
  /// Makes memory for so many steps; what is not used is given back in the end.
  void reserve4(std::size_t steps);
  void reserve6(std::size_t steps);
  /// The number of a place, one for equal places.
  std::uint32_t place(const GeoPlace& place);
  /// Preconditions: `place` came from place(); the block lies behind all earlier ones of its
  /// family. A block around the IPv4 space says nothing about IPv4.
  void add(const Prefix& block, std::uint32_t place);
  /// For steps that are known as such: the place from `first` on. Preconditions: as GeoCursor gives
  /// them within each family, the first of each at its beginning; not mixed with add().
  void step4(std::uint32_t first, std::uint32_t place);
  void step6(Bits128 first, std::uint32_t place);
  GeoTable finish(std::string name);

 private:
  struct PlaceHash {
    std::size_t operator()(const GeoPlace& place) const;
  };

  GeoTable table_;
  std::unordered_map<GeoPlace, std::uint32_t, PlaceHash> numbers_;
};

}  // namespace hither
