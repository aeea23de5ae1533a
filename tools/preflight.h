// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "topology/description.h"
#include "topology/plan.h"

namespace hither::tools {

/// What can be known to fail before anything is started: programs that do not exist, ports that are
/// taken, databases and zone files that cannot be read. Every mistake with the place in the
/// description that asked for it.
struct Preflight {
  std::vector<topology::Mistake> mistakes;
  std::vector<std::string> programs;  ///< the path to execute, per process of the plan
};
Preflight look_before_start(const topology::Description& description,
                            const std::vector<topology::Process>& plan);

}  // namespace hither::tools
