// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
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
/// them; if it says none, those of the reading before stay. One that throws is a reading with that
/// mistake in `mistakes`: what runs goes on. Where there is no thread to be had, the next look
/// tries again.
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
    if (std::exchange(again_, false)) return read();
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
    try {
      worker_ = std::jthread([this] { work(); });
    } catch (const std::system_error&) {
      busy_ = false;
      again_ = true;
    }
  }

 private:
  /// In the other thread.
  void work() {
    const Instant begin = monotonic_now();
    auto reading = std::make_shared<Reading>();
    try {
      *reading = read_();
    } catch (const std::exception& error) {
      *reading = Reading();
      reading->mistakes.push_back({"cannot read it now: " + std::string(error.what()) +
                                   "; SIGHUP (systemctl reload) tries again"});
    }
    const Duration took = monotonic_now() - begin;
    loop_.post([this, reading, took] { on_done(std::move(*reading), took); });
  }

  void on_done(Reading reading, Duration took) {
    worker_.join();
    busy_ = false;
    if (!reading.files.empty()) {
      files_ = reading.files;
      changes_ = ChangeWatch<FileStamp>(reading.stamps);
    }
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
