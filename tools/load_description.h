// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "topology/description.h"

namespace hither::tools {

/// The exit status after a mistake in what was given.
constexpr int bad_input = 2;

/// The description in a file, or nullopt after everything that is wrong with it has been printed on
/// stderr: the beginning of every command that takes a file.
std::optional<topology::Description> load_description(const std::string& file);

/// What in it is legal and yet not what its author may think (topology/warnings.h), one line each
/// on stderr. Returns how many lines.
std::size_t print_warnings(const topology::Description& description);

}  // namespace hither::tools
