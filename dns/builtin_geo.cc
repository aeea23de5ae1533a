// SPDX-License-Identifier: Apache-2.0
#include "dns/builtin_geo.h"

#include <cstddef>

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

ByteView builtin_geo_bytes() { return {hither_builtin_geo, hither_builtin_geo_end}; }

Result<GeoTable> builtin_geo() { return decode_geo(builtin_geo_bytes(), "builtin"); }

std::optional<GeoPlace> builtin_country(CountryCode country) {
  return country_in_geo(builtin_geo_bytes(), country);
}

}  // namespace hither::dns
