// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/server_load.h"
#include "topology/description.h"
#include "topology/policy_tree.h"

namespace hither::tools {

/// What hither-dns would serve from, loaded by the same code, for commands that ask it without a
/// running world.
struct Supposed {
  topology::Description description;
  dns::Loaded loaded;
};
/// Reads the description and all that it names. Prints every mistake on stderr; then there is
/// nothing.
std::optional<Supposed> suppose_world(const std::string& file, const dns::LoadWish& wish = {});

/// The rooms of these names. The error names the first that does not exist, and its cure.
[[nodiscard]] Result<topology::RoomSet> rooms_called(const topology::Description& description,
                                                     const std::vector<std::string>& names);

}  // namespace hither::tools
