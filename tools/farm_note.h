// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"

namespace hither::tools {

/// What the DNS says of one farm in one room, as its status page puts it.
struct FarmSeen {
  std::string state;                         ///< that answers go by: up, draining or down
  std::string measured;                      ///< by the probes alone
  std::string reason = {};                   ///< of the last failed probe
  std::optional<std::string> override = {};  ///< an operator overrules it: why, in their words
  bool held = false;                         ///< by the guard
  bool thin = false;                         ///< too few usable copies, so it counts as down
  std::int64_t usable = 0;
  std::int64_t copies = 0;
  double drained = 0;    ///< of its client blocks, those that a drain has moved away: 0 to 1
  double shed = 0;       ///< of its client blocks, those that spill into other rooms
  Duration named_for{};  ///< until the last answer that named the room has run out; 0: it has
};

/// What a line of `hither status` says of it besides state and load: only what is out of the
/// ordinary, in few words, then `where` it is; "by an operator: new switches (probes say up), 40 %
/// drained, named for 17s, Frankfurt 127.10.0.1". How long it is still named is said where somebody
/// may wait for it: while the room is not up. Pure.
std::string farm_note(const FarmSeen& seen, const std::string& where);

}  // namespace hither::tools
