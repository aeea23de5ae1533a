// SPDX-License-Identifier: Apache-2.0
//
// The queue by itself, then with farms, and at last between threads.
#include "lb/admission.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "lb/attempts.h"
#include "lb/server_turns.h"
#include "tests/lb/start.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

bool always() { return true; }

using Owners = std::vector<std::uint64_t>;

TEST(Admission, ServesThoseFirstWhoCameFirst) {
  Admission queue(1);
  queue.set_most(10);
  for (const std::uint64_t owner : {7U, 8U, 9U}) queue.enter({.owner = owner});

  queue.call(0, always);
  queue.call(0, always);

  EXPECT_EQ(queue.calls(0), (Owners{7, 8}));
  EXPECT_EQ(queue.waiting(), 1U);
}

TEST(Admission, CallsNobodyWithoutAPlace) {
  Admission queue(1);
  queue.set_most(10);
  queue.enter({.owner = 7});

  EXPECT_FALSE(queue.call(0, [] { return false; }));

  EXPECT_EQ(queue.waiting(), 1U);
}

TEST(Admission, ClaimsNothingWhileNobodyWaits) {
  Admission queue(1);
  queue.set_most(10);

  EXPECT_FALSE(queue.call(0, [] {
    ADD_FAILURE() << "claimed";
    return true;
  }));
}

TEST(Admission, RefusesWhoIsOneTooMany) {
  Admission queue(1);
  queue.set_most(2);
  EXPECT_NE(queue.enter({}), 0U);
  EXPECT_NE(queue.enter({}), 0U);

  EXPECT_EQ(queue.enter({}), 0U);

  EXPECT_EQ(queue.report(start).refused, 1U);
}

TEST(Admission, PassesOverWhoTriedThatServer) {
  Admission queue(1);
  queue.set_most(10);
  queue.enter({.owner = 7, .tried = {0}});
  queue.enter({.owner = 8});

  EXPECT_TRUE(queue.call(0, always));
  EXPECT_FALSE(queue.call(0, always));
  EXPECT_TRUE(queue.call(1, always));

  EXPECT_EQ(queue.calls(0), (Owners{8, 7}));
}

TEST(Admission, AnEarlierTicketKeepsItsPlace) {
  Admission queue(1);
  queue.set_most(10);
  const Admission::Ticket first = queue.enter({.owner = 7});
  queue.enter({.owner = 8});
  queue.call(0, always);
  queue.answer(first);

  queue.enter({.owner = 7, .tried = {0}}, first);
  queue.call(1, always);

  EXPECT_EQ(queue.calls(0), (Owners{7, 7}));
  EXPECT_EQ(queue.report(start).entered, 2U);
}

TEST(Admission, AnswersOnce) {
  Admission queue(1);
  queue.set_most(10);
  const Admission::Ticket ticket = queue.enter({});
  EXPECT_FALSE(queue.answer(ticket));
  queue.call(3, always);

  const auto answer = queue.answer(ticket);

  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->server, 3U);
  EXPECT_FALSE(queue.answer(ticket));
}

TEST(Admission, WhoLeavesIsNotCalled) {
  Admission queue(1);
  queue.set_most(10);
  const Admission::Ticket ticket = queue.enter({.owner = 7});

  EXPECT_FALSE(queue.leave(ticket, true));

  EXPECT_FALSE(queue.call(0, always));
  EXPECT_EQ(queue.report(start).late, 1U);
}

TEST(Admission, WhoLeavesAfterTheCallHandsThePlaceOver) {
  Admission queue(1);
  queue.set_most(10);
  const Admission::Ticket ticket = queue.enter({.owner = 7});
  queue.call(3, always);

  EXPECT_EQ(queue.leave(ticket, false), 3U);
  EXPECT_FALSE(queue.answer(ticket));
}

TEST(Admission, DismissesAll) {
  Admission queue(2);
  queue.set_most(10);
  const Admission::Ticket one = queue.enter({.thread = 0, .owner = 7});
  queue.enter({.thread = 1, .owner = 8});

  queue.dismiss();

  EXPECT_EQ(queue.calls(0), (Owners{7}));
  EXPECT_EQ(queue.calls(1), (Owners{8}));
  ASSERT_TRUE(queue.answer(one));
  EXPECT_EQ(queue.waiting(), 0U);
}

TEST(Admission, TellsAThreadOnceUntilItAsks) {
  Admission queue(1);
  queue.set_most(10);
  int told = 0;
  queue.on_call(0, [&told] { ++told; });
  for (int i = 0; i < 3; ++i) queue.enter({});
  queue.call(0, always);
  queue.call(0, always);
  EXPECT_EQ(told, 1);

  queue.calls(0);
  queue.call(0, always);

  EXPECT_EQ(told, 2);
}

// ---- With a farm

topology::Farm limited(int most, int queue = 100) {
  topology::Farm farm = round_robin_farm();
  farm.concurrency = {.most = most, .queue = queue, .queue_timeout = 1s};
  return farm;
}

class Queue : public testing::Test {
 protected:
  void farm(std::size_t servers, const topology::Farm& settings) {
    farm_ = make_farm(servers, settings);
    picker_ = std::make_unique<Picker>(*farm_, 0, 1);
  }
  /// Holds a place; fails if there is none.
  void take() {
    held_.push_back(picker_->pick({}, start));
    ASSERT_TRUE(held_.back());
  }

  std::unique_ptr<Farm> farm_;
  std::unique_ptr<Picker> picker_;
  std::vector<Lease> held_;
};

TEST_F(Queue, NoCopyGetsMoreThanItsLimit) {
  using topology::Balance;
  for (const Balance balance : {Balance::round_robin, Balance::least_request, Balance::peak_ewma,
                                Balance::hot_cold, Balance::maglev, Balance::first}) {
    topology::Farm settings = limited(3);
    settings.balance = balance;
    farm(4, settings);
    for (int i = 0; i < 12; ++i) take();

    EXPECT_FALSE(picker_->pick({}, start)) << to_text(balance);

    EXPECT_TRUE(picker_->all_full());
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(farm_->server(i).in_flight().level(), 3U);
    held_.clear();
  }
}

TEST_F(Queue, AFreePlaceIsHandedToWhoWaits) {
  farm(2, limited(1));
  take();
  take();
  Attempts waiting;
  ASSERT_EQ(waiting.begin(*picker_, {}, start), Search::full);
  ASSERT_TRUE(waiting.wait(*picker_, 7, start));

  held_.erase(held_.begin());

  EXPECT_FALSE(picker_->pick({}, start)) << "overtook";
  ASSERT_EQ(waiting.called(start + 5ms), Search::found);
  EXPECT_EQ(waiting.lease().index(), 0U);
  EXPECT_EQ(farm_->report().load, 2);
}

TEST_F(Queue, WhoComesWhileOthersWaitWaitsToo) {
  farm(1, limited(1));
  take();
  Attempts first;
  first.begin(*picker_, {}, start);
  first.wait(*picker_, 7, start);
  held_.clear();
  Attempts second;

  EXPECT_EQ(second.begin(*picker_, {}, start), Search::full);
}

TEST_F(Queue, WhoLeavesGivesThePlaceToTheNext) {
  farm(1, limited(1));
  take();
  Attempts first;
  Attempts second;
  for (Attempts* attempts : {&first, &second}) {
    attempts->begin(*picker_, {}, start);
    attempts->wait(*picker_, 7, start);
  }
  held_.clear();

  first.end();

  EXPECT_EQ(second.called(start), Search::found);
  second.end();
  EXPECT_EQ(farm_->report().load, 0);
}

TEST_F(Queue, APlaceThatGotFreeUnseenIsFoundOnEntering) {
  farm(1, limited(1));
  take();
  Attempts attempts;
  ASSERT_EQ(attempts.begin(*picker_, {}, start), Search::full);
  held_.clear();

  attempts.wait(*picker_, 7, start);

  EXPECT_EQ(attempts.called(start), Search::found);
}

TEST_F(Queue, ACopyThatFailedIsNotCalledToAtOnce) {
  farm(1, limited(1));
  take();
  Attempts attempts;
  attempts.begin(*picker_, {}, start);
  attempts.wait(*picker_, 7, start);

  held_.front().failed(start);
  held_.clear();
  EXPECT_EQ(attempts.called(start), Search::full);

  farm_->step_queue();
  EXPECT_EQ(attempts.called(start), Search::found);
}

TEST_F(Queue, ARetryWaitsForAnotherCopy) {
  farm(2, limited(1));
  take();
  Attempts attempts;
  ASSERT_EQ(attempts.begin(*picker_, {}, start), Search::found);
  EXPECT_EQ(attempts.lease().index(), 1U);

  ASSERT_EQ(attempts.next(*picker_, "Connection refused", start), Search::full);
  attempts.wait(*picker_, 7, start);
  farm_->offer_places();
  EXPECT_EQ(attempts.called(start), Search::full) << "web-2 is free, but was tried";

  held_.clear();
  ASSERT_EQ(attempts.called(start), Search::found);
  EXPECT_EQ(attempts.lease().index(), 0U);
}

TEST_F(Queue, ALowerLimitTakesEffectAsRequestsEnd) {
  farm(1, limited(3));
  for (int i = 0; i < 3; ++i) take();
  Attempts attempts;
  attempts.begin(*picker_, {}, start);
  attempts.wait(*picker_, 7, start);

  farm_->set_limit(0, 2);
  held_.pop_back();
  EXPECT_EQ(attempts.called(start), Search::full);
  held_.pop_back();
  EXPECT_EQ(attempts.called(start), Search::found);
}

TEST_F(Queue, AHigherLimitIsSeenAtTheNextStep) {
  farm(1, limited(1));
  take();
  Attempts attempts;
  attempts.begin(*picker_, {}, start);
  attempts.wait(*picker_, 7, start);

  farm_->set_limit(0, 0);
  farm_->step_queue();

  EXPECT_EQ(attempts.called(start), Search::found);
}

TEST_F(Queue, NobodyIsStrandedWhenTheLastCopyGoes) {
  farm(1, limited(1));
  take();
  Attempts attempts;
  attempts.begin(*picker_, {}, start);
  attempts.wait(*picker_, 7, start);

  farm_->set_usable(0, false);
  held_.clear();
  EXPECT_EQ(attempts.called(start), Search::full) << "a copy that is down gets nobody";
  farm_->step_queue();

  EXPECT_EQ(attempts.called(start), Search::none);
  EXPECT_EQ(attempts.why_none(*farm_), "no copy of farm web is up in room fra (1 known: 1 down)");
}

TEST_F(Queue, ACopyOnProbationGetsNoMoreThanItsLimit) {
  farm(2, limited(1));
  take();
  farm_->set_standing(0, Standing::probation);
  take();

  EXPECT_FALSE(picker_->pick({}, start));

  held_.erase(held_.begin());
  const Lease lease = picker_->pick({}, start);
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease.index(), 0U);
}

TEST_F(Queue, AStickyClientKeepsItsCookieWhileItsCopyIsFull) {
  topology::Farm settings = limited(1);
  settings.sticky = "at";
  farm(2, settings);
  Attempts home;
  ASSERT_EQ(home.begin(*picker_, {.sticky = farm_->server(0).token()}, start), Search::found);
  Attempts away;

  ASSERT_EQ(away.begin(*picker_, {.sticky = farm_->server(0).token()}, start), Search::found);

  EXPECT_EQ(away.lease().index(), 1U);
  EXPECT_EQ(away.set_cookie(), "");
  away.end();
  farm_->set_usable(0, false);
  ASSERT_EQ(away.begin(*picker_, {.sticky = farm_->server(0).token()}, start), Search::found);
  EXPECT_NE(away.set_cookie(), "");
}

TEST_F(Queue, ReportsWhatTheDnsShouldKnow) {
  topology::Farm settings = limited(2);
  settings.capacity = 5;
  farm(1, settings);
  take();
  take();
  Attempts attempts;
  attempts.begin(*picker_, {}, start);
  attempts.wait(*picker_, 7, start);

  const FarmReport report = farm_->report(start + 30ms);

  EXPECT_EQ(report, (FarmReport{.farm = "web",
                                .copies = 1,
                                .usable = 1,
                                .capacity = 2,
                                .load = 2,
                                .limit = 2,
                                .waiting = 1,
                                .wait_ms = 30}));
}

// ---- Between threads

/// Four threads want the three places of two copies. Each request is told of its turn by the
/// releases of others alone: nothing looks after the queue meanwhile.
TEST(QueueOfThreads, NobodyGetsTooMuchAndNobodyIsForgotten) {
  constexpr unsigned threads = 4;
  constexpr int requests = 3000;
  topology::Farm settings = limited(2);
  settings.balance = topology::Balance::least_request;
  Farm farm("fra", settings, {{"web-1", "127.10.0.1:20001"}, {"web-2", "127.10.0.1:20002"}},
            threads);
  farm.set_usable(0, true);
  farm.set_usable(1, true);
  farm.set_limit(1, 1);
  farm.admission().take_turns(std::make_unique<MutexTurns>());
  std::array<std::atomic<std::uint32_t>, 2> there{};
  std::atomic<bool> too_many{false};
  std::atomic<int> served{0};

  const auto work = [&](unsigned number) {
    Picker picker(farm, number, number + 1);
    for (int i = 0; i < requests; ++i) {
      Attempts attempts;
      if (attempts.begin(picker, {}, start) == Search::full) {
        attempts.wait(picker, 1, start);
        while (attempts.called(start) == Search::full) std::this_thread::yield();
        farm.admission().calls(number);
      }
      const std::uint32_t server = attempts.lease().index();
      if (++there[server] > (server == 0 ? 2U : 1U)) too_many = true;
      if (i % 16 == 0) std::this_thread::yield();
      --there[server];
      attempts.end();
      ++served;
    }
  };
  std::vector<std::thread> all;
  for (unsigned i = 0; i < threads; ++i) all.emplace_back(work, i);
  for (std::thread& thread : all) thread.join();

  EXPECT_FALSE(too_many);
  EXPECT_EQ(served, threads * requests);
  EXPECT_EQ(farm.report().load, 0);
  EXPECT_EQ(farm.admission().waiting(), 0U);
}

}  // namespace
}  // namespace hither::lb::test
