// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hither::tools {

/// `hither up FILE`: the whole world in the foreground, until Ctrl-C. Returns the exit status: 0
/// after an orderly stop; 2 if the description, the machine or the state folder do not allow a
/// start, with every reason on stderr and nothing started.
int cmd_up(const std::string& file);

}  // namespace hither::tools
