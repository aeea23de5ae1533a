// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time.h"

namespace hither::lb {

/// When a server closes connections that are idle, learned from when it did, so that ours are
/// closed before and no request meets a connection that is just being closed. Two closes in a row
/// after about the same time are a rule of the server's; one alone, or closes at odd times, are a
/// restart or chance. What was learned is tried again, a little further each time, when connections
/// keep outliving it. A plain value; pure.
class KeepaliveHorizon {
 public:
  /// Ours, while nothing else is known; never more.
  explicit KeepaliveHorizon(Duration most) : most_(most), limit_(most) {}

  /// For how long a connection may be idle and still be used.
  Duration limit() const { return limit_; }
  /// The server closed one that had been idle for so long.
  void closed_after(Duration idle);
  /// One reached the limit, so we closed it.
  void outlived();
  /// The server is another one now: it went down.
  void forget() { *this = KeepaliveHorizon(most_); }

 private:
  Duration most_;
  Duration limit_;
  Duration last_{-1};  ///< of the latest close; negative: none
  int outlived_ = 0;
};

}  // namespace hither::lb
