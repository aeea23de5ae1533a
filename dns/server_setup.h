// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/server_load.h"
#include "dns/settings.h"
#include "io/files.h"
#include "topology/overrides.h"

namespace hither::dns {

/// All that hither-dns runs by, read from files: at start, and again on every reload.
struct Setup {
  Settings settings;
  Loaded loaded;
  topology::Overrides overrides;
  std::optional<io::FileStamp> overrides_stamp;  ///< what their file was before it was read
};

/// What came of reading it: all of it, or every mistake as one line with its cure.
struct SetupReading {
  std::optional<Setup> setup;
  std::vector<Error> mistakes;
  /// The files that were wanted, as far as they are known, and what they were before they were
  /// read: whose change is worth another reading. The overrides are read apart, and only named here
  /// if they are why there is no setup.
  std::vector<std::string> files;
  std::vector<std::optional<io::FileStamp>> stamps;
};

/// What every reading goes by, the first and all that follow.
struct Start {
  Flags flags;
  int cores = 1;
  Lasting lasting;
};

/// Reads the description, what it names, and the overrides. Part of the driver: it opens files. Any
/// thread.
SetupReading set_up(const Start& start);

/// The overrides file; one that is not there is no overrides, and so is an empty path. One that
/// cannot be seen or read is a mistake.
std::optional<topology::Overrides> read_overrides_file(const std::string& path,
                                                       std::vector<Error>& mistakes);

}  // namespace hither::dns
