// SPDX-License-Identifier: Apache-2.0
#include "lb/idle_pool.h"

#include <gtest/gtest.h>

#include "tests/lb/start.h"

namespace hither::lb {
namespace {

using namespace std::chrono_literals;
using Connections = std::vector<IdlePool::Connection>;

/// Of one thread of several, or of the only one. Connection n has descriptor 100 + n.
struct Pool {
  explicit Pool(SharedIdle& all, unsigned thread = 0) : pool(all, thread) {}
  auto put(std::size_t server, IdlePool::Connection connection, Instant now) {
    return pool.put(server, connection, static_cast<int>(100 + connection), now);
  }
  /// As a driver does it; the descriptor, or -1.
  int take_over(std::size_t server, Instant now) {
    const auto one = pool.take_over(server, now);
    if (!one) return -1;
    pool.taken_over(*one);
    return one->fd();
  }
  IdlePool* operator->() { return &pool; }
  IdlePool pool;
};

TEST(IdlePool, GivesTheLastOneFirst) {
  SharedIdle all(1);
  Pool pool(all);
  pool.put(0, 1, start);
  pool.put(0, 2, start);

  EXPECT_EQ(pool->take(0, start), 2U);
  EXPECT_EQ(pool->take(0, start), 1U);
  EXPECT_EQ(pool->take(0, start), std::nullopt);
}

TEST(IdlePool, KeepsServersApart) {
  SharedIdle all(1);
  Pool pool(all);
  pool.put(0, 1, start);

  EXPECT_EQ(pool->take(1, start), std::nullopt);
}

TEST(IdlePool, GivesUpTheOldestOfAFullServer) {
  SharedIdle all(1, {.per_server_max = 2, .idle_max = 4s});
  Pool pool(all);

  EXPECT_EQ(pool.put(0, 1, start), std::nullopt);
  EXPECT_EQ(pool.put(0, 2, start), std::nullopt);
  EXPECT_EQ(pool.put(0, 3, start), 1U);
  EXPECT_EQ(pool->size(), 2U);
}

TEST(IdlePool, KeepsNothingWhereNothingMayBeKept) {
  SharedIdle all(1, {.per_server_max = 0, .idle_max = 4s});
  Pool pool(all);

  EXPECT_EQ(pool.put(0, 1, start), 1U);
  EXPECT_EQ(pool->size(), 0U);
}

TEST(IdlePool, NeverGivesWhatIsTooOld) {
  SharedIdle all(1, {.per_server_max = 8, .idle_max = 4s});
  Pool pool(all);
  pool.put(0, 1, start);

  EXPECT_EQ(pool->take(0, start + 4s), std::nullopt);
  EXPECT_EQ(pool->expired(start + 4s), Connections{1});
  EXPECT_EQ(pool->size(), 0U);
}

TEST(IdlePool, SaysWhenTheNextOneAges) {
  SharedIdle all(1, {.per_server_max = 8, .idle_max = 4s});
  Pool pool(all);
  EXPECT_EQ(pool->next(), never);
  pool.put(1, 1, start + 1s);
  pool.put(0, 2, start);

  EXPECT_EQ(pool->next(), start + 4s);
  EXPECT_EQ(pool->expired(start + 4s), Connections{2});
  EXPECT_EQ(pool->next(), start + 5s);
}

TEST(IdlePool, ForgetsWhatTheServerClosed) {
  SharedIdle all(1);
  Pool pool(all);
  pool.put(0, 1, start);
  pool.put(0, 2, start);

  pool->closed(0, 2, start);
  pool->closed(0, 99, start);

  EXPECT_EQ(pool->take(0, start), 1U);
}

TEST(IdlePool, KeepsConnectionsForLessThanTheirServerDoes) {
  SharedIdle all(1, {.per_server_max = 8, .idle_max = 4s});
  Pool pool(all);
  for (const IdlePool::Connection connection : {1U, 2U}) {
    pool.put(0, connection, start);
    pool->closed(0, connection, start + 1s);
  }

  pool.put(0, 3, start);
  pool.put(1, 4, start);

  EXPECT_EQ(pool->next(), start + 800ms);
  EXPECT_EQ(pool->expired(start + 800ms), Connections{3});
  EXPECT_EQ(pool->take(1, start + 3s), 4U) << "another server has its own";
  pool->drop(0);
  EXPECT_EQ(pool->idle_max(0), 4s);
}

TEST(IdlePool, DropsAllOfAServerThatWentDown) {
  SharedIdle all(1);
  Pool pool(all);
  pool.put(0, 1, start);
  pool.put(0, 2, start);
  pool.put(1, 3, start);

  EXPECT_EQ(pool->drop(0), (Connections{1, 2}));
  EXPECT_EQ(pool->size(), 1U);
}

TEST(IdlePool, MakesRoomByTheOldestOfAllServers) {
  SharedIdle all(2);
  Pool pool(all);
  Pool other(all, 1);
  pool.put(3, 1, start + 2s);
  pool.put(1, 2, start + 1s);
  pool.put(2, 3, start);
  EXPECT_EQ(other.take_over(2, start), 103);

  EXPECT_EQ(pool->give_up_oldest(), 2U) << "3 is another thread's by now";
  EXPECT_EQ(pool->give_up_oldest(), 1U);
  EXPECT_EQ(pool->give_up_oldest(), std::nullopt);
  EXPECT_EQ(pool->taken_away(), Connections{3});
}

// ---- Between threads

TEST(IdlePool, GivesWhatAnotherThreadHasOnlyToWhoHasNone) {
  SharedIdle all(2);
  Pool one(all, 0);
  Pool other(all, 1);
  one.put(0, 1, start);
  other.put(0, 2, start);

  EXPECT_EQ(one->take(0, start), 1U) << "its own first";
  EXPECT_EQ(one->take(0, start), std::nullopt);
  EXPECT_EQ(one.take_over(0, start), 102);
  EXPECT_EQ(one.take_over(0, start), -1);
  EXPECT_EQ(one.take_over(1, start), -1) << "of another server there is none";
}

TEST(IdlePool, GivesAwayTheYoungestFirst) {
  SharedIdle all(2);
  Pool one(all, 0);
  Pool other(all, 1);
  one.put(0, 1, start);
  one.put(0, 2, start + 2s);
  one.put(0, 3, start + 1s);

  EXPECT_EQ(other.take_over(0, start + 2s), 102);
  EXPECT_EQ(other.take_over(0, start + 2s), 103);
}

TEST(IdlePool, NeverGivesAwayWhatIsTooOld) {
  SharedIdle all(2, {.per_server_max = 8, .idle_max = 4s});
  Pool one(all, 0);
  Pool other(all, 1);
  one.put(0, 1, start);

  EXPECT_EQ(other.take_over(0, start + 4s), -1);
  EXPECT_EQ(other.take_over(0, start + 3990ms), 101);
}

TEST(IdlePool, TellsWhatOthersHaveTakenOnceTheyHaveIt) {
  SharedIdle all(2);
  Pool one(all, 0);
  Pool other(all, 1);
  one.put(0, 1, start);
  one.put(0, 2, start);
  const auto leaving = other->take_over(0, start);
  ASSERT_TRUE(leaving);
  const IdlePool::Connection left = leaving->fd() == 102 ? 1 : 2;

  EXPECT_EQ(one->take(0, start), left);
  EXPECT_EQ(one->take(0, start), std::nullopt);
  EXPECT_TRUE(one->taken_away().empty()) << "its loop may still be told of it";
  other->taken_over(*leaving);
  EXPECT_EQ(one->taken_away(), Connections{3 - left});
  EXPECT_TRUE(one->taken_away().empty()) << "once";
}

TEST(IdlePool, LeavesWhatWasTakenToWhoTookIt) {
  SharedIdle all(2, {.per_server_max = 16, .idle_max = 4s});
  Pool one(all, 0);
  Pool other(all, 1);
  for (const IdlePool::Connection connection : {1U, 2U, 3U}) one.put(0, connection, start);
  for (int i = 0; i < 3; ++i) EXPECT_GT(other.take_over(0, start), 0);

  EXPECT_FALSE(one->closed(0, 1, start));
  EXPECT_TRUE(one->expired(start + 4s).empty());
  EXPECT_TRUE(one->drop(0).empty());
  EXPECT_EQ(one->taken_away(), (Connections{1, 2, 3}));
  EXPECT_EQ(one->size(), 0U);
}

TEST(IdlePool, HasRoomAgainForWhatWasTaken) {
  SharedIdle all(2, {.per_server_max = 4, .idle_max = 4s});
  Pool one(all, 0);
  Pool other(all, 1);
  for (IdlePool::Connection connection = 1; connection <= 40; ++connection) {
    EXPECT_EQ(one.put(0, connection, start), std::nullopt) << connection;
    EXPECT_EQ(other.take_over(0, start), static_cast<int>(100 + connection));
    one->take(0, start);
    EXPECT_EQ(one->taken_away(), Connections{connection});
  }
}

TEST(IdlePool, KeepsNoMoreOverAllThreadsThanOneMay) {
  SharedIdle all(2, {.per_server_max = 4, .idle_max = 4s});
  Pool one(all, 0);
  one.put(0, 1, start);
  one.put(0, 2, start);

  EXPECT_EQ(one.put(0, 3, start), 1U);
}

TEST(IdlePool, LearnsFromWhatAnyThreadSees) {
  SharedIdle all(2, {.per_server_max = 8, .idle_max = 4s});
  Pool one(all, 0);
  Pool other(all, 1);
  one.put(0, 1, start);
  one->closed(0, 1, start + 1s);
  other.put(0, 2, start);
  other->closed(0, 2, start + 1s);

  EXPECT_EQ(one->idle_max(0), 800ms);
  EXPECT_EQ(other->idle_max(0), 800ms);
  one->drop(0);
  EXPECT_EQ(other->idle_max(0), 4s);
}

TEST(IdlePool, LearnsFromAConnectionThatWasClosedWhenItWasTakenOver) {
  SharedIdle all(2, {.per_server_max = 8, .idle_max = 4s});
  Pool one(all, 0);
  Pool other(all, 1);
  for (const IdlePool::Connection connection : {1U, 2U}) {
    one.put(0, connection, start);
    const auto dead = other->take_over(0, start + 1s);
    ASSERT_TRUE(dead);
    other->taken_over(*dead);
    other->found_closed(*dead, start + 1s);
  }

  EXPECT_LT(one->idle_max(0), 1s);
}

}  // namespace
}  // namespace hither::lb
