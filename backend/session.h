// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "backend/site.h"
#include "base/bytes.h"
#include "base/http_body.h"
#include "base/http_head.h"
#include "base/time.h"

namespace hither::backend {

/// One client connection of the stand-in server without its socket: bytes and instants in, bytes
/// and a deadline out. HTTP/1.1 with keep-alive; pipelined requests are answered in order, one at a
/// time (RFC 9112 s9.3.2), so the next one reaches the model when the one before is answered. Pure;
/// `site` must outlive it and is not used by anybody else during a call.
class Session {
 public:
  Session(Site& site, Instant now);

  void on_bytes(ByteView bytes, Instant now, Bytes& out);
  void on_end(Instant now, Bytes& out);
  /// The deadline has passed, or something changed in the site.
  void on_time(Instant now, Bytes& out);

  /// When on_time() is wanted; `never` while frozen.
  Instant deadline() const;
  /// Close when all is sent.
  bool finished() const { return finished_; }
  bool wants_input() const;

 private:
  enum class Phase { head, body, answer };

  ByteView consume(ByteView bytes, Instant now, Bytes& out);
  ByteView read_head(ByteView bytes, Instant now, Bytes& out);
  ByteView read_body(ByteView bytes, Instant now, Bytes& out);
  void on_question(Instant now);
  bool send_answer(Instant now, Bytes& out);
  void refuse(int status, std::string_view reason, Instant now, Bytes& out);
  void go_on(Instant now, Bytes& out);
  bool is_order() const;
  bool heard() const;
  bool idle() const { return phase_ == Phase::head && input_.empty(); }

  Site& site_;
  Phase phase_ = Phase::head;
  bool ended_ = false;  ///< the client sends nothing more
  bool finished_ = false;
  bool head_only_ = false;
  bool keep_alive_ = true;
  int minor_version_ = 1;
  Instant give_up_at_;  ///< for the head and body that must come
  HeadScan scan_;
  BodyReader body_;
  Bytes input_;  ///< what could not be used yet: a part of a head, or the next request
  std::string method_;
  std::string path_;
  std::string kept_body_;         ///< of a POST to /fault only
  std::optional<Answer> answer_;  ///< in phase answer: none yet while frozen
};

}  // namespace hither::backend
