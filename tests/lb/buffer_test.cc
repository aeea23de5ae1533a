// SPDX-License-Identifier: Apache-2.0
#include "lb/buffer.h"

#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace hither::lb
