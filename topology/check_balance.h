// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "topology/description.h"

namespace hither::topology {

/// What must agree in how farms are balanced: hash with balance and mode, sticky with mode, weights
/// with the copies that there are. Appends every mistake.
void check_balance(const Description& description, std::vector<Mistake>& mistakes);

}  // namespace hither::topology
