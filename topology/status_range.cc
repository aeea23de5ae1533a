// SPDX-License-Identifier: Apache-2.0
#include "topology/status_range.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hither::topology {
namespace {

/// -1 for what is none.
int status_of(std::string_view text) {
  const auto number = parse_number(text);
  return text.size() == 3 && number && *number >= 100 && *number <= 599 ? static_cast<int>(*number)
                                                                        : -1;
}

}  // namespace

std::optional<StatusRange> status_range_of(std::string_view text) {
  const std::size_t dash = text.find('-');
  const StatusRange range{
      .least = status_of(text.substr(0, dash)),
      .most = status_of(dash == std::string_view::npos ? text : text.substr(dash + 1))};
  if (range.least < 0 || range.most < range.least) return std::nullopt;
  return range;
}

std::string to_text(const StatusRange& range) {
  if (range.least == range.most) return fmt::format("{}", range.least);
  return fmt::format("{}-{}", range.least, range.most);
}

}  // namespace hither::topology
