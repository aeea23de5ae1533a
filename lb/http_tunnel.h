// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/http_stream.h"
#include "lb/session.h"

namespace hither::lb {

/// What an exchange becomes after its server said 101: two directions of bytes that nobody reads,
/// each with an end of its own (half-close). A plain value beside the two streams, which must
/// outlive it; what was in them already goes first.
class HttpTunnel {
 public:
  HttpTunnel(HttpStream& up, HttpStream& down) : up_(up), down_(down) {}

  bool open() const { return open_; }
  void begin();
  bool move() {
    const bool up = up_.move();
    return down_.move() || up;
  }
  bool wants(Side from) const;
  /// `from` sends no more: what came before still goes out, then its end does.
  void ended(Side from) { (from == Side::client ? client_ended_ : backend_ended_) = true; }
  /// `to` takes no more.
  void refused(Side to);
  bool ends(Side to) const;
  /// Both ends went through.
  bool over() const { return ends(Side::client) && ends(Side::backend); }

 private:
  HttpStream& up_;
  HttpStream& down_;
  bool open_ = false;
  bool client_ended_ = false;
  bool backend_ended_ = false;
};

}  // namespace hither::lb
