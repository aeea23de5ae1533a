// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace hither::lb {

/// One block holds the largest head we take (HeadLimits::bytes_max) and what we add to it.
constexpr std::size_t block_bytes = 17 * 1024;
/// Blocks a thread keeps for the next connection however long nobody needs them.
constexpr std::size_t spare_blocks_min = 64;

/// Blocks of memory that the connections of one thread take and give back, last in, first out, so
/// that the one just given back (and still in the cache) is the next one taken. What a burst has
/// left is kept as long as the bursts go on: trim(), called now and then, gives back to the heap
/// what was not needed since the call before. Belongs to one thread.
class BlockPool {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  std::unique_ptr<std::byte[]> take();
  void give(std::unique_ptr<std::byte[]> block);
  /// Blocks taken and not given back: 0 when no connection holds a byte.
  std::size_t taken() const { return taken_; }
  /// Is there something to trim, now or soon?
  bool has_surplus() const { return spare_.size() > spare_blocks_min; }
  /// Frees the blocks that were spare all the time since it was last called, those that were left
  /// longest first.
  void trim();
  std::size_t spare() const { return spare_.size(); }

 private:
  std::vector<std::unique_ptr<std::byte[]>> spare_;  ///< the last one given back is at the end
  std::size_t least_spare_ = 0;                      ///< since the last trim()
  std::size_t taken_ = 0;
};

/// A queue of bytes in at most one block, which it holds only while it is not empty. `pool` must
/// outlive it. Spans and views are good until the next call that is not const.
class Buffer {
 public:
  explicit Buffer(BlockPool& pool) : pool_(&pool) {}
  ~Buffer() { clear(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  ByteView data() const { return {block_.get() + begin_, end_ - begin_}; }
  /// The same, to be changed in place.
  std::span<std::byte> bytes() { return {block_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  /// Bytes that can still be put in.
  std::size_t room() const { return block_bytes - size(); }

  /// Where the next bytes go: all the room there is. Takes a block if there is none; if nothing is
  /// committed, release_if_empty() gives it back.
  std::span<std::byte> space();
  /// The first `size` bytes of space() are filled now.
  void commit(std::size_t size) { end_ += size; }
  void release_if_empty();

  /// Puts all of `bytes` in. Precondition: bytes.size() <= room().
  void append(ByteView bytes);
  void append(std::string_view text) { append(as_bytes(text)); }
  /// Drops the first `size` bytes; an empty buffer gives its block back.
  void consume(std::size_t size);
  void clear() { consume(size()); }

 private:
  BlockPool* pool_;
  std::unique_ptr<std::byte[]> block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace hither::lb
