// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "topology/check.h"

namespace hither::topology {

/// What of each room's farms does not agree about how much copies are given at once: for check().
void check_concurrency(const Description& description, std::vector<Mistake>& mistakes);

}  // namespace hither::topology
