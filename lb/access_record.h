// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/ip.h"
#include "base/time.h"

namespace hither::lb {

/// A text of bounded size that owns nothing: what is too long is cut, and says so.
template <std::size_t Most>
class ShortText {
 public:
  ShortText() = default;
  void set(std::string_view text) {
    size_ = std::min(text.size(), Most);
    cut_ = text.size() > Most;
    std::copy_n(text.data(), size_, text_.begin());
  }
  std::string_view text() const { return {text_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  bool cut() const { return cut_; }

 private:
  std::array<char, Most> text_;
  std::size_t size_ = 0;
  bool cut_ = false;
};

/// Why a request ended as it did, in two letters (docs/access_log.md): whose doing it was, and
/// during what. "--": all went well.
struct EndReason {
  char who = '-';
  char when = '-';
  friend bool operator==(const EndReason&, const EndReason&) = default;
};

/// A span of time that may not have come to pass.
constexpr Duration not_reached = Duration(-1);

/// One request and what became of it, or one connection in TCP mode: a line of the access log. Some
/// 600 octets; owns nothing. Sessions fill it, a driver writes it (lb/access_log.h).
struct AccessRecord {
  Instant end{};  ///< when its last byte went out, or it was given up
  Address client;
  bool connection = false;  ///< a connection in TCP mode; then method, path and status are unset
  ShortText<24> method;     ///< empty: its head never came, or was refused
  ShortText<256> path;      ///< with the query
  ShortText<64> id;         ///< as in X-Request-Id
  ShortText<64> server;     ///< the copy's name, "web-2"; empty: none had a part in it
  int status = 0;           ///< sent to the client; 0: none was
  EndReason reason;
  std::uint64_t bytes_in = 0;       ///< of head and body that the client sent
  std::uint64_t bytes_out = 0;      ///< sent to the client
  unsigned retries = 0;             ///< connections and copies tried beyond the first
  Duration queue = not_reached;     ///< from the whole head until a copy was picked
  Duration connect = not_reached;   ///< until a connection to a copy was there
  Duration response = not_reached;  ///< until the head of its response was
  Duration total{};                 ///< from the first byte of the request to `end`
};

/// Where sessions leave their records. Must not wait, whatever becomes of them.
class AccessSink {
 public:
  virtual ~AccessSink() = default;
  virtual void note(const AccessRecord& record) = 0;
};

}  // namespace hither::lb
