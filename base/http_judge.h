// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/http_head.h"

namespace hither {

/// The second stage of the head parser: what the fields of a head say together about host,
/// framing and connection (R8, R14 to R23, R25 to R27, R33 and R34 of docs/http.md). The lines
/// are well-formed and in the table already. Fills in the rest of `head`; complete or bad. For
/// http_head.cc alone. Pure.
HeadResult judge_request(RequestHead& head);
HeadResult judge_response(std::string_view method, ResponseHead& head);
/// May each of these come behind a body (R31)?
HeadResult judge_trailers(const HttpFields& fields);

}  // namespace hither
