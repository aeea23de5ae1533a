// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hither::tools {

/// `hither status`: one table of what the supervisor knows (processes), what the DNS believes
/// (rooms) and what each balancer sees (copies and load). Asks all of them at once; who does not
/// answer is shown as such. `world` may be empty if one runs. Exit status 0, or 2 if there is no
/// such world.
int cmd_status(const std::string& world, bool json);

}  // namespace hither::tools
