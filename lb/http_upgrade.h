// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/http_head.h"

namespace hither::lb {

/// When a connection may turn into something else (RFC 9110 s7.8). An upgrade that one side
/// believes in and the other does not is a way to smuggle requests, so we believe in one only when
/// both said the same. Pure; views point into the head.

/// The protocol that the request may ask its server for: exactly one, such as "websocket", in a
/// request without a body. Empty: Upgrade is not forwarded. HTTP itself (h2c) and TLS never are,
/// for what came next could be requests that nobody here reads.
std::string_view protocol_to_offer(const RequestHead& head);

/// Is the response (a 101) the switch to `protocol` that was asked for?
bool switches_to(const ResponseHead& head, std::string_view protocol);

/// Does the request or response authenticate the connection itself instead of the request (NTLM,
/// Negotiate)? Then nobody else's requests may travel on it.
bool authenticates_connection(const HttpFields& fields);

}  // namespace hither::lb
