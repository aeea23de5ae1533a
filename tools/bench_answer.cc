// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_answer.h"

#include <algorithm>
#include <charconv>

#include "base/http_head.h"
#include "base/text.h"

namespace hither::tools {

void BenchAnswer::take(ByteView bytes) {
  while (!bytes.empty() && state_ == State::head) {
    const char octet = static_cast<char>(std::to_integer<unsigned char>(bytes.front()));
    bytes = bytes.subspan(1);
    if (octet != '\n') {
      if (used_ < sizeof line_) line_[used_++] = octet;
      continue;
    }
    if (used_ > 0 && line_[used_ - 1] == '\r') --used_;
    on_line({line_, used_});
    used_ = 0;
  }
  if (state_ == State::body) {
    const std::uint64_t size = std::min<std::uint64_t>(left_, bytes.size());
    left_ -= size;
    bytes = bytes.subspan(static_cast<std::size_t>(size));
    if (left_ == 0) state_ = State::done;
  }
  if (!bytes.empty()) state_ = State::broken;
}

void BenchAnswer::on_line(std::string_view line) {
  if (status_ == 0) {
    const std::size_t blank = std::min(line.find(' '), line.size());
    const std::string_view rest = line.substr(blank);
    if (rest.size() > 3) std::from_chars(rest.data() + 1, rest.data() + 4, status_);
    if (!line.starts_with("HTTP/1.") || status_ == 0) state_ = State::broken;
    return;
  }
  if (line.empty()) {
    left_ = length_;
    state_ = !has_length_ ? State::broken : left_ > 0 ? State::body : State::done;
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  if (equal_ignoring_case(name, "content-length")) {
    has_length_ =
        std::from_chars(value.data(), value.data() + value.size(), length_).ec == std::errc();
  } else if (equal_ignoring_case(name, "connection")) {
    closes_ = list_has_token(value, "close");
  }
}

}  // namespace hither::tools
