// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hither::tools {

/// The commands that only read a description. Each prints its result on stdout, mistakes on stderr
/// as `file:line:column: what is wrong; what would be right`, and returns the exit status: 0, or 2
/// for a description that cannot be read or has mistakes.

/// `hither check FILE`: what is in it, in a few lines.
int cmd_check(const std::string& file);

/// `hither plan FILE`: its processes in start order, one a line or as JSON.
int cmd_plan(const std::string& file, bool json);

/// `hither schema`: JSON Schema of descriptions.
int cmd_schema();

}  // namespace hither::tools
