// SPDX-License-Identifier: Apache-2.0
#include "io/pipe.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>

namespace hither::io {
namespace {

struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    near = Fd(ends[0]);
    far = Fd(ends[1]);
  }
  Fd near;
  Fd far;
};

TEST(Pipe, CarriesBytesFromOneSocketToAnother) {
  const Pair from;
  const Pair to;
  const std::unique_ptr<Pipe> pipe = Pipe::open();
  ASSERT_NE(pipe, nullptr);
  write_some(from.far.get(), as_bytes("hello there"));

  EXPECT_EQ(pipe->fill(from.near.get(), 5).size, 5U);
  EXPECT_EQ(pipe->held(), 5U);
  EXPECT_EQ(pipe->drain(to.near.get()).size, 5U);
  EXPECT_EQ(pipe->fill(from.near.get(), 100).size, 6U);
  EXPECT_EQ(pipe->drain(to.near.get()).size, 6U);

  std::array<std::byte, 64> got;
  const IoResult read = read_some(to.far.get(), got);
  EXPECT_EQ(as_text(ByteView(got).first(read.size)), "hello there");
}

TEST(Pipe, TellsNothingNowFromTheEndAndFromFailure) {
  Pair from;
  const std::unique_ptr<Pipe> pipe = Pipe::open();
  EXPECT_EQ(pipe->fill(from.near.get(), 100).kind, IoResult::Kind::would_block);
  shutdown_write(from.far.get());
  EXPECT_EQ(pipe->fill(from.near.get(), 100).kind, IoResult::Kind::end);

  Pair other;
  write_some(other.far.get(), as_bytes("lost"));
  EXPECT_EQ(pipe->fill(other.near.get(), 100).size, 4U);
  Pair to;
  to.far.close();
  EXPECT_EQ(pipe->drain(to.near.get()).kind, IoResult::Kind::failed);
  EXPECT_EQ(pipe->held(), 4U);
}

TEST(Pipe, KeepsWhatTheOtherSideDoesNotTake) {
  const Pair from;
  const Pair to;
  const std::unique_ptr<Pipe> pipe = Pipe::open();
  const std::string block(64 * 1024, 'x');
  std::size_t sent = 0;
  IoResult result;
  while (result.kind == IoResult::Kind::ok) {
    write_some(from.far.get(), as_bytes(block));
    if (pipe->held() == 0) pipe->fill(from.near.get(), block.size());
    result = pipe->drain(to.near.get());
    sent += result.size;
  }
  EXPECT_EQ(result.kind, IoResult::Kind::would_block);
  const std::size_t held = pipe->held();
  EXPECT_GT(held, 0U);

  std::vector<std::byte> got(sent);
  std::size_t read = 0;
  while (read < sent) read += read_some(to.far.get(), std::span(got).subspan(read)).size;
  EXPECT_EQ(pipe->drain(to.near.get()).size, held);
}

TEST(PipePool, HandsOutNoMoreThanItMayAndKeepsOnlyEmptyOnes) {
  PipePool pool;
  pool.limit(2);
  std::unique_ptr<Pipe> one = pool.take();
  std::unique_ptr<Pipe> two = pool.take();
  ASSERT_TRUE(one != nullptr && two != nullptr);
  EXPECT_EQ(pool.take(), nullptr);

  const Pipe* const empty = one.get();
  pool.give(std::move(one));
  EXPECT_EQ(pool.take().get(), empty) << "an empty one is used again";

  const Pair from;
  write_some(from.far.get(), as_bytes("x"));
  two->fill(from.near.get(), 1);
  pool.give(std::move(two));
  pool.give(nullptr);
  EXPECT_EQ(pool.taken(), 1U);
  EXPECT_EQ(pool.take()->held(), 0U);
}

}  // namespace
}  // namespace hither::io
