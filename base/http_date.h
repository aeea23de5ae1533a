// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/time.h"

namespace hither {

/// The field with its line end: "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" (RFC 9110 s6.6.1).
std::string http_date_line(std::chrono::sys_seconds time);

/// The same for instants that go by, written anew once a second. Who knows what time it is sets the
/// clock now and then; until then there is no line. A plain value with one owner; cost of a line: a
/// comparison.
class HttpDate {
 public:
  /// Time since 1970 at Instant zero. Two readings of one clock differ a little: by how long they
  /// took. Only what is more than that sets it anew.
  void set_clock(Duration epoch);
  std::string_view line(Instant now);

 private:
  Duration epoch_{};  ///< zero: not set
  Instant until_{};   ///< when the line is over
  std::string line_;
};

}  // namespace hither
