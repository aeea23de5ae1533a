// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace hither::tools {

/// Follows the answers on one connection, without keeping them: status and Content-Length of a
/// head, then so many bytes. Not strict, because it measures and does not judge: an answer without
/// Content-Length is `broken`. Pure; one per connection.
class BenchAnswer {
 public:
  enum class State { head, body, done, broken };

  /// Takes all of `bytes`; more than one answer is broken, as only one was asked for.
  void take(ByteView bytes);
  State state() const { return state_; }
  int status() const { return status_; }
  std::uint64_t body_bytes() const { return length_; }
  /// Does it say that the connection ends after it?
  bool closes() const { return closes_; }

 private:
  void on_line(std::string_view line);

  State state_ = State::head;
  int status_ = 0;
  bool has_length_ = false;
  bool closes_ = false;
  std::uint64_t length_ = 0;
  std::uint64_t left_ = 0;
  std::size_t used_ = 0;
  char line_[512] = {};
};

}  // namespace hither::tools
