// SPDX-License-Identifier: Apache-2.0
#include "dns/client_map.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/assert.h"
#include "base/hash.h"

namespace hither::dns {
namespace {

/// Orders the rooms for places, and gives equal orders one number.
class Rankings {
 public:
  /// Orders the nearest `ranked` of the rooms.
  Rankings(std::span<const topology::Room> rooms, std::size_t ranked)
      : ranked_(std::min(ranked, rooms.size())),
        squares_(rooms.size()),
        placed_(rooms.size()),
        order_(rooms.size()) {
    for (const topology::Room& room : rooms) points_.push_back(on_globe(room.location));
    std::iota(order_.begin(), order_.end(), std::uint16_t{0});
    number_of_order();
  }

  std::uint32_t number(const topology::Location& location) {
    const GlobePoint client = on_globe(location);
    for (std::size_t i = 0; i < points_.size(); ++i) {
      squares_[i] = chord_squared(client, points_[i]);
    }
    const double bound = bound_of_ranked();
    costs_.clear();
    for (std::size_t i = 0; i < points_.size(); ++i) {
      if (squares_[i] > bound) continue;
      costs_.emplace_back(std::llround(chord_to_km(squares_[i]) * 1000),
                          static_cast<std::uint16_t>(i));
    }
    std::ranges::partial_sort(costs_, costs_.begin() + static_cast<std::ptrdiff_t>(ranked_));
    for (std::size_t i = 0; i < ranked_; ++i) order_[i] = costs_[i].second;
    put_rest();
    return number_of_order();
  }

  std::size_t count() const { return orders_.size() / order_.size(); }
  std::vector<std::uint16_t> take() { return std::move(orders_); }

 private:
  using Cost = std::pair<long long, std::uint16_t>;  // metres and room: ties end in the index
  // A metre more is at most 2 / 6371 km in the square of a chord of the unit sphere.
  static constexpr double two_metres = 4.0 / 6'371'000.0;

  /// Only rooms up to here can be among the ranked: an arc sine for each of many costs most.
  double bound_of_ranked() {
    if (ranked_ == 0) return -1;
    if (ranked_ == squares_.size()) return std::numeric_limits<double>::max();
    sorted_ = squares_;
    const auto last = sorted_.begin() + static_cast<std::ptrdiff_t>(ranked_) - 1;
    std::ranges::nth_element(sorted_, last);
    return *last + two_metres;
  }

  /// Behind the ranked come the others by index.
  void put_rest() {
    if (ranked_ == order_.size()) return;
    std::ranges::fill(placed_, false);
    for (std::size_t i = 0; i < ranked_; ++i) placed_[order_[i]] = true;
    std::size_t next = ranked_;
    for (std::size_t i = 0; i < placed_.size(); ++i) {
      if (!placed_[i]) order_[next++] = static_cast<std::uint16_t>(i);
    }
  }

  std::uint32_t number_of_order() {
    const std::string_view bytes(reinterpret_cast<const char*>(order_.data()),
                                 ranked_ * sizeof(std::uint16_t));  // the rest follows from it
    const std::uint64_t hash = hash_bytes(bytes);
    const auto [begin, end] = numbers_.equal_range(hash);
    for (auto found = begin; found != end; ++found) {
      const auto at = static_cast<std::ptrdiff_t>(found->second * order_.size());
      if (std::equal(order_.begin(), order_.end(), orders_.begin() + at)) return found->second;
    }
    const auto number = static_cast<std::uint32_t>(count());
    orders_.insert(orders_.end(), order_.begin(), order_.end());
    numbers_.emplace(hash, number);
    return number;
  }

  std::size_t ranked_;
  std::vector<GlobePoint> points_;
  std::vector<double> squares_;  // of the chords to all rooms
  std::vector<double> sorted_;
  std::vector<Cost> costs_;
  std::vector<char> placed_;
  std::vector<std::uint16_t> order_;
  std::vector<std::uint16_t> orders_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> numbers_;
};

}  // namespace

ClientMap::ClientMap(PrefixMap map, std::size_t room_count, std::vector<std::uint16_t> orders)
    : map_(std::move(map)), room_count_(room_count), orders_(std::move(orders)) {}

ClientMap ClientMap::build(const Geography& geography, std::span<const topology::Room> rooms,
                           std::size_t rankings_max, const RunBoth& run_both) {
  ASSERT(!rooms.empty() && rooms.size() <= PrefixMap::value_max);
  ASSERT(rankings_max > 0 && rankings_max <= PrefixMap::value_max + std::size_t{1});
  std::vector<std::uint16_t> ranking_of(geography.places());
  std::vector<std::uint16_t> orders;
  // It ends: with 1 ranked room there is a ranking for each, with none only the catch-all.
  for (std::size_t ranked = ranked_max; orders.empty(); ranked /= 2) {
    Rankings rankings(rooms, ranked);
    for (std::uint32_t i = 0; i < geography.places() && rankings.count() <= rankings_max; ++i) {
      ranking_of[i] = static_cast<std::uint16_t>(rankings.number(geography.location(i)));
    }
    if (rankings.count() <= rankings_max) orders = rankings.take();
  }
  const auto ranking = [&](std::uint32_t place) {
    return place == Geography::nowhere ? 0U : std::uint32_t{ranking_of[place]};
  };
  PrefixMapBuilder builder;
  run_both(
      [&] {
        geography.walk(Family::v4, [&](Bits128 first, std::uint32_t place) {
          builder.step4(static_cast<std::uint32_t>(first), ranking(place));
        });
        builder.pack4();
      },
      [&] {
        geography.walk(Family::v6, [&](Bits128 first, std::uint32_t place) {
          builder.step6(first, ranking(place));
        });
        builder.pack6();
      });
  return {builder.finish(), rooms.size(), std::move(orders)};
}

void ClientMap::one_after_the_other(const std::function<void()>& one,
                                    const std::function<void()>& other) {
  one();
  other();
}

}  // namespace hither::dns
