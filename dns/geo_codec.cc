// SPDX-License-Identifier: Apache-2.0
#include "dns/geo_codec.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/hash.h"
#include "base/text.h"

namespace hither::dns {
namespace {

constexpr std::string_view magic = "HTHRGEO1";
constexpr std::size_t hashed_from = 16;
constexpr double units_per_degree = 1e6;
constexpr std::uint8_t nowhere_byte = 255;

struct Step {
  Bits128 first;
  std::uint32_t place;
};

void put(Bytes& out, std::uint64_t value, unsigned octets) {
  for (unsigned i = octets; i-- > 0;)
    out.push_back(static_cast<std::byte>(value >> 8U * i & 0xffU));
}

void put_distance(Bytes& out, Bits128 distance) {
  ASSERT(distance != 0);
  const auto exponent = static_cast<unsigned>(trailing_zeros(distance)) & 0x7fU;
  Bits128 rest = distance >> exponent >> 1U;
  put(out, exponent | (rest != 0 ? 0x80U : 0U), 1);
  while (rest != 0) {
    const auto group = static_cast<unsigned>(rest & 0x7fU);
    rest >>= 7U;
    put(out, group | (rest != 0 ? 0x80U : 0U), 1);
  }
}

/// 0 if it is not well-formed or does not fit.
Bits128 get_distance(Reader& in) {
  const unsigned head = in.u8();
  const unsigned exponent = head & 0x7fU;
  Bits128 odd = 1;
  bool more = (head & 0x80U) != 0;
  for (unsigned shift = 1; more; shift += 7) {
    const unsigned group = in.u8();
    const Bits128 part = group & 0x7fU;
    if (shift >= 128 || part << shift >> shift != part) return 0;
    odd |= part << shift;
    more = (group & 0x80U) != 0;
  }
  return odd << exponent >> exponent == odd ? odd << exponent : 0;
}

void put_steps(Bytes& out, const std::vector<Step>& steps) {
  const Step* before = nullptr;
  for (const Step& step : steps) {
    put(out, step.place == GeoTable::nowhere ? nowhere_byte : step.place, 1);
    if (before != nullptr) put_distance(out, step.first - before->first);
    before = &step;
  }
}

GeoPlace get_place(Reader& in) {
  GeoPlace place;
  place.country[0] = static_cast<char>(in.u8());
  place.country[1] = static_cast<char>(in.u8());
  place.latitude = static_cast<std::int32_t>(in.u32()) / units_per_degree;
  place.longitude = static_cast<std::int32_t>(in.u32()) / units_per_degree;
  return place;
}

/// Reads `count` steps from `first` on, each within `last`. False if they make no sense.
template <class Take>
bool get_steps(Reader& in, std::uint32_t count, std::pair<Bits128, Bits128> range, Take take) {
  Bits128 at = range.first;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint8_t place = in.u8();
    if (i > 0) {
      const Bits128 distance = get_distance(in);
      if (distance == 0 || distance > range.second - at) return false;
      at += distance;
    }
    if (!in.ok()) return false;
    take(at, place);
  }
  return true;
}

}  // namespace

Bytes encode_geo(const GeoTable& table, const std::string& date) {
  ASSERT(table.places().size() < nowhere_byte);
  const auto number = parse_number(date.substr(0, 4) + date.substr(5, 2) + date.substr(8, 2));
  ASSERT(number.has_value());
  Bytes body;
  put(body, *number, 4);
  put(body, table.places().size(), 1);
  for (const GeoPlace& place : table.places()) {
    for (const char letter : place.country) put(body, static_cast<unsigned char>(letter), 1);
    for (const double degrees : {place.latitude, place.longitude}) {
      put(body, static_cast<std::uint32_t>(std::lround(degrees * units_per_degree)), 4);
    }
  }
  std::vector<Step> steps4;
  std::vector<Step> steps6;
  GeoCursor cursor(table);
  do {
    const bool v4 = cursor.first() >= v4_first && cursor.first() <= v4_last;
    (v4 ? steps4 : steps6).push_back({cursor.first(), cursor.place()});
  } while (cursor.next());
  put(body, steps4.size(), 4);
  put(body, steps6.size(), 4);
  put_steps(body, steps4);
  put_steps(body, steps6);
  Bytes out;
  append(out, as_bytes(magic));
  put(out, hash_bytes(as_text(body)), 8);
  append(out, body);
  return out;
}

Result<GeoTable> decode_geo(ByteView bytes, const std::string& name) {
  const auto damaged = [&] {
    return fail(name + ": damaged; derive it again (docs/geography.md)");
  };
  Reader in(bytes);
  if (as_text(in.take(magic.size())) != magic) return damaged();
  const std::uint64_t high = in.u32();
  const std::uint64_t hash = high << 32U | in.u32();
  if (!in.ok() || hash != hash_bytes(as_text(bytes.subspan(hashed_from)))) return damaged();
  const std::uint32_t date = in.u32();
  const std::uint8_t places = in.u8();
  GeoTableBuilder builder;
  std::vector<std::uint32_t> numbers;
  for (unsigned i = 0; i < places; ++i) numbers.push_back(builder.place(get_place(in)));
  numbers.resize(nowhere_byte, GeoTable::nowhere);
  numbers.push_back(GeoTable::nowhere);
  const std::uint32_t count4 = in.u32();
  const std::uint32_t count6 = in.u32();
  // A step takes two bytes, so a damaged count cannot ask for much memory.
  if (!in.ok() || count4 > in.left() || count6 > in.left()) return damaged();
  builder.reserve4(count4);
  builder.reserve6(count6);
  const bool good4 =
      get_steps(in, count4, {v4_first, v4_last}, [&](Bits128 at, std::uint8_t place) {
        builder.step4(static_cast<std::uint32_t>(at - v4_first), numbers[place]);
      });
  const bool good6 =
      good4 && get_steps(in, count6, {0, ~Bits128{0}}, [&](Bits128 at, std::uint8_t place) {
        builder.step6(at, numbers[place]);
      });
  if (!good6 || in.left() != 0) return damaged();
  return builder.finish(
      fmt::format("{} ({:04}-{:02}-{:02})", name, date / 10000, date / 100 % 100, date % 100));
}

std::optional<GeoPlace> country_in_geo(ByteView bytes, CountryCode country) {
  Reader in(bytes);
  in.skip(hashed_from + 4);
  for (unsigned left = in.u8(); left > 0; --left) {
    const GeoPlace place = get_place(in);
    if (place.country == country) return place;
  }
  return std::nullopt;
}

}  // namespace hither::dns
