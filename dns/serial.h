// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/log.h"
#include "dns/snapshot.h"

namespace hither::dns {

/// Is `one` a newer serial than `other` (RFC 1982 s3.2)? Half of the circle is newer. Of two that
/// are exactly half of it apart, which the RFC leaves open, neither is.
constexpr bool is_newer(std::uint32_t one, std::uint32_t other) {
  const std::uint32_t ahead = one - other;
  return ahead != 0 && ahead < 0x80000000U;
}

/// What a reload did to the serials of zones that somebody transfers: one record each for a zone
/// that has changed under the serial it had, and for one whose serial is not newer than before.
/// Secondaries keep what they have in both cases. Pure; the cost is that of a few zones' names.
std::vector<LogRecord> judge_serials(const Directory& before, const Directory& now);

/// One record for each zone that may be transferred and has steered names, which are left out.
std::vector<LogRecord> name_partial_transfers(const Directory& directory);

}  // namespace hither::dns
