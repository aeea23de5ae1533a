// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <memory>
#include <string_view>

#include "base/bytes.h"

namespace hither {

/// A copy of the text in memory of exactly its size, so that the address sanitizer sees a read too
/// far.
class ExactBytes {
 public:
  explicit ExactBytes(std::string_view text) : data_(new char[text.size()]), size_(text.size()) {
    std::memcpy(data_.get(), text.data(), text.size());
  }
  ByteView bytes() const { return as_bytes({data_.get(), size_}); }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t size_;
};

}  // namespace hither
