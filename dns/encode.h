// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "dns/answer.h"
#include "dns/query.h"

namespace hither::dns {

/// Writes a message (RFC 1035 s4.1) of at most min(size_max, out.size()) octets and returns its
/// size. No allocation. Precondition: that is at least 512.
///  1. Names are compressed against those written before (s4.1.4), in owners and in the rdata of
///     the types that RFC 1035 defines (RFC 3597 s4).
///  2. An RRset is written whole or not at all. If one does not fit, TC is set and nothing
///     follows: also for glue (RFC 9471 s3.1).
///  3. Room for the OPT record is set aside first, so it is in truncated messages too (RFC 6891
///     s7), with the client subnet as it came and its scope (RFC 7871 s7.2.1). Only who sent one
///     gets one. An option that leaves no room for the question is left out (fit_options()), so
///     there always is an answer.
std::size_t encode(const Query& query, const Answer& answer, std::size_t size_max,
                   std::span<std::byte> out);

/// How large a message the asker can take, and we may send: over UDP at most `udp_payload`.
std::size_t answer_size_max(const Query& query, Transport transport, std::size_t udp_payload);

}  // namespace hither::dns
