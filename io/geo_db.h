// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/geo.h"
#include "base/result.h"

namespace hither::io {

/// Opens a MaxMind-format file (.mmdb, format 2.0) and reads its records. The file is mapped until
/// the source is let go (GeoSource::let_go); then it may be replaced at any time by a rename, and
/// locate() opens it anew for each address. A file that shrinks while it is mapped is a bus error,
/// as with every reader that maps it.
///
/// Understood are, for every record, in this order:
/// - coordinates: `location.latitude` and `location.longitude` (GeoLite2, GeoIP2), or `latitude`
///   and `longitude` (DB-IP as ip-location-db ships it), or `lat` and `lng`;
/// - country: `country.iso_code`, `country_code`, `country`, or `registered_country.iso_code`.
/// A record without coordinates lies where `country_place` says its country is; if that knows
/// nothing either, the record is skipped. The IPv4 part of an IPv6 tree is read once, from ::/96;
/// the aliases that lead to it (::ffff:0:0/96, 6to4, Teredo) are not followed.
///
/// The error names the file and the cure: missing, unreadable, truncated, not of this format,
/// damaged, or without any place in it.
///
/// Who walks only one of the `families` need not wait for the other: a file that has nothing else
/// is not read and knows no place, and in steps of the other family nobody is anywhere. locate()
/// tells of both all the same.
[[nodiscard]] Result<std::unique_ptr<GeoSource>> open_geo_db(const std::string& path,
                                                             const CountryPlace& country_place,
                                                             Families families = Families::both);

/// The same as a table in memory, for tools that need all of it; the file is closed.
[[nodiscard]] Result<GeoTable> read_geo_db(const std::string& path,
                                           const CountryPlace& country_place);

/// The day a file was made, "2026-06-17", from its metadata. For tools.
[[nodiscard]] Result<std::string> date_of_geo_db(const std::string& path);

}  // namespace hither::io
