// SPDX-License-Identifier: Apache-2.0
#include "base/geo.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/assert.h"
#include "base/hash.h"

namespace hither {
namespace {

/// The widest block around `address` that lies within first..last.
Prefix widest_block_around(Bits128 address, Bits128 first, Bits128 last) {
  int length = 128;
  Bits128 best = address;
  while (length > 0) {
    const Bits128 wider = best & ~(Bits128{1} << static_cast<unsigned>(128 - length));
    if (wider < first || block_last(wider, length - 1) > last) break;
    best = wider;
    --length;
  }
  return {to_address(best), length};
}

template <class T>
std::size_t bytes_of(const std::vector<T>& items) {
  return items.capacity() * sizeof(T);
}

}  // namespace

GeoTable::GeoTable() : first4_{0}, place4_{nowhere}, high6_{0}, place6_{nowhere} {}

std::optional<GeoTable::Found> GeoTable::find(const Address& address) const {
  const Bits128 bits = to_bits(address);
  Bits128 first = 0;
  Bits128 last = ~Bits128{0};
  std::uint32_t place = nowhere;
  if (address.is_v4()) {
    const auto after = std::ranges::upper_bound(first4_, address.v4_value());
    const auto index = static_cast<std::size_t>(after - first4_.begin()) - 1;
    first = v4_first + first4_[index];
    last = after == first4_.end() ? v4_last : v4_first + *after - 1;
    place = place4_[index];
  } else {
    std::size_t low = 0;  // The last step that is not behind the address is in low..high-1.
    for (std::size_t high = high6_.size(); high - low > 1;) {
      const std::size_t middle = low + (high - low) / 2;
      (first6(middle) <= bits ? low : high) = middle;
    }
    first = first6(low);
    if (low + 1 < high6_.size()) last = first6(low + 1) - 1;
    if (bits < v4_first) last = std::min(last, v4_first - 1);
    if (bits > v4_last) first = std::max(first, v4_last + 1);
    place = place6_[low];
  }
  if (place == nowhere) return std::nullopt;
  return Found{widest_block_around(bits, first, last), place};
}

class GeoTable::Steps4 : public GeoSteps {
 public:
  explicit Steps4(const GeoTable& table) : table_(table) {}
  std::size_t read(std::span<GeoStep> out) override {
    const std::size_t count = std::min(out.size(), table_.first4_.size() - next_);
    for (std::size_t i = 0; i < count; ++i, ++next_) {
      out[i] = {v4_first + table_.first4_[next_], table_.place4_[next_]};
    }
    return count;
  }

 private:
  const GeoTable& table_;
  std::size_t next_ = 0;
};

class GeoTable::Steps6 : public GeoSteps {
 public:
  explicit Steps6(const GeoTable& table) : table_(table) {}
  std::size_t read(std::span<GeoStep> out) override {
    const std::size_t count = std::min(out.size(), table_.high6_.size() - next_);
    for (std::size_t i = 0; i < count; ++i, ++next_) {
      out[i] = {table_.first6(next_), table_.place6_[next_]};
    }
    return count;
  }

 private:
  const GeoTable& table_;
  std::size_t next_ = 0;
};

std::unique_ptr<GeoSteps> GeoTable::steps(Family family) const {
  if (family == Family::v4) return std::make_unique<Steps4>(*this);
  return std::make_unique<Steps6>(*this);
}

std::optional<GeoSource::Located> GeoTable::locate(const Address& address) const {
  const auto found = find(address);
  if (!found) return std::nullopt;
  return Located{found->block, places_[found->place], name_};
}

std::size_t GeoTable::bytes() const {
  return bytes_of(places_) + bytes_of(first4_) + bytes_of(place4_) + bytes_of(high6_) +
         bytes_of(low6_) + bytes_of(place6_);
}

bool GeoCursor::next() {
  const bool more6 = next6_ < table_->high6_.size();
  const Bits128 coming = more6 ? table_->first6(next6_) : 0;
  if (more6 && coming <= v4_first && next4_ == 0) {
    first_ = coming;
    place_ = table_->place6_[next6_++];
    // A step at the edge itself is hidden by IPv4's first.
    if (coming < v4_first) return true;
  }
  if (next4_ < table_->first4_.size()) {
    first_ = v4_first + table_->first4_[next4_];
    place_ = table_->place4_[next4_++];
    return true;
  }
  if (first_ <= v4_last) {
    // Behind IPv4 goes on what was said of the rest before it.
    while (next6_ < table_->high6_.size() && table_->first6(next6_) <= v4_last + 1) ++next6_;
    first_ = v4_last + 1;
    place_ = table_->place6_[next6_ - 1];
    return true;
  }
  if (!more6) return false;
  first_ = coming;
  place_ = table_->place6_[next6_++];
  return true;
}

std::size_t GeoTableBuilder::PlaceHash::operator()(const GeoPlace& place) const {
  const auto country = static_cast<std::uint64_t>(static_cast<unsigned char>(place.country[0]))
                           << 8U |
                       static_cast<unsigned char>(place.country[1]);
  // + 0.0 makes one of the two zeros, which are equal.
  return hash_pair(hash_pair(std::bit_cast<std::uint64_t>(place.latitude + 0.0),
                             std::bit_cast<std::uint64_t>(place.longitude + 0.0)),
                   country);
}

void GeoTableBuilder::reserve4(std::size_t steps) {
  table_.first4_.reserve(steps);
  table_.place4_.reserve(steps);
}

void GeoTableBuilder::reserve6(std::size_t steps) {
  table_.high6_.reserve(steps);
  table_.place6_.reserve(steps);
}

std::uint32_t GeoTableBuilder::place(const GeoPlace& place) {
  const auto [found, fresh] =
      numbers_.try_emplace(place, static_cast<std::uint32_t>(table_.places_.size()));
  if (fresh) table_.places_.push_back(place);
  return found->second;
}

/// Until the next block comes, what follows a block is nowhere: a step that the next block replaces
/// if it begins right there.
void GeoTableBuilder::add(const Prefix& block, std::uint32_t place) {
  const Bits128 first = to_bits(block.address);
  const Bits128 last = block_last(first, block.length);
  if (block.is_v4()) {
    const auto first4 = static_cast<std::uint32_t>(first - v4_first);
    step4(first4, place);
    if (last != v4_last) step4(static_cast<std::uint32_t>(last - v4_first + 1), GeoTable::nowhere);
  } else {
    step6(first, place);
    if (last != ~Bits128{0}) step6(last + 1, GeoTable::nowhere);
  }
}

void GeoTableBuilder::step4(std::uint32_t first, std::uint32_t place) {
  auto& firsts = table_.first4_;
  auto& places = table_.place4_;
  ASSERT(first >= firsts.back());
  if (first == firsts.back()) {
    places.back() = place;
    if (places.size() > 1 && places[places.size() - 2] == place) {
      firsts.pop_back();
      places.pop_back();
    }
  } else if (place != places.back()) {
    firsts.push_back(first);
    places.push_back(place);
  }
}

void GeoTableBuilder::step6(Bits128 first, std::uint32_t place) {
  auto& places = table_.place6_;
  const Bits128 before = table_.first6(places.size() - 1);
  ASSERT(first >= before);
  if (first == before) {
    places.back() = place;
    if (places.size() > 1 && places[places.size() - 2] == place) {
      places.pop_back();
      table_.high6_.pop_back();
      if (!table_.low6_.empty()) table_.low6_.pop_back();
    }
  } else if (place != places.back()) {
    if (low_half(first) != 0 && table_.low6_.empty()) {
      table_.low6_.reserve(table_.high6_.capacity());
      table_.low6_.resize(table_.high6_.size());
    }
    places.push_back(place);
    table_.high6_.push_back(high_half(first));
    if (!table_.low6_.empty()) table_.low6_.push_back(low_half(first));
  }
}

GeoTable GeoTableBuilder::finish(std::string name) {
  table_.name_ = std::move(name);
  table_.places_.shrink_to_fit();
  table_.first4_.shrink_to_fit();
  table_.place4_.shrink_to_fit();
  table_.high6_.shrink_to_fit();
  table_.low6_.shrink_to_fit();
  table_.place6_.shrink_to_fit();
  numbers_.clear();
  return std::move(table_);
}

}  // namespace hither
