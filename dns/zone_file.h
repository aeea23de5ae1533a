// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "dns/record.h"

namespace hither::dns {

/// Where the records of a zone come from, once at load: the text of a zone file (RFC 1035 s5),
/// which ldns reads, or thin air.

/// The records of a zone file. Relative names are below `origin`; a record without a TTL before any
/// $TTL gets one hour, and 0 is a TTL as any other. What cannot be read is added to `mistakes` as
/// "file:line: what is wrong; cure", and reading goes on with the next record, for at most
/// `mistakes_max` of them; nothing is read where brackets do not match. Pure: `file` is not opened.
std::vector<Record> read_zone_text(std::string_view text, const std::string& file,
                                   const Name& origin, std::vector<Error>& mistakes);
constexpr std::size_t mistakes_max = 20;

/// A zone without a file: SOA with serial 1 and NS, which both name ns1.ORIGIN, and the addresses
/// of that name: those this server listens on, without the unspecified ones.
std::vector<Record> make_up_zone(const Name& origin, std::span<const Endpoint> listen);

}  // namespace hither::dns
