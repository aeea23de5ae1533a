// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/reload.h"
#include "base/time.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/loop.h"

namespace hither::io {

/// Reads everything a program runs by again, in a thread of its own, when a file has changed or
/// somebody says so, and hands what came of it to the loop's thread. One reading at a time; what is
/// asked for meanwhile is done once, afterwards. Belongs to the loop's thread. The destructor waits
/// for a reading to end.
///
/// A Reading says in `files` and `stamps` which files it wanted, and what they were before it read
/// them.
template <class Reading>
class Reloader {
 public:
  using Read = std::function<Reading()>;  ///< called in another thread
  using OnRead = std::function<void(Reading, Duration took)>;

  /// `first` is what the program started with.
  Reloader(Loop& loop, Read read, const Reading& first, OnRead on_read)
      : loop_(loop),
        read_(std::move(read)),
        on_read_(std::move(on_read)),
        files_(first.files),
        changes_(first.stamps) {}

  /// Looks if a file has changed; called now and then.
  void look() {
    if (busy_) return;
    std::vector<std::optional<FileStamp>> stamps;
    for (const std::string& file : files_) stamps.push_back(stamp_of(file));
    if (changes_.look(stamps)) read();
  }

  /// Reads whether anything has changed or not.
  void read() {
    if (std::exchange(busy_, true)) {
      again_ = true;
      return;
    }
    worker_ = std::jthread([this] {
      const Instant begin = monotonic_now();
      auto reading = std::make_shared<Reading>(read_());
      const Duration took = monotonic_now() - begin;
      loop_.post([this, reading, took] { on_done(std::move(*reading), took); });
    });
  }

 private:
  void on_done(Reading reading, Duration took) {
    worker_.join();
    busy_ = false;
    files_ = reading.files;
    changes_ = ChangeWatch<FileStamp>(reading.stamps);
    on_read_(std::move(reading), took);
    if (std::exchange(again_, false)) read();
  }

  Loop& loop_;
  Read read_;
  OnRead on_read_;
  std::vector<std::string> files_;
  ChangeWatch<FileStamp> changes_;
  bool busy_ = false;
  bool again_ = false;
  std::jthread worker_;
};

}  // namespace hither::io
