// SPDX-License-Identifier: Apache-2.0
#include "io/geo_db.h"

#include <gtest/gtest.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>

#include "base/rng.h"
#include "tests/support/mmdb_writer.h"

namespace hither::io {
namespace {

using test::MmdbWriter;

Address address(const std::string& text) { return *parse_address(text); }
Prefix prefix(const std::string& text) { return *parse_prefix(text); }

/// Knows Japan only.
std::optional<GeoPlace> country_place(CountryCode country) {
  if (country != CountryCode{'J', 'P'}) return std::nullopt;
  return GeoPlace{36, 138, country};
}

/// A folder of its own for each test, gone with it.
class GeoDb : public testing::Test {
 protected:
  GeoDb() {
    std::string name = (std::filesystem::temp_directory_path() / "geo_db_test.XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~GeoDb() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& bytes) {
    const std::string path = folder_ / "test.mmdb";
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return path;
  }
  Result<GeoTable> read(const MmdbWriter& writer) {
    return read_geo_db(file(writer.bytes()), country_place);
  }
  std::string error_of(const std::string& path) {
    const auto table = read_geo_db(path, country_place);
    return table ? "no error" : table.error().message;
  }

  std::filesystem::path folder_;
};

std::string place_in_words(const GeoTable& table, const std::string& at) {
  const auto found = table.find(address(at));
  if (!found) return "nowhere";
  const GeoPlace& place = table.places()[found->place];
  std::string words = to_text(found->block) + " ";
  if (place.country[0] != 0) words.append(place.country.begin(), place.country.end()).append(" ");
  return words + std::to_string(place.latitude) + " " + std::to_string(place.longitude);
}

TEST_F(GeoDb, ReadsTheSchemaOfGeoLite2) {
  MmdbWriter writer(6);
  writer.add(prefix("133.11.0.0/16"), {{"location.latitude", 35.5},
                                       {"location.longitude", 139.75},
                                       {"country.iso_code", "JP"},
                                       {"registered_country.iso_code", "US"}});
  const auto table = read(writer);

  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(place_in_words(*table, "133.11.0.1"), "133.11.0.0/16 JP 35.500000 139.750000");
  EXPECT_EQ(place_in_words(*table, "133.12.0.1"), "nowhere");
  EXPECT_EQ(table->name(), (folder_ / "test.mmdb").string());
}

TEST_F(GeoDb, ReadsTheFlatSchemaOfDbIp) {
  MmdbWriter v4(4);
  v4.add(prefix("133.11.0.0/16"),
         {{"latitude", 35.5F}, {"longitude", 139.75F}, {"country_code", "JP"}, {"city", "Tokyo"}});
  const auto table = read(v4);

  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(place_in_words(*table, "133.11.0.1"), "133.11.0.0/16 JP 35.500000 139.750000");
  EXPECT_EQ(place_in_words(*table, "2001:200::1"), "nowhere");
}

TEST_F(GeoDb, TakesTheCountrysPlaceWhereThereAreNoCoordinates) {
  MmdbWriter writer(6);
  writer.add(prefix("133.0.0.0/8"), {{"country_code", "JP"}});
  writer.add(prefix("2001:200::/23"), {{"country", "JP"}});
  writer.add(prefix("10.0.0.0/8"), {{"country_code", "XX"}});
  const auto table = read(writer);

  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(place_in_words(*table, "133.11.0.1"), "133.0.0.0/8 JP 36.000000 138.000000");
  EXPECT_EQ(place_in_words(*table, "2001:200::1"), "2001:200::/23 JP 36.000000 138.000000");
  EXPECT_EQ(place_in_words(*table, "10.1.1.1"), "nowhere");
  EXPECT_EQ(table->places().size(), 1U);
}

TEST_F(GeoDb, IgnoresCoordinatesThatAreNone) {
  MmdbWriter writer(4);
  writer.add(prefix("10.0.0.0/8"),
             {{"latitude", 91.0}, {"longitude", 0.0}, {"country_code", "JP"}});
  writer.add(prefix("11.0.0.0/8"),
             {{"latitude", "35.5"}, {"longitude", "139.75"}, {"country_code", "JP"}});
  writer.add(prefix("12.0.0.0/8"),
             {{"latitude", std::numeric_limits<double>::quiet_NaN()}, {"longitude", 0.0}});
  const auto table = read(writer);

  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(place_in_words(*table, "10.0.0.1"), "10.0.0.0/7 JP 36.000000 138.000000");
  EXPECT_EQ(place_in_words(*table, "12.0.0.1"), "nowhere");
}

TEST_F(GeoDb, DoesNotFollowAliasesOfIpv4) {
  MmdbWriter writer(6);
  writer.add(prefix("133.11.0.0/16"), {{"country_code", "JP"}});
  writer.add(prefix("2400::/12"), {{"country_code", "JP"}});
  writer.alias_v4({address("::ffff:0:0"), 96});
  writer.alias_v4(prefix("2001::/32"));
  writer.alias_v4(prefix("2002::/16"));
  const auto table = read(writer);

  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(place_in_words(*table, "133.11.0.1"), "133.11.0.0/16 JP 36.000000 138.000000");
  EXPECT_EQ(place_in_words(*table, "2002:850b:1::1"), "nowhere");
  EXPECT_EQ(place_in_words(*table, "2001:0:850b:1::1"), "nowhere");
  EXPECT_EQ(table->step_count(), 2U + 1U + 2U + 1U);
}

TEST_F(GeoDb, ALeafAroundIpv4SpeaksForItToo) {
  MmdbWriter writer(6);
  writer.add(prefix("::/8"), {{"country_code", "JP"}});
  const auto table = read(writer);

  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(place_in_words(*table, "9.9.9.9"), "0.0.0.0/0 JP 36.000000 138.000000");
  EXPECT_EQ(place_in_words(*table, "ff::1"), "80::/9 JP 36.000000 138.000000");
}

/// What libmaxminddb itself says, as a country.
std::string looked_up(const MMDB_s& database, const Address& at) {
  sockaddr_in6 socket{};
  socket.sin6_family = AF_INET6;
  std::memcpy(&socket.sin6_addr, at.octets().data(), 16);
  int error = 0;
  MMDB_lookup_result_s result =
      MMDB_lookup_sockaddr(&database, reinterpret_cast<const sockaddr*>(&socket), &error);
  MMDB_entry_data_s data;
  if (!result.found_entry ||
      MMDB_get_value(&result.entry, &data, "country_code", nullptr) != MMDB_SUCCESS) {
    return "nowhere";
  }
  return {data.utf8_string, data.data_size};
}

TEST_F(GeoDb, SaysWhatALookupInTheFileSays) {
  Rng rng(8);
  MmdbWriter writer(6);
  for (int i = 0; i < 300; ++i) {
    const bool v4 = rng.below(2) == 0;
    const int length =
        v4 ? 96 + 4 + static_cast<int>(rng.below(29)) : 3 + static_cast<int>(rng.below(126));
    const Address base = v4 ? Address::v4(static_cast<std::uint32_t>(rng.next()))
                            : to_address(bits128(rng.next() >> 3U | 1ULL << 61U, rng.next()));
    const std::string country = {static_cast<char>('A' + rng.below(4)), 'X'};
    writer.add(prefix_of(base, length), {{"country_code", country}});
  }
  writer.alias_v4({address("::ffff:0:0"), 96});
  const std::string path = file(writer.bytes());
  const auto table = read_geo_db(path, [](CountryCode country) { return GeoPlace{1, 1, country}; });
  ASSERT_TRUE(table) << table.error().message;
  MMDB_s database;
  ASSERT_EQ(MMDB_open(path.c_str(), MMDB_MODE_MMAP, &database), MMDB_SUCCESS);
  const auto expect_same = [&](const Address& at) {
    const auto found = table->find(at);
    std::string country = "nowhere";
    if (found) {
      const CountryCode code = table->places()[found->place].country;
      country.assign(code.begin(), code.end());
      EXPECT_TRUE(found->block.contains(at));
    }
    EXPECT_EQ(country, looked_up(database, at)) << to_text(at);
  };

  GeoCursor cursor(*table);
  do {
    expect_same(to_address(cursor.first()));
    expect_same(to_address(cursor.first() - 1));
  } while (cursor.next());
  for (int i = 0; i < 10000; ++i) {
    expect_same(Address::v4(static_cast<std::uint32_t>(rng.next())));
    expect_same(to_address(bits128(rng.next() >> 3U | 1ULL << 61U, rng.next())));
  }
  MMDB_close(&database);
}

TEST_F(GeoDb, SaysWhatIsWrongWithAFileAndWhatWouldBeRight) {
  const std::string path = file("# a text file\n");
  MmdbWriter useless(6);
  useless.add(prefix("10.0.0.0/8"), {{"organization", "Example"}});

  EXPECT_EQ(error_of("no-such.mmdb"),
            "no-such.mmdb: no such file; name a MaxMind-format database or \"builtin\"");
  EXPECT_EQ(error_of(folder_),
            folder_.string() + ": not a file; name a MaxMind-format database or \"builtin\"");
  EXPECT_NE(error_of(path).find(path + ": not a whole MaxMind-format database"), std::string::npos);
  EXPECT_EQ(error_of(file(useless.bytes("Test-ASN"))),
            path +
                ": knows neither coordinates nor countries (its type is 'Test-ASN'); use a city or "
                "country database");
  EXPECT_NE(error_of(file("")), "no error");
}

TEST_F(GeoDb, ReportsATreeThatMakesNoSense) {
  MmdbWriter loops(6);
  loops.add(prefix("2001:db8::/32"), {{"country_code", "JP"}});
  loops.loop(prefix("2400::/12"));
  MmdbWriter dangles(6);
  dangles.add(prefix("2001:db8::/32"), {{"country_code", "JP"}});
  dangles.dangle(prefix("2400::/12"));

  EXPECT_NE(error_of(file(loops.bytes())).find("damaged"), std::string::npos);
  EXPECT_NE(error_of(file(dangles.bytes())).find("damaged"), std::string::npos);
}

MmdbWriter a_few_blocks() {
  MmdbWriter writer(6);
  for (unsigned i = 0; i < 24; ++i) {
    writer.add(prefix_of(Address::v4(i * 0x07654321U), 96 + 8 + static_cast<int>(i % 9)),
               {{"country_code", "JP"}, {"latitude", 1.0 + i}, {"longitude", 2.0}});
  }
  return writer;
}

// The description of the world is at the end of such a file, so whatever is cut off is missed.
TEST_F(GeoDb, EveryTruncationIsOneClearError) {
  const std::string bytes = a_few_blocks().bytes();
  ASSERT_EQ(error_of(file(bytes)), "no error");
  for (std::size_t size = 0; size < bytes.size(); size += size + 64 < bytes.size() ? 64U : 1U) {
    const std::string error = error_of(file(bytes.substr(0, size)));
    EXPECT_NE(error.find("test.mmdb: not a whole MaxMind-format database"), std::string::npos)
        << size << ": " << error;
  }
}

// Found by fuzz_geo_db: libmaxminddb multiplies this in 32 bits and reads outside of the file.
TEST_F(GeoDb, RefusesMoreNodesThanTheFileCanHold) {
  std::string bytes = a_few_blocks().bytes();
  const std::size_t at = bytes.rfind("node_count") + 11;
  bytes.replace(at, 4, "\xff\xff\xff\xff");

  EXPECT_NE(error_of(file(bytes)).find("not a whole MaxMind-format database"), std::string::npos);
}

TEST_F(GeoDb, AnySingleBadByteIsAnErrorOrATable) {
  const std::string bytes = a_few_blocks().bytes();
  for (std::size_t at = 0; at < bytes.size(); at += 7) {
    std::string bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ 0xff);
    const auto table = read_geo_db(file(bad), country_place);
    if (!table) {
      EXPECT_FALSE(table.error().message.empty()) << at;
    }
  }
}

TEST_F(GeoDb, FindsSingleAddressesAfterItWasLetGo) {
  MmdbWriter writer(6);
  writer.add(prefix("133.11.0.0/16"),
             {{"country_code", "JP"}, {"latitude", 35.5}, {"longitude", 139.75}});
  writer.add(prefix("2001:200::/23"), {{"country_code", "JP"}});
  writer.alias_v4(prefix("2002::/16"));
  const auto source = open_geo_db(file(writer.bytes()), country_place);
  ASSERT_TRUE(source) << source.error().message;
  (*source)->let_go();

  const auto v4 = (*source)->locate(address("133.11.0.1"));
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->block, prefix("133.11.0.0/16"));
  EXPECT_EQ(v4->place, (GeoPlace{35.5, 139.75, {'J', 'P'}}));
  EXPECT_EQ(v4->source, (*source)->name());
  const auto v6 = (*source)->locate(address("2001:200::1"));
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->block, prefix("2001:200::/23"));
  EXPECT_FALSE((*source)->locate(address("2002:850b:1::1")));
  EXPECT_FALSE((*source)->locate(address("133.12.0.1")));
}

TEST_F(GeoDb, InStepsOfAFamilyThatIsNotWantedNobodyIsAnywhere) {
  MmdbWriter writer(6);
  writer.add(prefix("133.11.0.0/16"), {{"country_code", "JP"}});
  writer.add(prefix("2001:200::/23"), {{"country_code", "JP"}});
  const std::string path = file(writer.bytes());
  for (const Families wanted : {Families::both, Families::v4, Families::v6}) {
    const auto source = open_geo_db(path, country_place, wanted);
    ASSERT_TRUE(source) << source.error().message;

    for (const Family family : {Family::v4, Family::v6}) {
      std::array<GeoStep, 16> steps;
      const auto reader = (*source)->steps(family);
      const std::size_t count = reader->read(steps);
      EXPECT_EQ(count, holds(wanted, family) ? 3U : 1U);
      EXPECT_EQ(steps[0].first, family == Family::v4 ? v4_first : Bits128{0});
      EXPECT_EQ(steps[0].place, GeoSource::nowhere);
      EXPECT_EQ(reader->read(steps), 0U);
    }
    EXPECT_TRUE((*source)->locate(address("133.11.0.1")));
    EXPECT_TRUE((*source)->locate(address("2001:200::1")));
  }
}

TEST_F(GeoDb, AFileWithoutTheFamilyThatIsWantedIsNotRead) {
  MmdbWriter writer(4);
  writer.add(prefix("10.0.0.0/8"), {{"country_code", "JP"}});

  const auto source = open_geo_db(file(writer.bytes()), country_place, Families::v6);

  ASSERT_TRUE(source) << source.error().message;
  EXPECT_TRUE((*source)->places().empty());
  for (const Family family : {Family::v4, Family::v6}) {
    std::array<GeoStep, 16> steps;
    EXPECT_EQ((*source)->steps(family)->read(steps), 1U);
    EXPECT_EQ(steps[0].place, GeoSource::nowhere);
  }
}

TEST_F(GeoDb, SaysWhereItAsksAnotherVersionThanWasRead) {
  MmdbWriter writer(4);
  writer.add(prefix("10.0.0.0/8"), {{"country_code", "JP"}});
  const auto source = open_geo_db(file(writer.bytes()), country_place);
  ASSERT_TRUE(source) << source.error().message;
  (*source)->let_go();
  std::filesystem::remove((*source)->name());
  EXPECT_FALSE((*source)->locate(address("10.0.0.1")));
  file(writer.bytes("Test", 1));

  const auto found = (*source)->locate(address("10.0.0.1"));

  ASSERT_TRUE(found);
  EXPECT_EQ(found->source, (*source)->name() + " (replaced since it was read)");
}

// Each node names the next one twice: 2^100 ways down, though no loop.
TEST_F(GeoDb, RefusesATreeThatCannotBeWalkedInItsTime) {
  MmdbWriter writer(6);
  writer.add(prefix("2001:db8::/120"), {{"country_code", "JP"}});
  std::string bytes = writer.bytes();
  for (std::size_t node = 8; node < 100; ++node) {
    for (const std::size_t side : {0U, 3U}) {
      bytes[node * 6 + side + 1] = '\0';
      bytes[node * 6 + side + 2] = static_cast<char>(node + 1);
    }
  }

  EXPECT_NE(error_of(file(bytes)).find("damaged"), std::string::npos);
}

TEST_F(GeoDb, KnowsItsDay) {
  const auto date = date_of_geo_db(file(a_few_blocks().bytes()));

  ASSERT_TRUE(date) << date.error().message;
  EXPECT_EQ(*date, "2026-06-17");
  EXPECT_FALSE(date_of_geo_db(file(a_few_blocks().bytes("Test", ~std::uint64_t{0}))));
}

}  // namespace
}  // namespace hither::io
