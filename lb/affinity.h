// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/http_head.h"
#include "base/ip.h"
#include "base/siphash.h"
#include "topology/description.h"

namespace hither::lb {

/// What ties a request to a server: pure functions over its head.

struct Affinity {
  std::uint64_t hash = 0;    ///< for maglev and source; 0 where the algorithm does not ask
  std::uint64_t sticky = 0;  ///< the token in the client's cookie; 0: none that could be one
};

/// Of a request, by what the farm hashes and its sticky cookie. A request without the header or
/// cookie that is hashed counts by its client. No allocation; nothing is looked for that the farm
/// does not ask for.
Affinity affinity_of(const topology::Farm& farm, const RequestHead& head,
                     std::string_view client_address);
/// Of a TCP connection. Free where the farm does not hash.
Affinity affinity_of(const topology::Farm& farm, const Address& client);

/// The value of a cookie (RFC 6265 s4.2), of the first if there are several; empty if there is
/// none.
std::string_view cookie_value(const HttpFields& fields, std::string_view name);

/// What a cookie names a server by: SipHash of the room's, the farm's and the server's name, so it
/// says nothing to who does not know the secret, and is the same in every thread and process. Never
/// 0.
std::uint64_t sticky_token(const topology::Farm& farm, std::string_view room,
                           std::string_view server);
/// The header field that sets the cookie, with its line end.
std::string set_cookie_field(std::string_view name, std::uint64_t token);

}  // namespace hither::lb
