// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/files.h"
#include "lb/settings.h"

namespace hither::lb {

/// What the environment and the command line say, which no reload changes.
struct Flags {
  std::string topology;
  std::string room;
  std::string admin;      ///< HITHER_ADMIN_LISTEN
  std::string resolvers;  ///< HITHER_RESOLVERS
};

/// What came of reading the description: settings, or every mistake as one line with its cure.
struct SetupReading {
  std::optional<Settings> settings;
  std::vector<Error> mistakes;
  /// The files that were wanted, and what they were before they were read.
  std::vector<std::string> files;
  std::vector<std::optional<io::FileStamp>> stamps;
};

/// At start, and again on every reload. Part of the driver: it opens files. Any thread.
SetupReading set_up(const Flags& flags);

}  // namespace hither::lb
