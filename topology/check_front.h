// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "topology/description.h"

namespace hither::topology {

/// Can both farms listen on one port? In mode tcp, if TLS clients can be told apart by the name
/// they ask for: all but one farm of a port have `server_names`.
bool can_share_port(const Farm& one, const Farm& other);

/// What must agree in how clients reach farms: server names with mode and with each other, PROXY
/// headers with mode and with the farms of the same port. Appends every mistake.
void check_front(const Description& description, std::vector<Mistake>& mistakes);

}  // namespace hither::topology
