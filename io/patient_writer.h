// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "io/socket.h"

namespace hither::io {

/// The pipe or terminal behind a descriptor, opened once more to be non-blocking for us alone:
/// O_NONBLOCK belongs to the open file, which all share who inherited it. Null where it is neither,
/// or where the system forbids it (it was another user's).
Fd open_once_more(int fd);

/// Writes lines to a descriptor whose reader may be slow, or not read at all (a pager, a log daemon
/// that hangs, a disk that is full), and never waits for it: a line that is not taken now is lost
/// and counted, and the next one that is taken comes behind a line that says how many were. A line
/// that was begun is ended before the next one begins. One thread at a time.
///
/// To ask poll(2) first is not enough, for others write to the same pipe or terminal, and the room
/// may be gone a moment later. So these are opened once more. Where that cannot be we ask, and
/// write no more at once than a page, which then has room.
class PatientWriter {
 public:
  /// A pipe is made to hold so much, where the system allows: a burst, such as every mistake of a
  /// file, is no reason to lose lines while its reader is only a moment late.
  static constexpr int pipe_bytes = 256 * 1024;

  /// `say_lost` makes the line, with its end, that so many were lost. `fd` stays the caller's; it
  /// may come to lead elsewhere (dup2). From now on the process ignores SIGPIPE (io/pipe.h).
  PatientWriter(int fd, std::function<std::string(std::uint64_t)> say_lost);

  /// `line` has its end.
  void write(std::string_view line);

 private:
  enum class Way { at_once, send, ask };

  void look();
  bool finish();
  ssize_t write_some(std::string_view text) const;

  int fd_;
  std::function<std::string(std::uint64_t)> say_lost_;
  dev_t device_ = 0;  ///< where fd_ led when we looked last, with inode_
  ino_t inode_ = 0;
  Way way_ = Way::ask;
  Fd own_;            ///< fd_ opened once more, if it could be
  std::string rest_;  ///< of a line that was begun
  std::uint64_t lost_ = 0;
};

}  // namespace hither::io
