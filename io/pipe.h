// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "io/socket.h"

namespace hither::io {

/// From now on a reader or peer that is gone is an error of who writes to it, and not the end of
/// the process; unless the process has other plans for SIGPIPE. Any thread.
void ignore_sigpipe();

/// A pipe that carries bytes from one socket to another without a copy through this process
/// (splice(2)): fill() takes pages from a socket into the pipe, drain() gives them to another.
/// Owned by one thread.
class Pipe {
 public:
  /// What it can hold, if the kernel allows (/proc/sys/fs/pipe-max-size; without privileges also
  /// pipe-user-pages-soft).
  static constexpr std::size_t wanted_bytes = std::size_t{1} << 20;

  /// Null if there are no descriptors left. From the first one on the process ignores SIGPIPE,
  /// unless it has other plans for it: splice(2) has no way to leave it out.
  static std::unique_ptr<Pipe> open();

  /// Moves up to `most` bytes in, as many as there are and fit. Only while it is empty: so a pipe
  /// that is full is never taken for a socket that has nothing. Where TCP's urgent data is next,
  /// splice(2) goes no further: it says would_block, or `end` once the peer's FIN is there, however
  /// much there is behind it. So after these two read_some() is to be asked, which knows, and
  /// passes the urgent octet over.
  IoResult fill(int from, std::size_t most);
  /// Moves out what `to` takes.
  IoResult drain(int to);
  /// Bytes in it.
  std::size_t held() const { return held_; }

 private:
  Fd out_;
  Fd in_;
  std::size_t capacity_ = 0;
  std::size_t held_ = 0;
};

/// The pipes of one thread, and those that wait for their next use: opening one and giving it its
/// size costs more than what it saves on a few pages.
class PipePool {
 public:
  static constexpr std::size_t spare_max = 16;

  /// At most so many are in use at once: each holds two descriptors, and memory of the kernel.
  void limit(std::size_t most) { taken_max_ = most; }
  /// Null if there is none to be had now.
  std::unique_ptr<Pipe> take();
  /// One that still holds bytes is closed instead of kept. Null is fine.
  void give(std::unique_ptr<Pipe> pipe);
  std::size_t taken() const { return taken_; }

 private:
  std::vector<std::unique_ptr<Pipe>> spare_;
  std::size_t taken_ = 0;
  std::size_t taken_max_ = 64;
};

}  // namespace hither::io
