// SPDX-License-Identifier: Apache-2.0
#include "lb/tcp_proxy.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/lb/messages.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

TEST(TcpProxy, CarriesBothDirectionsHoweverTheyAreCut) {
  for (std::size_t piece = 1; piece <= 12; ++piece) {
    Story story({.piece = piece, .tcp = true});

    story.client_says("ping ping").backend_says("pong").client_says("!").backend_says("?");

    ASSERT_EQ(story.backend_got(1), "ping ping!");
    ASSERT_EQ(story.client_got(), "pong?");
    ASSERT_EQ(story.blocks_taken(), 0U);
    ASSERT_FALSE(story.closed());
  }
}

TEST(TcpProxy, LetsTheServerSpeakFirst) {
  Story story({.tcp = true});

  story.backend_says("220 ready\r\n");

  EXPECT_EQ(story.client_got(), "220 ready\r\n");
}

TEST(TcpProxy, KeepsTheWayBackOpenAfterTheClientsEnd) {
  Story story({.tcp = true});

  story.client_says("question").client_ends();
  EXPECT_TRUE(story.backend_got_end());
  EXPECT_FALSE(story.closed());

  story.backend_says("answer").backend_ends();
  EXPECT_EQ(story.client_got(), "answer");
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(TcpProxy, KeepsTheWayThereOpenAfterTheServersEnd) {
  Story story({.tcp = true});

  story.backend_says("bye").backend_ends();
  EXPECT_TRUE(story.client_got_end());
  EXPECT_FALSE(story.closed());

  story.client_says("more").client_ends();
  EXPECT_EQ(story.backend_got(1), "more");
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(TcpProxy, SendsTheEndOnlyBehindTheLastByte) {
  Story story({.tcp = true});
  story.backend_stops_reading().client_says("last words").client_ends();
  EXPECT_FALSE(story.backend_got_end());

  story.backend_stops_reading(false);

  EXPECT_EQ(story.backend_got(1), "last words");
  EXPECT_TRUE(story.backend_got_end());
}

TEST(TcpProxy, ReadsOnlyWhatTheOtherSideTakes) {
  Story story({.tcp = true});

  story.client_stops_reading().backend_says(std::string(1'000'000, 'x'));

  EXPECT_EQ(story.blocks_taken(), 1U);
  EXPECT_EQ(story.unread_by_session(), 1'000'000 - block_bytes);
  story.client_stops_reading(false);
  EXPECT_EQ(story.client_got().size(), 1'000'000U);
  EXPECT_EQ(story.blocks_taken(), 0U);
}

TEST(TcpProxy, GivesTheServerBackWhenTheClientResets) {
  Story story({.servers = 2, .tcp = true});
  EXPECT_EQ(story.in_flight(), 1U);

  story.client_resets();

  EXPECT_TRUE(story.closed());
  EXPECT_FALSE(story.connection_open(1));
  expect_at_rest(story);
}

TEST(TcpProxy, ClosesAConnectionOnWhichNothingMoves) {
  Story story({.tcp = true});
  story.client_says("ping");

  story.time_passes(10min - 1s);
  EXPECT_FALSE(story.closed());

  story.time_passes(1s);
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(TcpProxy, DeliversWhatAServerSaidBeforeItReset) {
  Story story({.tcp = true});
  story.client_stops_reading().backend_says("partial").backend_resets();
  EXPECT_FALSE(story.closed());

  story.client_stops_reading(false);

  EXPECT_EQ(story.client_got(), "partial");
  EXPECT_TRUE(story.client_got_end());
  story.client_ends();
  EXPECT_TRUE(story.closed());
  EXPECT_FALSE(story.client_got_reset());
  expect_at_rest(story);
}

/// Closed at once, with what the client goes on to say unread, its kernel would drop what the
/// server said last.
TEST(TcpProxy, AClientThatSaysMoreThanTheServerWantsIsHeardOutUntilItsEnd) {
  Story story({.tcp = true});
  story.client_says("a lot").backend_says("no, thanks").backend_resets();
  EXPECT_EQ(story.client_got(), "no, thanks");
  EXPECT_TRUE(story.client_got_end());
  EXPECT_EQ(story.in_flight(), 0U) << "the copy is free for others meanwhile";

  story.client_says("more").client_says("and more");

  EXPECT_EQ(story.unread_by_session(), 0U);
  EXPECT_EQ(story.backends_got(), "a lot");
  EXPECT_FALSE(story.closed());
  story.client_ends();
  EXPECT_TRUE(story.closed());
  EXPECT_FALSE(story.client_got_reset());
  ASSERT_EQ(story.records().size(), 1U);
  EXPECT_EQ(story.records()[0].reason, (EndReason{'S', 'T'}));
  expect_at_rest(story);
}

TEST(TcpProxy, NotLongerThanTheTimeThatTakes) {
  for (const bool resets : {false, true}) {
    Story story({.tcp = true});
    story.backend_says("no, thanks").backend_resets();

    if (resets) {
      story.client_resets();
    } else {
      story.time_passes(linger_max - 1ms).client_says("more");
      EXPECT_FALSE(story.closed());
      story.time_passes(1ms);
    }

    EXPECT_TRUE(story.closed()) << resets;
    EXPECT_EQ(story.farm().sum([](const FarmTotals& t) -> const Counter& { return t.aborted; }),
              0U);
    expect_at_rest(story);
  }
}

TEST(TcpProxy, EndsOnceAServerThatHasEndedRefusesBytes) {
  Story story({.tcp = true});
  story.backend_says("bye").backend_ends().backend_refuses_bytes();
  EXPECT_FALSE(story.closed()) << "it may only have closed its half";

  story.client_says("more");

  EXPECT_EQ(story.client_got(), "bye");
  EXPECT_FALSE(story.connection_open(1));
  story.client_ends();
  EXPECT_TRUE(story.closed());
  EXPECT_FALSE(story.client_got_reset());
  expect_at_rest(story);
}

TEST(TcpProxy, AServerThatRefusesBytesIsHeardOutBeforeItEnds) {
  Story story({.tcp = true});
  story.client_stops_reading().backend_says("bye").backend_refuses_bytes().client_says("more");
  story.backend_ends();
  EXPECT_FALSE(story.closed());

  story.client_stops_reading(false);

  EXPECT_EQ(story.client_got(), "bye");
  EXPECT_TRUE(story.client_got_end());
  story.client_ends();
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(TcpProxy, WhoIsCutOffHearsAResetUnlessTheServerHasSaidItsEnd) {
  for (const bool whole : {false, true}) {
    Story story({.tcp = true});
    story.backend_says("bye");
    if (whole) story.backend_ends();

    story.cut_off();

    EXPECT_TRUE(story.closed());
    EXPECT_EQ(story.client_got_reset(), !whole);
    expect_at_rest(story);
  }
  Story unheard({.tcp = true});
  unheard.client_stops_reading().backend_says("bye").backend_ends().cut_off();
  EXPECT_TRUE(unheard.client_got_reset()) << "it has not got all of it";
}

class TcpConnect : public testing::Test {
 protected:
  explicit TcpConnect() : farm_(make_farm(4)), picker_(*farm_, 0, 1) {}

  std::unique_ptr<Farm> farm_;
  Picker picker_;
  BlockPool blocks_;
  TcpContext context_{.picker = picker_, .blocks = blocks_};
  Address client_ = *parse_address("192.0.2.7");
  Instant now_{};
};

TEST_F(TcpConnect, TriesOtherCopiesThreeInAllAndGivesEachBack) {
  TcpProxy proxy(context_, client_, now_);
  std::set<std::uint32_t> tried;

  while (!proxy.finished()) {
    ASSERT_EQ(proxy.backend_wish(), BackendWish::obtain);
    const std::uint32_t server = proxy.server();
    EXPECT_TRUE(tried.insert(server).second) << server << " is tried twice";
    proxy.connecting(now_);
    EXPECT_EQ(farm_->server(server).connecting().level(), 1U);
    proxy.connect_failed("Connection refused", now_);
    EXPECT_EQ(farm_->server(server).in_flight().level(), 0U);
  }

  EXPECT_EQ(tried.size(), 3U);
  EXPECT_EQ(farm_->sum([](const FarmTotals& t) -> const Counter& { return t.unserved; }), 1U);
}

TEST_F(TcpConnect, MovesOnFromACopyThatStaysSilent) {
  TcpProxy proxy(context_, client_, now_);
  const std::uint32_t first = proxy.server();
  proxy.connecting(now_);

  proxy.on_deadline(proxy.deadline());

  EXPECT_EQ(proxy.backend_wish(), BackendWish::obtain);
  EXPECT_NE(proxy.server(), first);
}

TEST_F(TcpConnect, EndsWhenItsTotalTimeIsOverBeforeThatOfTheConnect) {
  context_.times.total = 300ms;
  context_.times.connect = 2s;
  TcpProxy proxy(context_, client_, now_);
  proxy.connecting(now_);
  EXPECT_EQ(proxy.deadline(), now_ + 300ms);

  proxy.on_deadline(proxy.deadline());

  EXPECT_TRUE(proxy.finished()) << "no other copy is tried";
}

TEST_F(TcpConnect, AShortageOfOursIsNoCopysFailureAndNoRetry) {
  TcpProxy proxy(context_, client_, now_);
  const Server& copy = farm_->server(proxy.server());

  proxy.connect_impossible("Too many open files", /*elsewhere=*/false, now_);

  EXPECT_TRUE(proxy.finished());
  EXPECT_EQ(copy.in_flight().level(), 0U);
  EXPECT_EQ(copy.sum([](const ServerTotals& t) -> const Counter& { return t.connect_failures; }),
            0U);
  EXPECT_EQ(farm_->sum([](const FarmTotals& t) -> const Counter& { return t.unserved; }), 1U);
}

TEST_F(TcpConnect, WithNoPortLeftTowardsACopyAnotherIsAskedAndNoneIsBlamed) {
  TcpProxy proxy(context_, client_, now_);
  const std::uint32_t first = proxy.server();

  proxy.connect_impossible("Cannot assign requested address", /*elsewhere=*/true, now_);

  EXPECT_FALSE(proxy.finished());
  EXPECT_EQ(proxy.backend_wish(), BackendWish::obtain);
  EXPECT_NE(proxy.server(), first);
  const Server& copy = farm_->server(first);
  EXPECT_EQ(copy.in_flight().level(), 0U);
  EXPECT_EQ(copy.feedback().mean(now_), Duration::zero());
  for (int i = 0; i < 5 && !proxy.finished(); ++i) {
    proxy.connect_impossible("Cannot assign requested address", /*elsewhere=*/true, now_);
  }
  EXPECT_TRUE(proxy.finished()) << "not for ever";
  for (std::size_t i = 0; i < farm_->size(); ++i) {
    const Server& one = farm_->server(i);
    EXPECT_EQ(one.in_flight().level(), 0U);
    EXPECT_EQ(one.sum([](const ServerTotals& t) -> const Counter& { return t.connect_failures; }),
              0U);
    EXPECT_EQ(one.sum([](const ServerTotals& t) -> const Counter& { return t.retries; }), 0U);
  }
  EXPECT_EQ(farm_->sum([](const FarmTotals& t) -> const Counter& { return t.unserved; }), 1U);
}

TEST_F(TcpConnect, AClientThatLeavesMeanwhileIsNoResultOfTheCopy) {
  TcpProxy proxy(context_, client_, now_);
  const Server& copy = farm_->server(proxy.server());
  proxy.connecting(now_);

  proxy.broken(Side::client, now_);

  EXPECT_TRUE(proxy.finished());
  for (std::size_t kind = 0; kind < 6; ++kind) {
    EXPECT_EQ(
        copy.sum([kind](const ServerTotals& t) -> const Counter& { return t.results.at(kind); }),
        0U)
        << kind;
  }
  EXPECT_EQ(farm_->sum([](const FarmTotals& t) -> const Counter& { return t.aborted; }), 1U);
}

TEST_F(TcpConnect, EndsAtOnceWhenNothingIsUp) {
  for (std::size_t i = 0; i < farm_->size(); ++i) farm_->set_usable(i, false);

  const TcpProxy proxy(context_, client_, now_);

  EXPECT_TRUE(proxy.finished());
}

TEST(TcpProxy, IsBulkOnlyAfterALongStreakOneWay) {
  Story story({.tcp = true});
  const std::string block(relay_after / 2, 'x');

  story.backend_says(block);
  EXPECT_EQ(story.session().relayable(Side::backend), 0U);
  story.client_says("ack");
  story.backend_says(block);
  EXPECT_EQ(story.session().relayable(Side::backend), 0U) << "the other side spoke in between";
  story.backend_says(block);
  EXPECT_GT(story.session().relayable(Side::backend), 0U);
  EXPECT_EQ(story.session().relayable(Side::client), 0U);

  story.session().relaying(Side::backend, relay_piece_min, story.now());
  EXPECT_GT(story.session().relayable(Side::backend), 0U);
  story.session().relayed(Side::backend, 1, story.now());
  story.session().relayed(Side::backend, relay_piece_min - 1, story.now());
  EXPECT_GT(story.session().relayable(Side::backend), 0U)
      << "only the client takes it in small pieces";
  story.session().relaying(Side::backend, relay_piece_min - 1, story.now());
  EXPECT_EQ(story.session().relayable(Side::backend), 0U) << "small pieces are copied";
}

TEST(TcpProxy, AServerThatTakesNoBulkIsTheSlowOne) {
  for (const std::uint64_t taken : {0U, 5000U}) {
    Story story({.tcp = true});
    story.client_says(std::string(relay_after, 'x'));
    ASSERT_GT(story.session().relayable(Side::client), 0U);
    story.session().relaying(Side::client, 5000, story.now());
    story.session().relayed(Side::client, taken, story.now());

    story.time_passes(10min);

    ASSERT_TRUE(story.closed());
    ASSERT_EQ(story.records().size(), 1U);
    EXPECT_EQ(story.records()[0].reason.who, taken == 0 ? 's' : 'c');
    EXPECT_EQ(story.records()[0].bytes_in, relay_after + 5000);
  }
}

TEST(TcpProxy, EndsWhenItsTotalTimeIsOver) {
  Story story({.tcp = true, .tcp_times = {.total = 1min}});
  for (int i = 0; i < 5; ++i) {
    story.client_says("still here").time_passes(11s);
    EXPECT_FALSE(story.closed());
  }
  story.client_says("still here").time_passes(11s);
  EXPECT_TRUE(story.closed());
  expect_at_rest(story);
}

TEST(TcpProxy, TheServerHearsThePreambleFirst) {
  for (std::size_t piece = 1; piece < 12; ++piece) {
    Story story({.piece = piece, .tcp = true, .preamble = "PROXY UNKNOWN\r\n"});
    story.client_says("hello").client_ends();
    EXPECT_EQ(story.backend_got(1), "PROXY UNKNOWN\r\nhello");
    EXPECT_TRUE(story.backend_got_end());
  }
}

}  // namespace
}  // namespace hither::lb::test
