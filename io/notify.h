// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/loop.h"
#include "io/socket.h"

namespace hither::io {

/// The readiness protocol of sd_notify(3), both ways: a datagram of KEY=value lines to
/// $NOTIFY_SOCKET.

/// Sends e.g. "READY=1" to $NOTIFY_SOCKET; does nothing where that is not set. Any thread.
void notify(std::string_view lines);

/// The supervisor's end: an abstract socket whose name children get as NOTIFY_SOCKET, and which
/// leaves no file behind. Says who spoke by the kernel's credentials, not by what was said.
class NotifyListener {
 public:
  [[nodiscard]] static Result<Fd> open(std::string& name);

  NotifyListener(Loop& loop, Fd socket, std::function<void(int pid, std::string_view)> on_message);

 private:
  void on_readable();

  Fd fd_;
  std::function<void(int, std::string_view)> on_message_;
  FdWatch watch_;
};

}  // namespace hither::io
