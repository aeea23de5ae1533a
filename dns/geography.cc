// SPDX-License-Identifier: Apache-2.0
#include "dns/geography.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/assert.h"
#include "base/bits128.h"

namespace hither::dns {
namespace {

constexpr double earth_radius_km = 6371.0088;

/// One source of places while all of them are read side by side. The place now, and the step after
/// it.
class Layer {
 public:
  Layer(const GeoTable& table, std::uint32_t offset) : cursor_(table), offset_(offset) {
    place_ = numbered(cursor_->place());
    load();
  }
  explicit Layer(std::span<const PrefixStep> steps)
      : steps_(steps.subspan(1)), place_(steps.front().value) {
    load();
  }

  std::uint32_t place() const { return place_; }
  bool more() const { return more_; }
  Bits128 next() const { return next_; }
  void advance() {
    place_ = next_place_;
    load();
  }

 private:
  std::uint32_t numbered(std::uint32_t place) const {
    return place == GeoTable::nowhere ? GeoTable::nowhere : place + offset_;
  }
  void load() {
    if (cursor_) {
      more_ = cursor_->next();
      next_ = cursor_->first();
      next_place_ = numbered(cursor_->place());
    } else if (!steps_.empty()) {
      next_ = to_bits(steps_.front().first);
      next_place_ = steps_.front().value;
      steps_ = steps_.subspan(1);
    } else {
      more_ = false;
    }
  }

  std::optional<GeoCursor> cursor_;
  std::span<const PrefixStep> steps_;
  std::uint32_t offset_ = 0;
  std::uint32_t place_ = GeoTable::nowhere;
  bool more_ = true;
  Bits128 next_ = 0;
  std::uint32_t next_place_ = GeoTable::nowhere;
};

/// What the first layer that knows anything says.
std::uint32_t place_of(std::span<const Layer> layers) {
  for (const Layer& layer : layers) {
    if (layer.place() != GeoTable::nowhere) return layer.place();
  }
  return GeoTable::nowhere;
}

std::string to_text(CountryCode country) {
  return country[0] == 0 ? std::string() : std::string(country.begin(), country.end());
}

}  // namespace

GlobePoint on_globe(const topology::Location& location) {
  constexpr double radians = std::numbers::pi / 180;
  const double latitude = location.latitude * radians;
  const double longitude = location.longitude * radians;
  return {std::cos(latitude) * std::cos(longitude), std::cos(latitude) * std::sin(longitude),
          std::sin(latitude)};
}

// The haversine of the central angle is a quarter of the squared chord: sin^2(dlat / 2) + cos(lat1)
// cos(lat2) sin^2(dlon / 2) written with points on the unit sphere, with the same good behaviour
// for small distances.
double globe_distance_km(const GlobePoint& one, const GlobePoint& other) {
  const double x = one.x - other.x;
  const double y = one.y - other.y;
  const double z = one.z - other.z;
  const double haversine = std::min(1.0, (x * x + y * y + z * z) / 4);
  return 2 * earth_radius_km * std::asin(std::sqrt(haversine));
}

double distance_km(const topology::Location& one, const topology::Location& other) {
  return globe_distance_km(on_globe(one), on_globe(other));
}

Geography::Geography(std::vector<GeoTable> databases, std::span<const topology::Network> networks)
    : databases_(std::move(databases)), networks_(networks.begin(), networks.end()) {
  std::vector<PrefixBlock> blocks;
  for (const topology::Network& network : networks_) {
    blocks.push_back({network.prefix, static_cast<std::uint32_t>(blocks.size())});
  }
  overrides_ = flatten(blocks, nowhere);
  places_ = static_cast<std::uint32_t>(networks_.size());
  for (const GeoTable& database : databases_) {
    offsets_.push_back(places_);
    places_ += static_cast<std::uint32_t>(database.places().size());
  }
}

std::optional<Geography::Found> Geography::find(const Address& address) const {
  const auto after = std::ranges::upper_bound(overrides_, address, {}, &PrefixStep::first);
  const std::uint32_t index = std::prev(after)->value;
  if (index != nowhere) {
    const topology::Network& network = networks_[index];
    return Found{network.prefix, {network.location, "", network.title}, "[[network]]"};
  }
  for (const GeoTable& database : databases_) {
    if (const auto found = database.find(address)) {
      const GeoPlace& place = database.places()[found->place];
      return Found{found->block,
                   {{place.latitude, place.longitude}, to_text(place.country), ""},
                   database.name()};
    }
  }
  return std::nullopt;
}

void Geography::walk(const Visit& visit) const {
  std::vector<Layer> layers;
  layers.emplace_back(overrides_);
  for (std::size_t i = 0; i < databases_.size(); ++i) {
    layers.emplace_back(databases_[i], offsets_[i]);
  }
  visit(Address(), place_of(layers));
  while (true) {
    const Layer* nearest = nullptr;
    for (const Layer& layer : layers) {
      if (layer.more() && (nearest == nullptr || layer.next() < nearest->next())) nearest = &layer;
    }
    if (nearest == nullptr) return;
    const Bits128 first = nearest->next();
    for (Layer& layer : layers) {
      if (layer.more() && layer.next() == first) layer.advance();
    }
    visit(to_address(first), place_of(layers));
  }
}

topology::Location Geography::location(std::uint32_t place) const {
  ASSERT(place < places_);
  if (place < networks_.size()) return networks_[place].location;
  const auto after = std::ranges::upper_bound(offsets_, place);
  const auto database = static_cast<std::size_t>(after - offsets_.begin()) - 1;
  const GeoPlace& found = databases_[database].places()[place - offsets_[database]];
  return {found.latitude, found.longitude};
}

std::size_t Geography::bytes() const {
  std::size_t bytes = overrides_.size() * sizeof(PrefixStep);
  for (const GeoTable& database : databases_) bytes += database.bytes();
  return bytes;
}

}  // namespace hither::dns
