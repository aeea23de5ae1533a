// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace hither::tools {

/// How long a command waits for a page of the world: a busy machine may need seconds, and whoever
/// typed it would rather wait than type it again.
constexpr Duration patience = std::chrono::seconds(10);

/// What the supervisor of a running world says at /status. `world` may be empty if only one runs.
[[nodiscard]] Result<nlohmann::ordered_json> ask_world(const std::string& world);

/// Prints the one clear line on stderr; returns exit status 2.
int complain(const Error& error);

}  // namespace hither::tools
