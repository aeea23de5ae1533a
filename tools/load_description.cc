// SPDX-License-Identifier: Apache-2.0
#include "tools/load_description.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "io/files.h"
#include "topology/warnings.h"

namespace hither::tools {

std::optional<topology::Description> load_description(const std::string& file) {
  const auto text = io::read_file(file);
  if (!text) {
    fmt::print(stderr, "{}\n", text.error().message);
    return std::nullopt;
  }
  auto reading = topology::read_description(*text, file);
  if (!reading.description) fmt::print(stderr, "{}", to_text(reading.mistakes, file));
  return std::move(reading.description);
}

std::size_t print_warnings(const topology::Description& description) {
  const auto warnings = topology::find_warnings(description);
  for (const topology::Mistake& warning : warnings) {
    fmt::print(stderr, "{}\n", topology::warning_text(warning, description.file));
  }
  return warnings.size();
}

}  // namespace hither::tools
