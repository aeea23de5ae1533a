// SPDX-License-Identifier: Apache-2.0
#include "lb/idle_pool.h"

#include <gtest/gtest.h>

namespace hither::lb {
namespace {

using namespace std::chrono_literals;
using Connections = std::vector<IdlePool::Connection>;

constexpr Instant start{1h};

TEST(IdlePool, GivesTheLastOneFirst) {
  IdlePool pool(IdlePool::Limits{});
  pool.put(0, 1, start);
  pool.put(0, 2, start);

  EXPECT_EQ(pool.take(0, start), 2U);
  EXPECT_EQ(pool.take(0, start), 1U);
  EXPECT_EQ(pool.take(0, start), std::nullopt);
}

TEST(IdlePool, KeepsServersApart) {
  IdlePool pool(IdlePool::Limits{});
  pool.put(0, 1, start);

  EXPECT_EQ(pool.take(1, start), std::nullopt);
}

TEST(IdlePool, GivesUpTheOldestOfAFullServer) {
  IdlePool pool({.per_server_max = 2, .idle_max = 4s});

  EXPECT_EQ(pool.put(0, 1, start), std::nullopt);
  EXPECT_EQ(pool.put(0, 2, start), std::nullopt);
  EXPECT_EQ(pool.put(0, 3, start), 1U);
  EXPECT_EQ(pool.size(), 2U);
}

TEST(IdlePool, KeepsNothingWhereNothingMayBeKept) {
  IdlePool pool({.per_server_max = 0, .idle_max = 4s});

  EXPECT_EQ(pool.put(0, 1, start), 1U);
  EXPECT_EQ(pool.size(), 0U);
}

TEST(IdlePool, NeverGivesWhatIsTooOld) {
  IdlePool pool({.per_server_max = 8, .idle_max = 4s});
  pool.put(0, 1, start);

  EXPECT_EQ(pool.take(0, start + 4s), std::nullopt);
  EXPECT_EQ(pool.expired(start + 4s), Connections{1});
  EXPECT_EQ(pool.size(), 0U);
}

TEST(IdlePool, SaysWhenTheNextOneAges) {
  IdlePool pool({.per_server_max = 8, .idle_max = 4s});
  EXPECT_EQ(pool.next(), never);
  pool.put(1, 1, start + 1s);
  pool.put(0, 2, start);

  EXPECT_EQ(pool.next(), start + 4s);
  EXPECT_EQ(pool.expired(start + 4s), Connections{2});
  EXPECT_EQ(pool.next(), start + 5s);
}

TEST(IdlePool, ForgetsWhatTheServerClosed) {
  IdlePool pool(IdlePool::Limits{});
  pool.put(0, 1, start);
  pool.put(0, 2, start);

  pool.closed(0, 2, start);
  pool.closed(0, 99, start);

  EXPECT_EQ(pool.take(0, start), 1U);
}

TEST(IdlePool, KeepsConnectionsForLessThanTheirServerDoes) {
  IdlePool pool({.per_server_max = 8, .idle_max = 4s});
  for (const IdlePool::Connection connection : {1U, 2U}) {
    pool.put(0, connection, start);
    pool.closed(0, connection, start + 1s);
  }

  pool.put(0, 3, start);
  pool.put(1, 4, start);

  EXPECT_EQ(pool.next(), start + 800ms);
  EXPECT_EQ(pool.expired(start + 800ms), Connections{3});
  EXPECT_EQ(pool.take(1, start + 3s), 4U) << "another server has its own";
  pool.drop(0);
  EXPECT_EQ(pool.idle_max(0), 4s);
}

TEST(IdlePool, DropsAllOfAServerThatWentDown) {
  IdlePool pool(IdlePool::Limits{});
  pool.put(0, 1, start);
  pool.put(0, 2, start);
  pool.put(1, 3, start);

  EXPECT_EQ(pool.drop(0), (Connections{1, 2}));
  EXPECT_EQ(pool.size(), 1U);
}

}  // namespace
}  // namespace hither::lb
