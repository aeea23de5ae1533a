// SPDX-License-Identifier: Apache-2.0
#include "lb/buffer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hither::lb {
namespace {

TEST(Buffer, HoldsABlockOnlyWhileItHoldsBytes) {
  BlockPool pool;
  Buffer buffer(pool);
  EXPECT_EQ(pool.taken(), 0U);

  buffer.append("hello");
  EXPECT_EQ(pool.taken(), 1U);
  buffer.consume(4);
  EXPECT_EQ(pool.taken(), 1U);
  buffer.consume(1);
  EXPECT_EQ(pool.taken(), 0U);
}

TEST(Buffer, GivesItsBlockBackWhenItDies) {
  BlockPool pool;
  {
    Buffer buffer(pool);
    buffer.append("hello");
  }
  EXPECT_EQ(pool.taken(), 0U);
}

TEST(Buffer, GivesBackABlockThatWasTakenInVain) {
  BlockPool pool;
  Buffer buffer(pool);

  buffer.space();
  EXPECT_EQ(pool.taken(), 1U);
  buffer.release_if_empty();

  EXPECT_EQ(pool.taken(), 0U);
}

TEST(Buffer, UsesAllItsRoomHoweverMuchWentOutInFront) {
  BlockPool pool;
  Buffer buffer(pool);
  const std::string most(block_bytes - 10, 'a');
  buffer.append(most);
  buffer.consume(block_bytes - 20);
  EXPECT_EQ(buffer.room(), block_bytes - 10);

  buffer.append(most);

  EXPECT_EQ(as_text(buffer.data()), std::string(10, 'a') + most);
  EXPECT_EQ(buffer.room(), 0U);
}

TEST(BlockPool, GivesTheLastBlockFirst) {
  BlockPool pool;
  auto one = pool.take();
  auto other = pool.take();
  const std::byte* last = other.get();

  pool.give(std::move(one));
  pool.give(std::move(other));

  EXPECT_EQ(pool.take().get(), last);
}

/// So many taken at once, and given back.
void burst(BlockPool& pool, std::size_t size) {
  std::vector<std::unique_ptr<std::byte[]>> blocks;
  for (std::size_t i = 0; i < size; ++i) blocks.push_back(pool.take());
  for (auto& block : blocks) pool.give(std::move(block));
}

TEST(BlockPool, KeepsWhatBurstsNeedAsLongAsTheyGoOn) {
  BlockPool pool;
  burst(pool, 500);
  pool.trim();
  EXPECT_EQ(pool.spare(), 500U) << "they were just in use";
  burst(pool, 300);
  pool.trim();
  EXPECT_EQ(pool.spare(), 300U + spare_blocks_min);

  burst(pool, 300);
  pool.trim();
  EXPECT_EQ(pool.spare(), 300U + spare_blocks_min);
}

TEST(BlockPool, GivesBackWhatNobodyNeeds) {
  BlockPool pool;
  burst(pool, 500);
  pool.trim();
  EXPECT_TRUE(pool.has_surplus());

  pool.trim();

  EXPECT_EQ(pool.spare(), spare_blocks_min);
  EXPECT_FALSE(pool.has_surplus());
  pool.trim();
  EXPECT_EQ(pool.spare(), spare_blocks_min);
}

}  // namespace
}  // namespace hither::lb
