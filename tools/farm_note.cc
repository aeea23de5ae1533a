// SPDX-License-Identifier: Apache-2.0
#include "tools/farm_note.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hither::tools {
namespace {

/// Never 0 % of what has begun, and never 100 % of what has not ended.
std::string rough_percent(double part) {
  if (part > 0 && part < 0.01) return "< 1 %";
  if (part > 0.99 && part < 1) return "> 99 %";
  return fmt::format("{:.0f} %", part * 100);
}

/// Where the state is not what the probes say: who says so, and what they say.
std::string who_says_so(const FarmSeen& seen) {
  if (seen.override) {
    return fmt::format("by an operator{}{} (probes say {}), ", seen.override->empty() ? "" : ": ",
                       *seen.override, seen.measured);
  }
  return seen.held ? fmt::format("held (probes say {}), ", seen.measured) : "";
}

std::string what_it_keeps(const FarmSeen& seen) {
  std::string text;
  if (seen.state == "draining") text += rough_percent(seen.drained) + " drained, ";
  if (seen.shed > 0) text += "sheds " + rough_percent(seen.shed) + ", ";
  if (seen.thin) text += fmt::format("thin: {}/{} usable, ", seen.usable, seen.copies);
  if (seen.state == "up") return text;
  if (seen.named_for > Duration{})
    return text + "named for " + to_rough_text(seen.named_for) + ", ";
  return seen.state == "draining" ? text + "named no more, " : text;
}

}  // namespace

std::string farm_note(const FarmSeen& seen, const std::string& where) {
  std::string note = who_says_so(seen) + what_it_keeps(seen) + where;
  if (seen.state != "up" && !seen.reason.empty()) note += ": " + seen.reason;
  return note;
}

}  // namespace hither::tools
