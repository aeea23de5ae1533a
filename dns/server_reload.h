// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "dns/reload.h"
#include "dns/server_setup.h"
#include "io/files.h"
#include "io/loop.h"

namespace hither::dns {

/// Reads everything again in a thread of its own, when a file has changed or somebody says so, and
/// hands what came of it to the loop's thread. One reading at a time; what is asked for meanwhile
/// is done once, afterwards. Belongs to the loop's thread. The destructor waits for a reading to
/// end.
class Reloader {
 public:
  using OnRead = std::function<void(SetupReading, Duration took)>;

  /// `first` is what the program started with.
  Reloader(io::Loop& loop, Start start, const SetupReading& first, OnRead on_read);

  /// Looks if a file has changed; called now and then.
  void look();
  /// Reads whether anything has changed or not.
  void read();

 private:
  void on_done(SetupReading reading, Duration took);

  io::Loop& loop_;
  Start start_;
  OnRead on_read_;
  std::vector<std::string> files_;
  ChangeWatch<io::FileStamp> changes_;
  bool busy_ = false;
  bool again_ = false;
  std::jthread worker_;
};

}  // namespace hither::dns
