// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "topology/description.h"

namespace hither::topology {

/// What must agree in policies, fences, preferences, latencies and spill: members that exist, none
/// in itself, rooms with a location where distance counts, weights that are not all zero, a room
/// for every client behind every fence (an empty answer for some would be given to all by caches,
/// RFC 7871 s7.4). Appends every mistake.
void check_policies(const Description& description, std::vector<Mistake>& mistakes);

}  // namespace hither::topology
