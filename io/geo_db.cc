// SPDX-License-Identifier: Apache-2.0
#include "io/geo_db.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <maxminddb.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace hither::io {
namespace {

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
    Database database;
    const int code = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &database.mmdb_);
    if (code == MMDB_FILE_OPEN_ERROR || code == MMDB_OUT_OF_MEMORY_ERROR) {
      return fail(
          fmt::format("{}: cannot be opened ({}); is it readable?", path, MMDB_strerror(code)));
    }
    if (code != MMDB_SUCCESS) {
      return fail(path +
                  ": not a whole MaxMind-format database; download it again, and name the "
                  ".mmdb file itself");
    }
    database.open_ = true;
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

  const MMDB_s& operator*() const { return mmdb_; }
  const MMDB_s* operator->() const { return &mmdb_; }

 private:
  Database() = default;

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

/// Walks the tree of one file in address order.
class Walk {
 public:
  Walk(const Database& database, const std::string& path, const CountryPlace& country_place)
      : database_(database), path_(path), country_place_(country_place) {
    const MMDB_s& mmdb = *database_;
    budget_ = 4 * std::uint64_t{mmdb.metadata.node_count} + 1024;
    const bool v4_tree = mmdb.metadata.ip_version == 4;
    if (!v4_tree && mmdb.ipv4_start_node.node_value < mmdb.metadata.node_count) {
      v4_node_ = mmdb.ipv4_start_node.node_value;
    }
    // Not more steps than records: memory that is not touched costs nothing.
    if (v4_tree) {
      builder_.reserve4(mmdb.metadata.node_count + std::size_t{1});
    } else {
      builder_.reserve6(mmdb.metadata.node_count + std::size_t{1});
    }
  }

  Result<GeoTable> run() {
    const bool v4_tree = database_->metadata.ip_version == 4;
    if (database_->metadata.node_count > 0) visit(0, v4_tree ? v4_first : 0, v4_tree ? 96 : 0);
    if (!problem_.empty()) return fail(std::move(problem_));
    GeoTable table = builder_.finish(path_);
    if (table.places().empty()) {
      return fail(fmt::format(
          "{}: knows neither coordinates nor countries (its type is '{}'); use a city or "
          "country database",
          path_, database_->metadata.database_type));
    }
    return table;
  }

 private:
  void visit(std::uint32_t number, Bits128 first, int depth) {
    if (!problem_.empty()) return;
    MMDB_search_node_s node;
    if (budget_-- == 0 || depth >= 128 ||
        MMDB_read_node(&*database_, number, &node) != MMDB_SUCCESS) {
      damaged();
      return;
    }
    const Bits128 half = Bits128{1} << static_cast<unsigned>(127 - depth);
    record(node.left_record_type, node.left_record, node.left_record_entry, {first, depth + 1});
    record(node.right_record_type, node.right_record, node.right_record_entry,
           {first | half, depth + 1});
  }

  struct Block {
    Bits128 first;
    int depth;
  };

  void record(std::uint8_t type, std::uint64_t value, MMDB_entry_s entry, Block block) {
    if (type == MMDB_RECORD_TYPE_EMPTY || !problem_.empty()) return;
    const bool v4_tree = database_->metadata.ip_version == 4;
    if (type == MMDB_RECORD_TYPE_SEARCH_NODE) {
      if (!v4_tree && block.depth == 96 && (block.first == 0 || block.first == v4_first)) {
        // IPv4 lies at ::/96; a tree that has it at ::ffff:0:0/96 alone is read from there.
        if (!std::exchange(v4_done_, true)) visit(static_cast<std::uint32_t>(value), v4_first, 96);
        return;
      }
      if (!v4_tree && value == v4_node_ && block.depth < 96 && block.first != 0)
        return;  // An alias.
      visit(static_cast<std::uint32_t>(value), block.first, block.depth);
    } else if (type == MMDB_RECORD_TYPE_DATA) {
      leaf(entry, block);
    } else {
      damaged();
    }
  }

  void leaf(MMDB_entry_s entry, Block block) {
    const std::uint32_t place = place_at(entry);
    if (place == GeoTable::nowhere) return;
    if (block.first == 0 && block.depth <= 96 && !std::exchange(v4_done_, true)) {
      builder_.add({to_address(v4_first), 96}, place);
      if (block.depth == 96) return;
    }
    if (block.first == v4_first && block.depth == 96 && std::exchange(v4_done_, true)) return;
    builder_.add({to_address(block.first), block.depth}, place);
  }

  /// The place of a record. Records are shared by many blocks, so each is decoded once.
  std::uint32_t place_at(MMDB_entry_s entry) {
    const auto [found, fresh] = places_.try_emplace(entry.offset, GeoTable::nowhere);
    if (fresh) {
      if (const auto place = decode(entry)) found->second = builder_.place(*place);
    }
    return found->second;
  }

  std::optional<GeoPlace> decode(MMDB_entry_s entry) {
    const CountryCode country = country_of(entry);
    for (std::size_t i = 0; i < std::size(latitude_paths); ++i) {
      const auto latitude = number_at(entry, latitude_paths[i]);
      if (!latitude) continue;
      const auto longitude = number_at(entry, longitude_paths[i]);
      if (longitude && std::abs(*latitude) <= 90 && std::abs(*longitude) <= 180) {
        return GeoPlace{*latitude, *longitude, country};
      }
    }
    if (country[0] == 0) return std::nullopt;
    auto place = country_place_(country);
    if (place) place->country = country;
    return place;
  }

  CountryCode country_of(MMDB_entry_s entry) {
    for (const auto& path : country_paths) {
      const auto data = value_at(entry, path);
      if (!data || data->type != MMDB_DATA_TYPE_UTF8_STRING || data->data_size != 2) continue;
      const char one = data->utf8_string[0];
      const char two = data->utf8_string[1];
      if (one >= 'A' && one <= 'Z' && two >= 'A' && two <= 'Z') return {one, two};
    }
    return {};
  }

  std::optional<double> number_at(MMDB_entry_s entry, const char* const* path) {
    const auto data = value_at(entry, path);
    if (data && data->type == MMDB_DATA_TYPE_DOUBLE) return data->double_value;
    if (data && data->type == MMDB_DATA_TYPE_FLOAT) return double{data->float_value};
    return std::nullopt;
  }

  std::optional<MMDB_entry_data_s> value_at(MMDB_entry_s entry, const char* const* path) {
    MMDB_entry_data_s data;
    const int code = MMDB_aget_value(&entry, &data, path);
    if (code == MMDB_SUCCESS && data.has_data) return data;
    if (code != MMDB_SUCCESS && code != MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR) damaged();
    return std::nullopt;
  }

  void damaged() {
    problem_ =
        fmt::format("{}: damaged: its search tree or data make no sense; download it again", path_);
  }

  const Database& database_;
  const std::string& path_;
  const CountryPlace& country_place_;
  GeoTableBuilder builder_;
  std::unordered_map<std::uint32_t, std::uint32_t> places_;  // by offset in the data section
  std::string problem_;
  std::uint64_t budget_ = 0;  // nodes to visit, so that a tree with loops ends
  std::uint64_t v4_node_ = ~std::uint64_t{0};
  bool v4_done_ = false;
};

}  // namespace

Result<GeoTable> read_geo_db(const std::string& path, const CountryPlace& country_place) {
  const auto database = Database::open(path);
  if (!database) return tl::unexpected(database.error());
  return Walk(*database, path, country_place).run();
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
