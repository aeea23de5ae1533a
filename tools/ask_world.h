// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"

namespace hither::tools {

/// What the supervisor of a running world says at /status. `world` may be empty if only one runs.
[[nodiscard]] Result<nlohmann::ordered_json> ask_world(const std::string& world);

/// Prints the one clear line on stderr; returns exit status 2.
int complain(const Error& error);

}  // namespace hither::tools
