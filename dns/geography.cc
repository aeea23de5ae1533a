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

/// What [[network]]s say of one family.
class OverrideSteps : public GeoSteps {
 public:
  OverrideSteps(std::span<const PrefixStep> steps, Family family) {
    if (family == Family::v6) {
      rest_ = steps;
      return;
    }
    const auto behind =
        std::ranges::upper_bound(steps, to_address(v4_first), {}, &PrefixStep::first);
    const auto end = std::ranges::upper_bound(steps, to_address(v4_last), {}, &PrefixStep::first);
    in_force_ = GeoStep{v4_first, std::prev(behind)->value};
    rest_ = {behind, end};
  }
  std::size_t read(std::span<GeoStep> out) override {
    std::size_t count = 0;
    if (in_force_) out[count++] = *in_force_;
    in_force_.reset();
    for (; count < out.size() && !rest_.empty(); rest_ = rest_.subspan(1)) {
      out[count++] = {to_bits(rest_.front().first), rest_.front().value};
    }
    return count;
  }

 private:
  std::optional<GeoStep> in_force_;
  std::span<const PrefixStep> rest_;
};

/// One source of places while all of them are read side by side: the place now, and the step after
/// it.
class Layer {
 public:
  Layer(std::unique_ptr<GeoSteps> steps, std::uint32_t offset)
      : steps_(std::move(steps)), offset_(offset), buffer_(buffer_steps) {
    load();
    advance();
  }

  std::uint32_t place() const { return place_; }
  bool more() const { return next_ < count_; }
  /// Precondition: more().
  Bits128 next() const { return buffer_[next_].first; }
  void advance() {
    const std::uint32_t place = buffer_[next_].place;
    place_ = place == GeoSource::nowhere ? place : place + offset_;
    if (++next_ == count_) load();
  }

 private:
  static constexpr std::size_t buffer_steps = 256;

  void load() {
    next_ = 0;
    count_ = steps_->read(buffer_);
  }

  std::unique_ptr<GeoSteps> steps_;
  std::uint32_t offset_;
  std::vector<GeoStep> buffer_;
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  std::uint32_t place_ = GeoSource::nowhere;
};

/// What the first layer that knows anything says.
std::uint32_t place_of(std::span<const Layer> layers) {
  for (const Layer& layer : layers) {
    if (layer.place() != GeoSource::nowhere) return layer.place();
  }
  return GeoSource::nowhere;
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
double chord_to_km(double squared) {
  return 2 * earth_radius_km * std::asin(std::sqrt(std::min(1.0, squared / 4)));
}

double globe_distance_km(const GlobePoint& one, const GlobePoint& other) {
  return chord_to_km(chord_squared(one, other));
}

double distance_km(const topology::Location& one, const topology::Location& other) {
  return globe_distance_km(on_globe(one), on_globe(other));
}

Geography::Sources::Sources(std::vector<GeoTable> tables) {
  for (GeoTable& table : tables) add(std::make_unique<GeoTable>(std::move(table)));
}

Geography::Geography(Sources sources, std::span<const topology::Network> networks)
    : sources_(std::move(sources)), networks_(networks.begin(), networks.end()) {
  std::vector<PrefixBlock> blocks;
  for (const topology::Network& network : networks_) {
    blocks.push_back({network.prefix, static_cast<std::uint32_t>(blocks.size())});
  }
  overrides_ = flatten(blocks, nowhere);
  places_ = static_cast<std::uint32_t>(networks_.size());
  for (const auto& source : sources_.all()) {
    offsets_.push_back(places_);
    places_ += static_cast<std::uint32_t>(source->places().size());
  }
}

std::optional<Geography::Found> Geography::find(const Address& address) const {
  const auto after = std::ranges::upper_bound(overrides_, address, {}, &PrefixStep::first);
  const std::uint32_t index = std::prev(after)->value;
  if (index != nowhere) {
    const topology::Network& network = networks_[index];
    return Found{network.prefix, {network.location, network.country, network.title}, "[[network]]"};
  }
  for (const auto& source : sources_.all()) {
    if (const auto found = source->locate(address)) {
      const GeoPlace& place = found->place;
      return Found{found->block,
                   {{place.latitude, place.longitude}, to_text(place.country), ""},
                   found->source};
    }
  }
  return std::nullopt;
}

void Geography::walk(Family family, const Visit& visit) const {
  std::vector<Layer> layers;
  layers.emplace_back(std::make_unique<OverrideSteps>(overrides_, family), 0);
  for (std::size_t i = 0; i < sources_.all().size(); ++i) {
    layers.emplace_back(sources_.all()[i]->steps(family), offsets_[i]);
  }
  visit(family == Family::v4 ? v4_first : 0, place_of(layers));
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
    visit(first, place_of(layers));
  }
}

const GeoPlace* Geography::known(std::uint32_t place) const {
  ASSERT(place < places_);
  if (place < networks_.size()) return nullptr;
  const auto after = std::ranges::upper_bound(offsets_, place);
  const auto source = static_cast<std::size_t>(after - offsets_.begin()) - 1;
  return &sources_.all()[source]->places()[place - offsets_[source]];
}

topology::Location Geography::location(std::uint32_t place) const {
  const GeoPlace* found = known(place);
  if (found == nullptr) return networks_[place].location;
  return {found->latitude, found->longitude};
}

CountryCode Geography::country(std::uint32_t place) const {
  const GeoPlace* found = known(place);
  if (found != nullptr) return found->country;
  const std::string& country = networks_[place].country;
  return country.size() == 2 ? CountryCode{country[0], country[1]} : CountryCode{};
}

std::vector<std::string> Geography::sources() const {
  std::vector<std::string> names;
  for (const auto& source : sources_.all()) names.push_back(source->name());
  return names;
}

void Geography::let_go() {
  for (const auto& source : sources_.all()) source->let_go();
}

}  // namespace hither::dns
