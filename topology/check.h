// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "topology/description.h"
#include "topology/document.h"

namespace hither::topology {

/// What must agree with what in a description whose keys are right one by one: names with farms and
/// zones, ports with ports, rooms with rooms, intervals with timeouts. Appends every mistake with
/// its place and its cure, in no order and perhaps twice. A value that check_shape() has refused is
/// at its default or missing here; nothing more is said about it. `root` is the document that
/// `description` was made of, for the places of single keys.
void check(const Node& root, const Description& description, std::vector<Mistake>& mistakes);

}  // namespace hither::topology
