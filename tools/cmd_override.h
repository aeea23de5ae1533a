// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "topology/overrides.h"

namespace hither::tools {

/// Where overrides are said and which: `hither drain`, `down`, `force-up`, `restore`, `overrides`.
struct OverrideRequest {
  std::string world;   ///< which of the worlds that run here; empty: the only one
  std::string target;  ///< "fra" or "fra/web"
  topology::Override::Kind kind = topology::Override::Kind::down;
  std::string over;  ///< of a drain
  std::string reason;
};

/// The file is that of the named world, else $HITHER_OVERRIDES, else that of the only world that
/// runs here. Rooms and farms are held against the world's description, or against
/// $HITHER_TOPOLOGY where the file comes from the environment; if that cannot be read, a line on
/// stderr says that nobody checked. The file is replaced as one step under a lock of its folder,
/// and only by what can be read back. Exit status 0, or 2 with one clear line and the file as it
/// was.
int cmd_override(const OverrideRequest& request);
int cmd_restore(const std::string& world, const std::string& target);
int cmd_overrides(const std::string& world, bool json);

}  // namespace hither::tools
