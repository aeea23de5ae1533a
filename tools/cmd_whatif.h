// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace hither::tools {

/// What is asked, as it was said on the command line.
struct WhatIfOptions {
  std::string file;
  std::vector<std::string> down;  ///< rooms
  bool all = false;               ///< each room, and each pair of rooms, instead
  std::string name;               ///< empty: the only one
  double clients = 0;             ///< requests at once; 0: not said
  std::string population;         ///< a file; empty: addresses are counted
  bool ipv6 = false;
  bool json = false;
};

/// `hither whatif FILE --down ROOM`: where all clients of a steered name go now and if those rooms
/// failed, how far that is, and which room would be too full (dns/whatif.h). Exit status 0, or 2
/// with one clear line.
int cmd_whatif(const WhatIfOptions& options);

}  // namespace hither::tools
