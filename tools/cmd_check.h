// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hither::tools {

/// The commands that only read a description. Each prints its result on stdout, mistakes on stderr
/// as `file:line:column: what is wrong; what would be right`, and returns the exit status: 0, or 2
/// for a description that cannot be read or has mistakes.

struct CheckOptions {
  std::string file;
  bool json = false;    ///< mistakes and warnings as one object on stdout
  bool strict = false;  ///< warnings are status 1
};

/// `hither check FILE`: what is in it, in a few lines, and on stderr what is legal there and yet
/// not what its author may think: `file:line:column: warning: what is so; what would be right`.
int cmd_check(const CheckOptions& options);

/// `hither plan FILE`: its processes in start order, one a line or as JSON.
int cmd_plan(const std::string& file, bool json);

/// `hither schema`: JSON Schema of descriptions.
int cmd_schema();

}  // namespace hither::tools
