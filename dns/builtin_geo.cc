// SPDX-License-Identifier: Apache-2.0
#include "dns/builtin_geo.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "dns/geo_codec.h"

// The assembler puts the file between two symbols; dns/geo.cmake says where it is and that this
// source depends on it. Neither compiler has #embed, and a megabyte as an array initialiser takes
// seconds.
__asm__(
    ".pushsection .rodata\n"
    ".balign 16\n"
    ".hidden hither_builtin_geo\n"
    ".hidden hither_builtin_geo_end\n"
    ".global hither_builtin_geo\n"
    ".global hither_builtin_geo_end\n"
    "hither_builtin_geo:\n"
    ".incbin \"" HITHER_GEO_FILE
    "\"\n"
    "hither_builtin_geo_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" {
extern const std::byte hither_builtin_geo[];
extern const std::byte hither_builtin_geo_end[];
}

namespace hither::dns {
namespace {

/// The table until it is let go; the data itself is part of the program.
class BuiltinSource : public GeoSource {
 public:
  explicit BuiltinSource(GeoTable table) : name_(table.name()), table_(std::move(table)) {}

  const std::string& name() const override { return name_; }
  std::span<const GeoPlace> places() const override { return table_.places(); }
  std::unique_ptr<GeoSteps> steps(Family family) const override { return table_.steps(family); }
  std::optional<Located> locate(const Address& address) const override {
    const auto table = builtin_geo();
    return table ? table->locate(address) : std::nullopt;
  }
  void let_go() override { table_ = GeoTable(); }

 private:
  std::string name_;
  GeoTable table_;
};

}  // namespace

ByteView builtin_geo_bytes() { return {hither_builtin_geo, hither_builtin_geo_end}; }

Result<GeoTable> builtin_geo() { return decode_geo(builtin_geo_bytes(), "builtin"); }

Result<std::unique_ptr<GeoSource>> builtin_source() {
  auto table = builtin_geo();
  if (!table) return tl::unexpected(table.error());
  return std::make_unique<BuiltinSource>(std::move(*table));
}

std::optional<GeoPlace> builtin_country(CountryCode country) {
  return country_in_geo(builtin_geo_bytes(), country);
}

}  // namespace hither::dns
