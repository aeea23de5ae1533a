// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/geo.h"
#include "base/result.h"

namespace hither::dns {

/// The compact form of a geo table that is compiled into hither-dns (dns/geo/country.bin):
/// about 2.5 bytes a step, where a MaxMind-format file of the same content takes 20. Big-endian:
///
///   8 bytes  magic "HTHRGEO1": a change of the form changes the digit
///   u64      hash_bytes() of all that follows
///   u32      date of the data as decimal 20260617
///   u8       number of places, at most 255; each: 2 letters, latitude and longitude as i32 in 1e-6
///   degrees u32 u32  number of IPv4 steps, number of other steps steps    of IPv4, then of the
///   rest; each: u8 place (255: nowhere), and but for the first the distance
///            from the step before as odd * 2^e: a byte with e in 7 bits, its top bit set if odd >
///            1; then odd / 2 in groups of 7 bits, low ones first, the top bit set on all but the
///            last
///
/// Most blocks are as large as a power of two, so most steps take two bytes.

/// Preconditions: at most 255 places; `date` is YYYY-MM-DD.
Bytes encode_geo(const GeoTable& table, const std::string& date);

/// Checks everything, the hash first. The table is called `name` with the date behind it in
/// brackets.
[[nodiscard]] Result<GeoTable> decode_geo(ByteView bytes, const std::string& name);

/// The place of a country without decoding the steps. Precondition: decode_geo(bytes) succeeds.
std::optional<GeoPlace> country_in_geo(ByteView bytes, CountryCode country);

}  // namespace hither::dns
