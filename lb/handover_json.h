// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace hither::lb {

/// The string at `key` of what another process said, which may be anything; empty if it is not one.
std::string text_in(const nlohmann::ordered_json& json, const char* key);

}  // namespace hither::lb
