// SPDX-License-Identifier: Apache-2.0
#include "dns/builtin_geo.h"

#include <gtest/gtest.h>

#include <string>

#include "base/hash.h"
#include "base/rng.h"
#include "dns/geo_codec.h"

namespace hither::dns {
namespace {

std::string country_of(const GeoTable& table, const std::string& at) {
  const auto found = table.find(*parse_address(at));
  if (!found) return "";
  const CountryCode code = table.places()[found->place].country;
  return {code.begin(), code.end()};
}

TEST(BuiltinGeo, KnowsWhereNetworksAre) {
  const auto table = builtin_geo();
  ASSERT_TRUE(table) << table.error().message;
  const struct {
    const char* address;
    const char* country;
  } rows[] = {
      {"133.11.0.1", "JP"},   // University of Tokyo
      {"141.20.0.1", "DE"},   // Humboldt University
      {"18.0.0.1", "US"},     // MIT
      {"129.67.0.1", "GB"},   // University of Oxford
      {"200.144.0.1", "BR"},  // University of Sao Paulo
      {"2001:240::1", "JP"},  // IIJ
      {"2001:638::1", "DE"},  // DFN
      {"2001:660::1", "FR"},  // RENATER
      {"2001:388::1", "AU"},  // AARNet
      {"2804:14c::1", "BR"},  // Claro
      {"127.0.0.1", ""},      // nobody's
      {"10.0.0.1", ""},      {"255.255.255.255", ""}, {"::1", ""}, {"fe80::1", ""},
  };
  for (const auto& row : rows)
    EXPECT_EQ(country_of(*table, row.address), row.country) << row.address;
}

TEST(BuiltinGeo, EveryPlaceIsACountryOnTheGlobe) {
  const auto table = builtin_geo();
  ASSERT_TRUE(table);

  EXPECT_GE(table->places().size(), 240U);
  for (const GeoPlace& place : table->places()) {
    EXPECT_LE(std::abs(place.latitude), 90);
    EXPECT_LE(std::abs(place.longitude), 180);
    EXPECT_FALSE(place.latitude == 0 && place.longitude == 0)
        << place.country[0] << place.country[1];
    EXPECT_EQ(builtin_country(place.country), place);
  }
  EXPECT_FALSE(builtin_country({'X', 'X'}));
}

TEST(BuiltinGeo, IsSmall) { EXPECT_LE(builtin_geo_bytes().size(), 3'000'000U); }

TEST(BuiltinGeo, SaysItsDay) {
  EXPECT_TRUE(builtin_geo()->name().starts_with("builtin (20")) << builtin_geo()->name();
}

/// Steps of every size, so that distances of one byte and of nineteen occur.
GeoTable random_table(Rng& rng) {
  GeoTableBuilder builder;
  std::vector<std::uint32_t> places = {GeoTable::nowhere};
  for (char letter = 'A'; letter < 'F'; ++letter) {
    places.push_back(builder.place({rng.unit() * 90, -rng.unit() * 180, {letter, 'Z'}}));
  }
  std::uint64_t v4 = 0;
  while (v4 <= 0xffffffffU) {
    builder.step4(static_cast<std::uint32_t>(v4), places[rng.below(places.size())]);
    v4 += 1 + (rng.next() >> 32U >> rng.below(32));
  }
  Bits128 v6 = 0;
  for (int i = 0; i < 200; ++i) {
    builder.step6(v6, places[rng.below(places.size())]);
    const Bits128 gap = 1 + (bits128(rng.next(), rng.next()) >> (6 + rng.below(122)));
    if (~Bits128{0} - v6 < gap) break;
    v6 += gap;
    if (v6 >= v4_first && v6 <= v4_last) v6 = v4_last + 1;
  }
  return builder.finish("random");
}

std::vector<std::string> steps_in_words(const GeoTable& table) {
  std::vector<std::string> words;
  GeoCursor cursor(table);
  do {
    words.push_back(to_text(to_address(cursor.first())) + " " + std::to_string(cursor.place()));
  } while (cursor.next());
  return words;
}

TEST(GeoCodec, GivesBackWhatWentIn) {
  Rng rng(20260617);
  for (int round = 0; round < 50; ++round) {
    const GeoTable table = random_table(rng);
    const Bytes bytes = encode_geo(table, "2026-06-17");
    const auto again = decode_geo(bytes, "again");

    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(steps_in_words(*again), steps_in_words(table));
    EXPECT_EQ(again->name(), "again (2026-06-17)");
    ASSERT_EQ(again->places().size(), table.places().size());
    for (std::size_t i = 0; i < table.places().size(); ++i) {
      EXPECT_NEAR(again->places()[i].latitude, table.places()[i].latitude, 1e-6);
      EXPECT_NEAR(again->places()[i].longitude, table.places()[i].longitude, 1e-6);
    }
  }
}

TEST(GeoCodec, RefusesEveryTruncationAndBadByte) {
  Rng rng(1);
  const Bytes bytes = encode_geo(random_table(rng), "2026-06-17");
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    EXPECT_FALSE(decode_geo(ByteView(bytes).first(size), "cut")) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); at += 5) {
    Bytes bad = bytes;
    bad[at] ^= std::byte{0x10};
    EXPECT_FALSE(decode_geo(bad, "bad")) << at;
  }
}

// With the hash made right again, so that what lies behind it is tried: no crash, no huge memory.
TEST(GeoCodec, SurvivesDamageBehindARightHash) {
  Rng rng(2);
  const Bytes bytes = encode_geo(random_table(rng), "2026-06-17");
  for (int round = 0; round < 3000; ++round) {
    Bytes bad = bytes;
    for (std::uint64_t i = rng.below(4) + 1; i > 0; --i) {
      bad[16 + rng.below(bad.size() - 16)] = static_cast<std::byte>(rng.below(256));
    }
    const std::uint64_t hash = hash_bytes(as_text(ByteView(bad).subspan(16)));
    for (unsigned i = 0; i < 8; ++i)
      bad[8 + i] = static_cast<std::byte>(hash >> (56U - 8U * i) & 0xffU);
    const auto table = decode_geo(bad, "bad");
    if (table) {
      EXPECT_GE(table->step_count(), 2U);
    }
  }
}

}  // namespace
}  // namespace hither::dns
