// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "topology/description.h"

namespace hither::topology {

/// What is legal in a description and yet does not do what its author may think, or does nothing.
/// Each has the form of a mistake: a place, what is so, and what would be right. In the order of
/// the file, the first mistakes_max. Pure; what only a file named in the description could tell is
/// not looked at.
///  1. Networks, in [[network]] and in the `from` of fences, preferences and latencies, that are
///     finer than what public resolvers send of a client's address. Private ones are for those who
///     ask directly, and may be as fine as they like; a single address is that of a resolver, but
///     not in a fence, which is a promise.
///  2. Private networks while private client subnets are left to the resolver's address.
///  3. A [[network]] that longer ones cover, or that says what the one around it says.
///  4. Policies that no name uses; farms and rooms that no name leads to, where there are names at
///     all; a farm that no room runs; more answers than rooms.
///  5. Spill by a capacity that nobody has written, or among rooms that tell no load.
std::vector<Mistake> find_warnings(const Description& description);

/// One warning as the line people see: that of a mistake, with "warning: " before the message.
std::string warning_text(const Mistake& warning, const std::string& file);

}  // namespace hither::topology
