// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace hither {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void append(Bytes& out, ByteView bytes) {
  const std::size_t before = out.size();
  out.resize(before + bytes.size());
  if (!bytes.empty()) std::memcpy(out.data() + before, bytes.data(), bytes.size());
}

/// Reads big-endian numbers from bytes it does not own. One sticky error: the first read past the
/// end makes ok() false for good and every later read yields zeros, so the caller checks once.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t position() const { return position_; }
  std::size_t left() const { return bytes_.size() - position_; }
  /// What take() would go on with.
  ByteView rest() const { return ok_ ? bytes_.subspan(position_) : ByteView(); }

  std::uint8_t u8() {
    const ByteView view = take(1);
    return view.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(view[0]);
  }
  std::uint16_t u16() {
    const ByteView view = take(2);
    if (view.empty()) return 0;
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(view[0]) << 8U |
                                      std::to_integer<unsigned>(view[1]));
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    const std::uint32_t low = u16();
    return high << 16U | low;
  }
  /// Exactly `size` bytes, or an empty span and the error.
  ByteView take(std::size_t size) {
    if (!ok_ || size > left()) {
      ok_ = false;
      return {};
    }
    const ByteView view = bytes_.subspan(position_, size);
    position_ += size;
    return view;
  }
  void skip(std::size_t size) { take(size); }

 private:
  ByteView bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

/// Writes big-endian numbers into a buffer it does not own. One sticky error as in Reader: what
/// does not fit is not written at all. truncate() takes back what came after an earlier size().
class Writer {
 public:
  explicit Writer(std::span<std::byte> buffer) : buffer_(buffer) {}

  bool ok() const { return ok_; }
  std::size_t size() const { return size_; }
  std::size_t room() const { return buffer_.size() - size_; }
  ByteView written() const { return buffer_.first(size_); }

  void u8(std::uint8_t value) { put(&value, 1); }
  void u16(std::uint16_t value) {
    const std::uint8_t octets[2] = {static_cast<std::uint8_t>(value >> 8U),
                                    static_cast<std::uint8_t>(value & 0xffU)};
    put(octets, 2);
  }
  void u32(std::uint32_t value) {
    const std::uint8_t octets[4] = {
        static_cast<std::uint8_t>(value >> 24U), static_cast<std::uint8_t>(value >> 16U & 0xffU),
        static_cast<std::uint8_t>(value >> 8U & 0xffU), static_cast<std::uint8_t>(value & 0xffU)};
    put(octets, 4);
  }
  void bytes(ByteView view) { put(view.data(), view.size()); }

  /// Overwrites two bytes written before. Precondition: position + 2 <= size().
  void patch_u16(std::size_t position, std::uint16_t value) {
    buffer_[position] = static_cast<std::byte>(value >> 8U);
    buffer_[position + 1] = static_cast<std::byte>(value & 0xffU);
  }
  /// Back to an earlier size, and ok again. Precondition: size <= size().
  void truncate(std::size_t size) {
    size_ = size;
    ok_ = true;
  }

 private:
  void put(const void* data, std::size_t size) {
    if (!ok_ || size > room()) {
      ok_ = false;
      return;
    }
    if (size > 0) std::memcpy(buffer_.data() + size_, data, size);
    size_ += size;
  }

  std::span<std::byte> buffer_;
  std::size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace hither
