// SPDX-License-Identifier: Apache-2.0
#include "lb/buffer.h"

#include <cstring>
#include <utility>

#include "base/assert.h"

namespace hither::lb {

std::unique_ptr<std::byte[]> BlockPool::take() {
  ++taken_;
  if (spare_.empty()) {
    // Not make_unique: the block need not be zeroed.
    return std::unique_ptr<std::byte[]>(new std::byte[block_bytes]);
  }
  std::unique_ptr<std::byte[]> block = std::move(spare_.back());
  spare_.pop_back();
  return block;
}

void BlockPool::give(std::unique_ptr<std::byte[]> block) {
  --taken_;
  if (spare_.size() < spare_blocks_max) spare_.push_back(std::move(block));
}

std::span<std::byte> Buffer::space() {
  if (block_ == nullptr) block_ = pool_->take();
  if (begin_ > 0) {
    std::memmove(block_.get(), block_.get() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
  return {block_.get() + end_, block_bytes - end_};
}

void Buffer::release_if_empty() {
  if (!empty() || block_ == nullptr) return;
  begin_ = 0;
  end_ = 0;
  pool_->give(std::move(block_));
}

void Buffer::append(ByteView bytes) {
  ASSERT(bytes.size() <= room());
  if (bytes.empty()) return;
  const std::span<std::byte> target =
      block_ != nullptr && bytes.size() <= block_bytes - end_
          ? std::span<std::byte>(block_.get() + end_, block_bytes - end_)
          : space();
  std::memcpy(target.data(), bytes.data(), bytes.size());
  end_ += bytes.size();
}

void Buffer::consume(std::size_t size) {
  ASSERT(size <= this->size());
  begin_ += size;
  release_if_empty();
}

}  // namespace hither::lb
