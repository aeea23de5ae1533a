// SPDX-License-Identifier: Apache-2.0
#include "lb/buffer.h"

#include <algorithm>
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
  least_spare_ = std::min(least_spare_, spare_.size());
  return block;
}

void BlockPool::give(std::unique_ptr<std::byte[]> block) {
  --taken_;
  spare_.push_back(std::move(block));
}

void BlockPool::trim() {
  const std::size_t kept = std::min(least_spare_, spare_blocks_min);
  const auto first = spare_.begin();
  spare_.erase(first, first + static_cast<std::ptrdiff_t>(least_spare_ - kept));
  spare_.shrink_to_fit();
  least_spare_ = spare_.size();
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
