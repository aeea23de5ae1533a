// SPDX-License-Identifier: Apache-2.0
#include "base/geo.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hither::geo_test {
namespace {

Address address(const std::string& text) { return *parse_address(text); }
Prefix prefix(const std::string& text) { return *parse_prefix(text); }

const GeoPlace japan{36, 138, {'J', 'P'}};
const GeoPlace france{46, 2, {'F', 'R'}};

std::string block_of(const GeoTable& table, const std::string& at) {
  const auto found = table.find(address(at));
  if (!found) return "nowhere";
  return to_text(found->block) + " " + std::string(table.places()[found->place].country.data(), 2);
}

TEST(GeoTable, IsNowhereWithoutBlocks) {
  const GeoTable table;

  EXPECT_EQ(block_of(table, "192.0.2.1"), "nowhere");
  EXPECT_EQ(block_of(table, "2001:db8::1"), "nowhere");
}

TEST(GeoTable, FindsTheWidestBlockOfTheSamePlace) {
  GeoTableBuilder builder;
  builder.add(prefix("10.0.0.0/9"), builder.place(japan));
  builder.add(prefix("10.128.0.0/9"), builder.place(japan));
  builder.add(prefix("11.0.0.0/16"), builder.place(france));
  builder.add(prefix("2001:db8::/33"), builder.place(japan));
  builder.add(prefix("2001:db8:8000::/33"), builder.place(japan));
  builder.add(prefix("2001:db9::5/128"), builder.place(france));
  const GeoTable table = builder.finish("test");

  EXPECT_EQ(block_of(table, "10.1.2.3"), "10.0.0.0/8 JP");
  EXPECT_EQ(block_of(table, "11.0.255.255"), "11.0.0.0/16 FR");
  EXPECT_EQ(block_of(table, "11.1.0.0"), "nowhere");
  EXPECT_EQ(block_of(table, "2001:db8:ffff::"), "2001:db8::/32 JP");
  EXPECT_EQ(block_of(table, "2001:db9::5"), "2001:db9::5/128 FR");
  EXPECT_EQ(block_of(table, "2001:db9::4"), "nowhere");
  EXPECT_EQ(block_of(table, "2001:db9::6"), "nowhere");
  EXPECT_EQ(table.places().size(), 2U);
}

TEST(GeoTable, ReachesBothEndsOfEachFamily) {
  GeoTableBuilder builder;
  builder.add(prefix("0.0.0.0/8"), builder.place(japan));
  builder.add(prefix("255.0.0.0/8"), builder.place(france));
  builder.add(prefix("::/128"), builder.place(japan));
  builder.add(prefix("ff00::/8"), builder.place(france));
  const GeoTable table = builder.finish("test");

  EXPECT_EQ(block_of(table, "0.0.0.0"), "0.0.0.0/8 JP");
  EXPECT_EQ(block_of(table, "255.255.255.255"), "255.0.0.0/8 FR");
  EXPECT_EQ(block_of(table, "::"), "::/128 JP");
  EXPECT_EQ(block_of(table, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "ff00::/8 FR");
}

TEST(GeoTable, ABlockAroundIpv4SaysNothingAboutIt) {
  GeoTableBuilder builder;
  builder.add(prefix("::/8"), builder.place(japan));
  const GeoTable table = builder.finish("test");

  EXPECT_EQ(block_of(table, "192.0.2.1"), "nowhere");
  EXPECT_EQ(block_of(table, "::1:0:0:0"), "::1:0:0:0/80 JP");
}

TEST(GeoCursor, PutsIpv4AtItsPlaceAndGoesOnBehindIt) {
  GeoTableBuilder builder;
  builder.add(prefix("::/8"), builder.place(japan));
  builder.add(prefix("10.0.0.0/8"), builder.place(france));
  const GeoTable table = builder.finish("test");

  std::vector<std::string> steps;
  GeoCursor cursor(table);
  do {
    const std::uint32_t place = cursor.place();
    steps.push_back(to_text(to_address(cursor.first())) + " " +
                    (place == GeoTable::nowhere ? "?" : std::to_string(place)));
  } while (cursor.next());

  EXPECT_EQ(steps, (std::vector<std::string>{":: 0", "0.0.0.0 ?", "10.0.0.0 1", "11.0.0.0 ?",
                                             "::1:0:0:0 0", "100:: ?"}));
}

TEST(Bits128, CountsAndCutsBlocks) {
  EXPECT_EQ(trailing_zeros(0), 128);
  EXPECT_EQ(trailing_zeros(bits128(4, 0)), 66);
  EXPECT_EQ(bit_length(0), 0);
  EXPECT_EQ(bit_length(bits128(1, 0)), 65);
  EXPECT_EQ(widest_block_at(0, ~Bits128{0}), 0);
  EXPECT_EQ(widest_block_at(v4_first, v4_last), 96);
  EXPECT_EQ(widest_block_at(5, 100), 128);
  EXPECT_EQ(block_last(0, 0), ~Bits128{0});
  EXPECT_EQ(to_address(to_bits(address("2001:db8::1:2"))), address("2001:db8::1:2"));
}

}  // namespace
}  // namespace hither::geo_test
