// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace hither {

/// The reason phrase of an HTTP status: "OK", "Service Unavailable", ...; "Unknown" where RFC 9110
/// s15 and RFC 6585 name none. A static text. Pure; any thread.
std::string_view reason_phrase(int status);

}  // namespace hither
