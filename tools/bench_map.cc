// SPDX-License-Identifier: Apache-2.0
//
// hither-bench-map: times the client map of given databases and rooms (Google Benchmark; medians of
// 7), for `tools/bench map`, and writes what databases say into one file of GeoLite2's form, which
// other servers read. Prints JSON. Not installed.
#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/text.h"
#include "dns/builtin_geo.h"
#include "dns/client_map.h"
#include "io/geo_db.h"

namespace hither {
namespace {

constexpr std::size_t clients_count = 1U << 17U;
constexpr int repetitions = 7;
constexpr double seconds_min = 0.2;  // of CPU, for each repetition

/// What all benchmarks time, which take no arguments.
struct Subject {
  const dns::ClientMap& map;
  std::vector<Address> v4;
  std::vector<Address> v6;
};
const Subject* subject = nullptr;

/// `after`: each lookup waits for the one before.
template <bool after, auto which>
void look_up(benchmark::State& state) {
  const dns::ClientMap& map = subject->map;
  const std::vector<Address>& clients = subject->*which;
  std::uint64_t sum = 0;
  std::size_t shift = 0;
  std::size_t next = 0;
  for ([[maybe_unused]] const auto one : state) {
    const dns::ClientMap::Match match = map.find(clients[next ^ shift]);
    sum += match.ranking + static_cast<std::uint32_t>(match.scope_length);
    // Always 0, but only once the lookup is done: no scope is longer than 128.
    if constexpr (after) shift = static_cast<std::size_t>(match.scope_length) >> 8U;
    next = (next + 1) % clients_count;
  }
  benchmark::DoNotOptimize(sum);  // once, so that lookups may overlap as far as the processor can
}

void walk(benchmark::State& state) {
  for ([[maybe_unused]] const auto one : state) {
    std::uint64_t sum = 0;
    subject->map.blocks().walk([&](const Prefix&, std::uint32_t ranking) { sum += ranking; });
    benchmark::DoNotOptimize(sum);
  }
}

void repeat(benchmark::internal::Benchmark* one) {
  one->Repetitions(repetitions)->ReportAggregatesOnly();
}

BENCHMARK(look_up<false, &Subject::v4>)->Name("v4")->MinTime(seconds_min)->Apply(repeat);
BENCHMARK(look_up<false, &Subject::v6>)->Name("v6")->MinTime(seconds_min)->Apply(repeat);
BENCHMARK(look_up<true, &Subject::v4>)->Name("v4_after")->MinTime(seconds_min)->Apply(repeat);
BENCHMARK(look_up<true, &Subject::v6>)->Name("v6_after")->MinTime(seconds_min)->Apply(repeat);
BENCHMARK(walk)->Iterations(1)->Unit(benchmark::kMillisecond)->Apply(repeat);

/// Keeps the medians of CPU time, in each benchmark's own unit, and prints nothing.
class Medians : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.aggregate_name != "median") continue;
      of_[run.run_name.function_name] = run.GetAdjustedCPUTime();
    }
  }
  double of(const std::string& name) const { return of_.at(name); }

 private:
  std::map<std::string, double> of_;
};

std::vector<Address> random_v4(Rng& rng) {
  std::vector<Address> clients(clients_count);
  for (Address& one : clients) one = Address::v4(static_cast<std::uint32_t>(rng.next()));
  return clients;
}

/// Every IPv6 block of the map is as likely as any other, and so is every address in it.
std::vector<Address> in_v6_blocks(const dns::ClientMap& map, Rng& rng) {
  std::vector<Prefix> blocks;
  map.blocks().walk([&](const Prefix& block, std::uint32_t) {
    if (!block.is_v4()) blocks.push_back(block);
  });
  std::vector<Address> clients(clients_count);
  for (Address& one : clients) {
    const Prefix& block = blocks[rng.below(blocks.size())];
    const Bits128 first = to_bits(block.address);
    const Bits128 inside = block_last(first, block.length) - first;
    one = to_address(first | (bits128(rng.next(), rng.next()) & inside));
  }
  return clients;
}

nlohmann::json measure(const dns::Geography& geography, const std::vector<topology::Room>& rooms) {
  const dns::ClientMap map = dns::ClientMap::build(geography, rooms);
  std::size_t leaves = 0;
  map.blocks().walk([&](const Prefix&, std::uint32_t) { ++leaves; });
  Rng rng(20260617);
  const Subject timed{.map = map, .v4 = random_v4(rng), .v6 = in_v6_blocks(map, rng)};
  subject = &timed;
  Medians medians;
  benchmark::RunSpecifiedBenchmarks(&medians);
  return {{"leaves", leaves},
          {"runs", map.blocks().runs()},
          {"rankings", map.rankings()},
          {"mib", static_cast<double>(map.bytes()) / (1U << 20U)},
          {"walk_ms", medians.of("walk")},
          {"v4_ns", medians.of("v4")},
          {"v6_ns", medians.of("v6")},
          {"v4_after_ns", medians.of("v4_after")},
          {"v6_after_ns", medians.of("v6_after")}};
}

/// Writes one file in MaxMind's format 2.0: an IPv6 tree with IPv4 at ::/96, records of 32 bits.
class GeoLiteWriter {
 public:
  explicit GeoLiteWriter(const dns::Geography& geography) : geography_(geography) {
    nodes_.emplace_back();
    const auto v4 = steps_of(Family::v4);
    const auto v6 = steps_of(Family::v6);
    v4_record_ = record(v4, {0, v4.size(), v4_first, 96});
    nodes_[0] = halves(v6, {0, v6.size(), 0, 0});
  }

  bool write(const std::string& path) const {
    std::string data;
    std::vector<std::uint32_t> offsets;
    for (std::uint32_t i = 0; i < geography_.places(); ++i) {
      offsets.push_back(static_cast<std::uint32_t>(data.size()));
      add_record(data, geography_.location(i), geography_.country(i));
    }
    const auto count = static_cast<std::uint32_t>(nodes_.size());
    std::string out;
    for (const Node& node : nodes_) {
      for (const std::uint32_t record : {node.left, node.right}) {
        const bool is_place = (record & place_flag) != 0 && record != nothing;
        add_number(out,
                   record == nothing ? count
                   : is_place        ? count + 16 + offsets[record & ~place_flag]
                                     : record,
                   4);
      }
    }
    out += std::string(16, '\0') + data + "\xab\xcd\xefMaxMind.com" + metadata(count);
    std::ofstream file(path, std::ios::binary);
    file << out;
    file.close();
    return bool{file};
  }

 private:
  static constexpr std::uint32_t nothing = 0xffffffff;
  static constexpr std::uint32_t place_flag = 0x80000000;
  struct Node {
    std::uint32_t left = nothing;
    std::uint32_t right = nothing;
  };
  struct Range {
    std::size_t begin;  // the step in force at `first`
    std::size_t end;
    Bits128 first;
    int depth;
  };

  std::vector<GeoStep> steps_of(Family family) const {
    std::vector<GeoStep> steps;
    geography_.walk(family, [&](Bits128 first, std::uint32_t place) {
      if (steps.empty() || steps.back().place != place) steps.push_back({first, place});
    });
    return steps;
  }

  std::uint32_t record(const std::vector<GeoStep>& steps, const Range& range) {
    if (range.first == 0 && range.depth == 96) return v4_record_;
    const bool around_v4 = range.first == 0 && range.depth < 96;
    if (range.end - range.begin == 1 && !around_v4) {
      const std::uint32_t place = steps[range.begin].place;
      return place == GeoSource::nowhere ? nothing : place_flag | place;
    }
    const auto number = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
    const Node node = halves(steps, range);
    nodes_[number] = node;
    return number;
  }

  Node halves(const std::vector<GeoStep>& steps, const Range& range) {
    const Bits128 half = Bits128{1} << static_cast<unsigned>(127 - range.depth);
    const Bits128 middle = range.first | half;
    const auto from = steps.begin() + static_cast<std::ptrdiff_t>(range.begin);
    const auto to = steps.begin() + static_cast<std::ptrdiff_t>(range.end);
    const auto behind = std::ranges::lower_bound(from, to, middle, {}, &GeoStep::first);
    const auto split = static_cast<std::size_t>(behind - steps.begin());
    const bool exact = behind != to && behind->first == middle;
    Node node;
    node.left = record(steps, {range.begin, split, range.first, range.depth + 1});
    node.right = record(steps, {exact ? split : split - 1, range.end, middle, range.depth + 1});
    return node;
  }

  static void add_number(std::string& out, std::uint64_t value, unsigned octets) {
    for (unsigned i = octets; i-- > 0;) out += static_cast<char>(value >> 8U * i & 0xffU);
  }
  static void add_map(std::string& out, unsigned pairs) { out += static_cast<char>(0xe0U | pairs); }
  static void add_text(std::string& out, const std::string& text) {  // of at most 28 bytes
    out += static_cast<char>(0x40U | text.size());
    out += text;
  }
  static void add_degrees(std::string& out, const char* key, double degrees) {
    add_text(out, key);
    out += static_cast<char>(3U << 5U | 8U);
    add_number(out, std::bit_cast<std::uint64_t>(degrees), 8);
  }
  static void add_record(std::string& out, const topology::Location& location,
                         const CountryCode& country) {
    add_map(out, 2);
    add_text(out, "country");
    add_map(out, 1);
    add_text(out, "iso_code");
    add_text(out, country[0] == 0 ? "ZZ" : std::string(country.begin(), country.end()));
    add_text(out, "location");
    add_map(out, 2);
    add_degrees(out, "latitude", location.latitude);
    add_degrees(out, "longitude", location.longitude);
  }
  /// Types: 5 is u16, 6 is u32, and 9 (u64) and 11 (list) say so in a second byte.
  static std::string metadata(std::uint32_t node_count) {
    std::string out;
    add_map(out, 9);
    const auto add = [&out](const char* key, unsigned type, unsigned octets, std::uint64_t value) {
      add_text(out, key);
      out += static_cast<char>(type <= 7 ? type << 5U | octets : octets);
      if (type > 7) out += static_cast<char>(type - 7);
      add_number(out, value, octets);
    };
    add("node_count", 6, 4, node_count);
    add("record_size", 5, 2, 32);
    add("ip_version", 5, 2, 6);
    add("binary_format_major_version", 5, 2, 2);
    add("binary_format_minor_version", 5, 2, 0);
    add("build_epoch", 9, 8, 1'780'000'000);
    add_text(out, "database_type");
    add_text(out, "GeoLite2-City");
    add_text(out, "languages");
    out += std::string({0, 11 - 7});
    add_text(out, "description");
    add_map(out, 0);
    return out;
  }

  const dns::Geography& geography_;
  std::vector<Node> nodes_;
  std::uint32_t v4_record_ = nothing;
};

Result<dns::Geography> read_all(const std::vector<std::string>& files) {
  dns::Geography::Sources sources;
  for (const std::string& file : files) {
    auto source =
        file == "builtin" ? dns::builtin_source() : io::open_geo_db(file, dns::builtin_country);
    if (!source) return tl::unexpected(source.error());
    sources.add(std::move(*source));
  }
  return dns::Geography(std::move(sources), {});
}

std::vector<topology::Room> parse_rooms(const std::vector<std::string>& texts) {
  std::vector<topology::Room> rooms;
  for (const std::string& text : texts) {
    topology::Room room;
    std::vector<char> name(text.size() + 1);
    if (std::sscanf(text.c_str(), "%[^,],%lf,%lf", name.data(), &room.location.latitude,
                    &room.location.longitude) != 3) {
      continue;
    }
    room.name = name.data();
    rooms.push_back(std::move(room));
  }
  return rooms;
}

}  // namespace
}  // namespace hither

int main(int argc, char** argv) {
  CLI::App app("Times the client map; tools/bench map runs it.");
  std::vector<std::string> files;
  std::vector<std::string> rooms;
  std::string geolite;
  app.add_option("files", files, "geo databases, or builtin")->required();
  app.add_option("--room", rooms, "NAME,LATITUDE,LONGITUDE, once for each")->take_all();
  app.add_option("--geolite", geolite, "write all of it to this file, in the form of GeoLite2");
  CLI11_PARSE(app, argc, argv);
  const auto geography = hither::read_all(files);
  if (!geography) {
    std::fprintf(stderr, "%s\n", geography.error().message.c_str());
    return 2;
  }
  if (!geolite.empty()) return hither::GeoLiteWriter(*geography).write(geolite) ? 0 : 2;
  const auto parsed = hither::parse_rooms(rooms);
  if (parsed.empty() || parsed.size() != rooms.size()) {
    std::fprintf(stderr, "hither-bench-map: name rooms as --room fra,50.11,8.68\n");
    return 2;
  }
  std::printf("%s\n", hither::measure(*geography, parsed).dump(2).c_str());
  return 0;
}
