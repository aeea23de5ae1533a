// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hither::topology {

/// HTTP statuses from `least` to `most`, both included; all that mean success unless said
/// otherwise.
struct StatusRange {
  int least = 200;
  int most = 299;

  bool holds(int status) const { return status >= least && status <= most; }
  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

/// "204" or "200-299", each of them 100 to 599; nullopt for anything else.
std::optional<StatusRange> status_range_of(std::string_view text);
std::string to_text(const StatusRange& range);

}  // namespace hither::topology
