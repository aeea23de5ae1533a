// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/geo.h"
#include "base/result.h"

namespace hither::dns {

/// The country database that is compiled into the program, so that geography works with no
/// download: every block lies at one point of its country. dns/geo/README.md says where the data
/// comes from, of which day it is and whom to name; tools/geo_derive.cc makes it.

/// The table, decoded anew (about 10 ms, 7 MiB). Called "builtin (2026-06-17)".
[[nodiscard]] Result<GeoTable> builtin_geo();

/// The same as a source, which keeps the table until it is let go and decodes it anew for locate().
[[nodiscard]] Result<std::unique_ptr<GeoSource>> builtin_source();

/// Where the built-in database puts a country; for databases that know nothing but countries.
std::optional<GeoPlace> builtin_country(CountryCode country);

/// The data itself, as dns/geo_codec.h describes it.
ByteView builtin_geo_bytes();

}  // namespace hither::dns
