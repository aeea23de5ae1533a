// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace hither::tools {

/// `hither upgrade [ROOM...]`: in a running world each of these rooms (or every one, if none is
/// named) gets a new process of its balancer, of the program as it is on disk now, one room after
/// the other. 0 if all of them took over, 1 if one did not and the old one stays, 2 if it could not
/// be asked for.
int cmd_upgrade(const std::string& world, const std::vector<std::string>& rooms);

}  // namespace hither::tools
