// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/time.h"
#include "topology/description.h"
#include "topology/supervisor.h"

namespace hither::tools {

/// What the supervisor shows at /status on its unix socket, as JSON: the world, its rooms and where
/// their pages are, and every process with state, since when, pid and restarts. `hither status`
/// adds what the DNS and the balancers say.
std::string world_status(const topology::Description& description,
                         const topology::Supervisor& supervisor, Instant started, Instant now);

}  // namespace hither::tools
