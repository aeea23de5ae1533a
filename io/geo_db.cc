// SPDX-License-Identifier: Apache-2.0
#include "io/geo_db.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <maxminddb.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "io/geo_tree.h"

namespace hither::io {
namespace {

/// The number behind a key of the metadata; nullopt if that is not there, or not once.
std::optional<std::uint64_t> number_behind(std::string_view metadata, std::string_view key) {
  const std::size_t at = metadata.find(key);
  if (at == std::string_view::npos || metadata.rfind(key) != at) return std::nullopt;
  metadata.remove_prefix(at + key.size());
  if (metadata.empty()) return std::nullopt;
  const auto control = static_cast<unsigned char>(metadata.front());
  constexpr unsigned u16_type = 5;
  constexpr unsigned u32_type = 6;
  const unsigned type = control >> 5U;
  const std::size_t octets = control & 31U;
  if ((type != u16_type && type != u32_type) || octets > 4 || octets >= metadata.size()) {
    return std::nullopt;
  }
  std::uint64_t number = 0;
  for (const char octet : metadata.substr(1, octets)) {
    number = number << 8U | static_cast<unsigned char>(octet);
  }
  return number;
}

/// Whether the tree that a file says it has can be in it. libmaxminddb 1.7.1 multiplies in 32 bits
/// and reads where the product leads it, so that must be known before it opens the file. A file
/// without metadata is left to it.
bool tree_fits(const std::string& path, std::uintmax_t file_bytes) {
  constexpr std::uintmax_t metadata_bytes_max = 128 * 1024;  // by the format, from the end
  const std::uintmax_t size = std::min(file_bytes, metadata_bytes_max);
  std::string tail(static_cast<std::size_t>(size), '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(file_bytes - size));
  file.read(tail.data(), static_cast<std::streamsize>(size));
  const std::size_t marker = tail.rfind("\xab\xcd\xefMaxMind.com");
  if (!file || marker == std::string::npos) return true;
  const std::string_view metadata = std::string_view(tail).substr(marker);
  const auto nodes = number_behind(metadata, "\x4anode_count");
  const auto record_bits = number_behind(metadata, "\x4brecord_size");
  if (!nodes || !record_bits) return false;
  const std::uint64_t bytes = *nodes * (*record_bits / 4);
  return bytes <= file_bytes && bytes < std::uint64_t{1} << 32U;
}

/// An open file. Closed when it goes.
class Database {
 public:
  static Result<Database> open(const std::string& path) {
    // MMDB_open would wait for ever for somebody to write into a FIFO.
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status)) {
      return fail(
          fmt::format("{}: no such file; name a MaxMind-format database or \"builtin\"", path));
    }
    if (!std::filesystem::is_regular_file(status)) {
      return fail(
          fmt::format("{}: not a file; name a MaxMind-format database or \"builtin\"", path));
    }
    const std::string not_whole =
        path +
        ": not a whole MaxMind-format database; download it again, and name the "
        ".mmdb file itself";
    const std::uintmax_t bytes = std::filesystem::file_size(path, error);
    if (!error && !tree_fits(path, bytes)) return fail(not_whole);
    Database database;
    const int code = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &database.mmdb_);
    if (code == MMDB_FILE_OPEN_ERROR || code == MMDB_OUT_OF_MEMORY_ERROR) {
      return fail(
          fmt::format("{}: cannot be opened ({}); is it readable?", path, MMDB_strerror(code)));
    }
    if (code != MMDB_SUCCESS) return fail(not_whole);
    database.open_ = true;
    if (!database.is_sound()) {
      return fail(path + ": damaged: it says of itself what cannot be; download it again");
    }
    return database;
  }

  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  Database(Database&& other) noexcept
      : mmdb_(other.mmdb_), open_(std::exchange(other.open_, false)) {}
  Database& operator=(Database&&) = delete;
  ~Database() {
    if (open_) MMDB_close(&mmdb_);
  }

  /// What tells two versions of a file apart.
  struct Identity {
    std::uint64_t build_epoch = 0;
    std::int64_t file_bytes = 0;
    std::uint32_t nodes = 0;

    friend bool operator==(const Identity&, const Identity&) = default;
  };
  Identity identity() const {
    return {mmdb_.metadata.build_epoch, static_cast<std::int64_t>(mmdb_.file_size),
            mmdb_.metadata.node_count};
  }
  GeoTree tree() const { return GeoTree(layout()); }

  const MMDB_s& operator*() const { return mmdb_; }
  const MMDB_s* operator->() const { return &mmdb_; }

 private:
  Database() = default;

  GeoTree::Layout layout() const {
    return {.bytes = {mmdb_.file_content, static_cast<std::size_t>(mmdb_.file_size)},
            .node_count = mmdb_.metadata.node_count,
            .record_bits = mmdb_.metadata.record_size,
            .v4_only = mmdb_.metadata.ip_version == 4,
            .data_bytes = mmdb_.data_section_size};
  }
  bool is_sound() const {
    const unsigned bits = mmdb_.metadata.record_size;
    const std::size_t tree_bytes = std::size_t{bits} / 4 * mmdb_.metadata.node_count;
    return (bits == 24 || bits == 28 || bits == 32) &&
           tree_bytes <= static_cast<std::size_t>(mmdb_.file_size);
  }

  MMDB_s mmdb_{};
  bool open_ = false;
};

constexpr const char* latitude_paths[][3] = {
    {"location", "latitude", nullptr}, {"latitude", nullptr, nullptr}, {"lat", nullptr, nullptr}};
constexpr const char* longitude_paths[][3] = {
    {"location", "longitude", nullptr}, {"longitude", nullptr, nullptr}, {"lng", nullptr, nullptr}};
constexpr const char* country_paths[][3] = {{"country", "iso_code", nullptr},
                                            {"country_code", nullptr, nullptr},
                                            {"country", nullptr, nullptr},
                                            {"registered_country", "iso_code", nullptr}};

/// Records to places.
class Decoder {
 public:
  Decoder(const MMDB_s& mmdb, const CountryPlace& country_place)
      : mmdb_(mmdb), country_place_(country_place) {}

  /// What one means; nullopt if it says nothing that is understood.
  std::optional<GeoPlace> decode(std::uint32_t offset) {
    MMDB_entry_s entry{&mmdb_, offset};
    const CountryCode country = country_of(entry);
    for (std::size_t i = 0; i < std::size(latitude_paths); ++i) {
      // The records of a file are of one kind: what the last one had is tried first.
      const std::size_t path = (i + latest_) % std::size(latitude_paths);
      const auto latitude = number_at(entry, latitude_paths[path]);
      if (!latitude) continue;
      const auto longitude = number_at(entry, longitude_paths[path]);
      if (longitude && std::abs(*latitude) <= 90 && std::abs(*longitude) <= 180) {
        latest_ = path;
        return GeoPlace{*latitude, *longitude, country};
      }
    }
    if (country[0] == 0) return std::nullopt;
    auto place = country_place_(country);
    if (place) place->country = country;
    return place;
  }
  /// Whether a record made no sense.
  bool damaged() const { return damaged_; }

 private:
  CountryCode country_of(MMDB_entry_s& entry) {
    for (std::size_t i = 0; i < std::size(country_paths); ++i) {
      const std::size_t path = (i + latest_country_) % std::size(country_paths);
      const auto data = value_at(entry, country_paths[path]);
      if (!data || data->type != MMDB_DATA_TYPE_UTF8_STRING || data->data_size != 2) continue;
      const char one = data->utf8_string[0];
      const char two = data->utf8_string[1];
      if (one < 'A' || one > 'Z' || two < 'A' || two > 'Z') continue;
      latest_country_ = path;
      return {one, two};
    }
    return {};
  }

  std::optional<double> number_at(MMDB_entry_s& entry, const char* const* path) {
    const auto data = value_at(entry, path);
    if (data && data->type == MMDB_DATA_TYPE_DOUBLE) return data->double_value;
    if (data && data->type == MMDB_DATA_TYPE_FLOAT) return double{data->float_value};
    return std::nullopt;
  }

  std::optional<MMDB_entry_data_s> value_at(MMDB_entry_s& entry, const char* const* path) {
    MMDB_entry_data_s data;
    const int code = MMDB_aget_value(&entry, &data, path);
    if (code == MMDB_SUCCESS && data.has_data) return data;
    if (code != MMDB_SUCCESS && code != MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR) damaged_ = true;
    return std::nullopt;
  }

  const MMDB_s& mmdb_;
  const CountryPlace& country_place_;
  std::size_t latest_ = 0;
  std::size_t latest_country_ = 0;
  bool damaged_ = false;
};

/// Of a family that is not wanted.
class StepsNowhere : public GeoSteps {
 public:
  explicit StepsNowhere(Family family) : first_(family == Family::v4 ? v4_first : 0) {}
  std::size_t read(std::span<GeoStep> out) override {
    if (std::exchange(done_, true)) return 0;
    out[0] = {first_, GeoSource::nowhere};
    return 1;
  }

 private:
  Bits128 first_;
  bool done_ = false;
};

/// An open or closed file as a source: open until it is let go, opened anew by locate().
class FileSource : public GeoSource {
 public:
  static Result<std::unique_ptr<GeoSource>> open(const std::string& path,
                                                 const CountryPlace& country_place,
                                                 Families families) {
    auto database = Database::open(path);
    if (!database) return tl::unexpected(database.error());
    std::unique_ptr<FileSource> source(new FileSource(path, country_place, std::move(*database)));
    source->families_ = families;
    if (!source->wanted()) return source;
    if (!source->read()) {
      return fail(fmt::format(
          "{}: damaged: its search tree or data make no sense; download it again", path));
    }
    if (source->places_.empty()) {
      return fail(fmt::format(
          "{}: knows neither coordinates nor countries (its type is '{}'); use a city or "
          "country database",
          path, (*source->database_)->metadata.database_type));
    }
    return source;
  }

  const std::string& name() const override { return path_; }
  std::span<const GeoPlace> places() const override { return places_; }
  std::unique_ptr<GeoSteps> steps(Family family) const override {
    ASSERT(database_.has_value());
    if (!wanted() || !holds(families_, family)) return std::make_unique<StepsNowhere>(family);
    return tree_.steps(family, records_);
  }

  std::optional<Located> locate(const Address& address) const override {
    const auto database = Database::open(path_);
    if (!database) return std::nullopt;
    const GeoTree::Found found = database->tree().find(address);
    if (found.link.kind != GeoTree::Kind::data) return std::nullopt;
    const auto place = Decoder(**database, country_place_).decode(found.link.value);
    if (!place) return std::nullopt;
    const bool same = database->identity() == identity_;
    return Located{prefix_of(address, found.depth), *place,
                   same ? path_ : path_ + " (replaced since it was read)"};
  }

  void let_go() override {
    places_ = std::vector<GeoPlace>();
    records_ = RecordNumbers(0);
    database_.reset();
  }

 private:
  FileSource(const std::string& path, const CountryPlace& country_place, Database database)
      : path_(path),
        country_place_(country_place),
        identity_(database.identity()),
        database_(std::move(database)),
        tree_(database_->tree()) {}

  bool wanted() const {
    return (holds(families_, Family::v4) && tree_.has(Family::v4)) ||
           (holds(families_, Family::v6) && tree_.has(Family::v6));
  }

  /// Every record once, in the order of the file. Hardly two are of one place: all are kept.
  bool read() {
    records_ = RecordNumbers((**database_).data_section_size);
    if (!tree_.scan(records_)) return false;
    places_.reserve(records_.count());
    Decoder decoder(**database_, country_place_);
    records_.keep_if([&](std::uint32_t offset) {
      const auto place = decoder.decode(offset);
      if (place) places_.push_back(*place);
      return place.has_value();
    });
    records_.count();
    return !decoder.damaged();
  }

  std::string path_;
  CountryPlace country_place_;
  Database::Identity identity_;
  std::optional<Database> database_;
  GeoTree tree_;
  Families families_ = Families::both;
  RecordNumbers records_{0};
  std::vector<GeoPlace> places_;
};

}  // namespace

Result<std::unique_ptr<GeoSource>> open_geo_db(const std::string& path,
                                               const CountryPlace& country_place,
                                               Families families) {
  return FileSource::open(path, country_place, families);
}

Result<GeoTable> read_geo_db(const std::string& path, const CountryPlace& country_place) {
  const auto source = open_geo_db(path, country_place);
  if (!source) return tl::unexpected(source.error());
  GeoTableBuilder builder;
  std::vector<std::uint32_t> numbers;
  for (const GeoPlace& place : (*source)->places()) numbers.push_back(builder.place(place));
  std::array<GeoStep, 256> steps;
  for (const Family family : {Family::v4, Family::v6}) {
    const auto reader = (*source)->steps(family);
    while (const std::size_t count = reader->read(steps)) {
      for (const GeoStep& step : std::span(steps).first(count)) {
        const std::uint32_t place =
            step.place == GeoSource::nowhere ? GeoSource::nowhere : numbers[step.place];
        if (family == Family::v4) {
          builder.step4(static_cast<std::uint32_t>(step.first), place);
        } else {
          builder.step6(step.first, place);
        }
      }
    }
  }
  return builder.finish(path);
}

Result<std::string> date_of_geo_db(const std::string& path) {
  const auto database = Database::open(path);
  if (!database) return tl::unexpected(database.error());
  const std::uint64_t epoch = (*database)->metadata.build_epoch;
  constexpr std::uint64_t year_10000 = 253'402'300'800;  // from there on fmt would throw some day
  if (epoch >= year_10000) return fail(fmt::format("{}: has no sensible date", path));
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(static_cast<std::time_t>(epoch)));
}

}  // namespace hither::io
