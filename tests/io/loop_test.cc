// SPDX-License-Identifier: Apache-2.0
#include "io/loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "io/clock.h"
#include "io/socket.h"

namespace hither::io {
namespace {

using namespace std::chrono_literals;

std::array<Fd, 2> make_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

TEST(Loop, RunsPostedWorkInOrder) {
  Loop loop;
  std::vector<int> seen;
  for (int i = 0; i < 3; ++i) loop.post([&seen, i] { seen.push_back(i); });

  loop.run();

  EXPECT_EQ(seen, (std::vector{0, 1, 2}));
}

TEST(Loop, TakesWorkFromOtherThreads) {
  Loop loop;
  Timer keep_alive(loop, [] {});
  keep_alive.set(monotonic_now() + 1h);
  std::thread other([&] { loop.post([&] { loop.stop(); }); });

  loop.run();

  other.join();
}

TEST(Loop, EndsWhenNothingIsWantedAnyMore) {
  Loop loop;
  auto pair = make_pair();
  FdWatch watch(loop, pair[0].get(), [] {});
  watch.want_read(true);
  Timer timer(loop, [] { FAIL() << "fired after it was cancelled"; });
  timer.set(monotonic_now() + 1h);
  loop.post([&] {
    watch.want_read(false);
    timer.cancel();
  });

  loop.run();
}

TEST(Loop, StoppedBeforeItRunsDoesNothing) {
  Loop loop;
  loop.post([] { FAIL() << "ran although it was stopped"; });
  loop.stop();

  loop.run();
}

TEST(Loop, StopLeavesTheRestOfTheWorkUndone) {
  Loop loop;
  int done = 0;
  for (int i = 0; i < 3; ++i) {
    loop.post([&] {
      if (++done == 2) loop.stop();
    });
  }

  loop.run();

  EXPECT_EQ(done, 2);
}

TEST(Loop, WorkThatWasNeverRunMayOwnWatches) {
  auto pair = make_pair();
  std::optional<Loop> loop;
  loop.emplace();
  auto watch = std::make_shared<FdWatch>(*loop, pair[0].get(), [] {});
  watch->want_read(true);
  const std::weak_ptr<FdWatch> alive = watch;
  loop->post([watch = std::move(watch)] {});

  loop.reset();

  EXPECT_TRUE(alive.expired());
}

TEST(Timer, MayBeSetAgainToThePastWithoutStarvingOthers) {
  Loop loop;
  std::optional<Timer> again;
  again.emplace(loop, [&] { again->set(Instant{}); });
  again->set(Instant{});
  auto pair = make_pair();
  write_some(pair[1].get(), as_bytes("abc"));
  FdWatch watch(loop, pair[0].get(), [&] { loop.stop(); });
  watch.want_read(true);

  loop.run();
}

TEST(Timer, ThatDestroysAnotherDueTimerSilencesIt) {
  Loop loop;
  std::optional<Timer> victim;
  Timer killer(loop, [&] { victim.reset(); });
  victim.emplace(loop, [] { FAIL() << "fired after it was destroyed"; });
  killer.set(Instant(1ns));
  victim->set(Instant(2ns));

  loop.run();
}

TEST(Timer, FiresAtItsInstantAndNotBefore) {
  Loop loop;
  Instant fired{};
  Timer timer(loop, [&] { fired = monotonic_now(); });
  const Instant wanted = monotonic_now() + 5ms;
  timer.set(wanted);

  loop.run();

  EXPECT_GE(fired, wanted);
}

TEST(Timer, MovedLaterFiresOnceAtTheLaterInstant) {
  Loop loop;
  int count = 0;
  const Instant later = monotonic_now() + 8ms;
  Timer timer(loop, [&] {
    ++count;
    EXPECT_GE(monotonic_now(), later);
  });
  timer.set(monotonic_now() + 2ms);
  timer.set(later);

  loop.run();

  EXPECT_EQ(count, 1);
}

TEST(Timer, MovedEarlierFiresEarly) {
  Loop loop;
  const Instant start = monotonic_now();
  Timer timer(loop, [&] { loop.stop(); });
  timer.set(start + 1h);
  timer.set(start + 1ms);

  loop.run();

  EXPECT_LT(monotonic_now(), start + 30min);
}

TEST(Timer, CancelledNeverFires) {
  Loop loop;
  Timer timer(loop, [] { FAIL() << "fired after it was cancelled"; });
  timer.set(monotonic_now() + 1ms);
  timer.cancel();

  loop.run();
}

TEST(Timer, MayBeDestroyedInItsOwnCallback) {
  Loop loop;
  std::optional<Timer> timer;
  timer.emplace(loop, [&] { timer.reset(); });
  timer->set(monotonic_now());

  loop.run();

  EXPECT_FALSE(timer);
}

TEST(FdWatch, SaysWhenThereIsSomethingToRead) {
  Loop loop;
  auto pair = make_pair();
  std::array<std::byte, 8> buffer;
  std::size_t got = 0;
  FdWatch watch(loop, pair[0].get(), [&] {
    got = read_some(pair[0].get(), buffer).size;
    loop.stop();
  });
  watch.want_read(true);
  loop.post([&] { write_some(pair[1].get(), as_bytes("abc")); });

  loop.run();

  EXPECT_EQ(got, 3U);
}

TEST(FdWatch, KeepsSayingWhatStaysUnread) {
  Loop loop;
  auto pair = make_pair();
  write_some(pair[1].get(), as_bytes("abc"));
  int called = 0;
  FdWatch watch(loop, pair[0].get(), [&] {
    if (++called == 3) loop.stop();
  });
  watch.want_read(true);

  loop.run();

  EXPECT_EQ(called, 3);
}

TEST(FdWatch, IsQuietAboutWhatIsNotWanted) {
  Loop loop;
  auto pair = make_pair();
  write_some(pair[1].get(), as_bytes("abc"));
  FdWatch watch(loop, pair[0].get(), [] { FAIL() << "was not wanted"; });
  watch.want_read(true);
  watch.want_read(false);
  Timer end(loop, [&] { loop.stop(); });
  end.set(monotonic_now() + 5ms);

  loop.run();
}

TEST(FdWatch, MayBeDestroyedInItsOwnCallback) {
  Loop loop;
  auto pair = make_pair();
  std::optional<FdWatch> watch;
  watch.emplace(
      loop, pair[0].get(), [] {}, [&] { watch.reset(); });
  watch->want_write(true);

  loop.run();

  EXPECT_FALSE(watch);
}

TEST(FdWatch, IsQuietAboutWhatAnotherCallbackOfTheSameWaitDestroyed) {
  Loop loop;
  std::array<std::array<Fd, 2>, 2> pairs = {make_pair(), make_pair()};
  std::array<std::optional<FdWatch>, 2> watches;
  int called = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    write_some(pairs[i][1].get(), as_bytes("abc"));
    watches[i].emplace(loop, pairs[i][0].get(), [&, other = 1 - i] {
      ++called;
      watches[other].reset();
      loop.post([&] { loop.stop(); });
    });
    watches[i]->want_read(true);
  }

  loop.run();

  EXPECT_EQ(called, 1);
}

TEST(FdWatch, TellsOfAnEventOfTheSameWaitWhoseTurnIsStillToCome) {
  Loop loop;
  std::array<std::array<Fd, 2>, 2> pairs = {make_pair(), make_pair()};
  std::array<std::optional<FdWatch>, 2> watches;
  std::vector<bool> others;
  for (std::size_t i = 0; i < 2; ++i) {
    write_some(pairs[i][1].get(), as_bytes("abc"));
    watches[i].emplace(loop, pairs[i][0].get(), [&, i] {
      EXPECT_FALSE(watches[i]->has_event()) << "its turn has come";
      others.push_back(watches[1 - i]->has_event());
      watches[i]->want_read(false);
    });
    watches[i]->want_read(true);
    EXPECT_FALSE(watches[i]->has_event());
  }

  loop.run();

  EXPECT_EQ(others, (std::vector{true, false}));
}

TEST(FdWatch, DestroyedWhenReadableIsNotAskedToWrite) {
  Loop loop;
  auto pair = make_pair();
  write_some(pair[1].get(), as_bytes("abc"));
  std::optional<FdWatch> watch;
  watch.emplace(
      loop, pair[0].get(), [&] { watch.reset(); }, [] { FAIL() << "called after its end"; });
  watch->want_read(true);
  watch->want_write(true);

  loop.run();

  EXPECT_FALSE(watch);
}

TEST(FdWatch, APeerThatLeftIsHeardOfByWhoeverWaits) {
  for (const bool reads : {true, false}) {
    Loop loop;
    auto pair = make_pair();
    pair[1].close();
    int called = 0;
    const auto hear = [&] {
      ++called;
      loop.stop();
    };
    FdWatch watch(loop, pair[0].get(), hear, hear);
    if (reads) watch.want_read(true);
    if (!reads) watch.want_write(true);

    loop.run();

    EXPECT_EQ(called, 1) << (reads ? "reading" : "writing");
  }
}

TEST(FdWatch, APeerThatLeftIsHeardOfOnceByWhoOnlyWantsTrouble) {
  Loop loop;
  auto pair = make_pair();
  write_some(pair[1].get(), as_bytes("unread"));
  int called = 0;
  FdWatch watch(
      loop, pair[0].get(), [] { FAIL() << "was not wanted"; }, [] { FAIL() << "was not wanted"; },
      [&] { ++called; });
  watch.want_read(true);
  watch.want_read(false);
  watch.want_trouble(true);
  Timer end(loop, [&] { loop.stop(); });
  Timer leave(loop, [&] {
    pair[1].close();
    end.set(monotonic_now() + 20ms);
  });
  leave.set(monotonic_now() + 2ms);

  loop.run();

  EXPECT_EQ(called, 1);
}

TEST(FdWatch, AnEndBehindWhatStaysUnreadIsNoTrouble) {
  Loop loop;
  auto pair = make_pair();
  FdWatch watch(
      loop, pair[0].get(), [] { FAIL() << "was not wanted"; }, {},
      [] { FAIL() << "is no trouble"; });
  watch.want_trouble(true);
  Timer finish(loop, [&] {
    write_some(pair[1].get(), as_bytes("unread"));
    shutdown_write(pair[1].get());
  });
  finish.set(monotonic_now() + 2ms);
  Timer end(loop, [&] { loop.stop(); });
  end.set(monotonic_now() + 10ms);

  loop.run();
}

TEST(FdWatch, WhoReadsHearsOfTroubleByReading) {
  Loop loop;
  auto pair = make_pair();
  int called = 0;
  FdWatch watch(
      loop, pair[0].get(),
      [&] {
        if (++called == 3) loop.stop();
      },
      {}, [] { FAIL() << "reading tells it"; });
  watch.want_trouble(true);
  watch.want_read(true);
  pair[1].close();

  loop.run();

  EXPECT_EQ(called, 3);
}

TEST(FdWatch, ADescriptorTakenByAnotherLoopIsHeardOfThereAlone) {
  Loop one;
  Loop other;
  auto pair = make_pair();
  auto before =
      std::make_unique<FdWatch>(one, pair[0].get(), [] { FAIL() << "it is another's now"; });
  before->want_read(true);
  ASSERT_TRUE(before->settle());
  int heard = 0;
  FdWatch after(other, pair[0].get(), [&] {
    ++heard;
    after.want_read(false);
  });

  FdWatch::take_from(one, pair[0].get());
  after.want_read(true);
  write_some(pair[1].get(), as_bytes("x"));
  one.post([&] { one.stop(); });
  one.run();
  before->disown();
  before.reset();
  other.run();

  EXPECT_EQ(heard, 1);
}

TEST(FdWatch, DisownedIsQuietAboutWhatTheSameWaitBrought) {
  Loop loop;
  std::array<std::array<Fd, 2>, 2> pairs = {make_pair(), make_pair()};
  std::array<std::unique_ptr<FdWatch>, 2> watches;
  int calls = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    watches[i] = std::make_unique<FdWatch>(loop, pairs[i][0].get(), [&, i] {
      ++calls;
      FdWatch::take_from(loop, pairs[1 - i][0].get());
      watches[1 - i]->disown();
      watches[1 - i].reset();
      watches[i]->want_read(false);
    });
    watches[i]->want_read(true);
    write_some(pairs[i][1].get(), as_bytes("x"));
  }

  loop.run();

  EXPECT_EQ(calls, 1);
}

TEST(SignalWatch, LeavesTheSignalAsItWas) {
  ASSERT_NE(std::signal(SIGUSR1, SIG_IGN), SIG_ERR);
  {
    Loop loop;
    const SignalWatch watch(loop, {SIGUSR1}, [](int) {});
  }

  EXPECT_EQ(std::signal(SIGUSR1, SIG_DFL), SIG_IGN);
}

TEST(SignalWatch, MayBeDestroyedInItsOwnCallback) {
  Loop loop;
  std::optional<SignalWatch> watch;
  int heard = 0;
  watch.emplace(loop, std::initializer_list<int>{SIGUSR1}, [&](int number) {
    heard = number;
    watch.reset();
  });
  loop.post([] { raise(SIGUSR1); });

  loop.run();

  EXPECT_EQ(heard, SIGUSR1);
}

TEST(SignalWatch, HearsOfEverySignalAskedFor) {
  Loop loop;
  std::vector<int> seen;
  SignalWatch watch(loop, {SIGUSR1, SIGUSR2}, [&](int number) {
    seen.push_back(number);
    if (seen.size() == 2) loop.stop();
  });
  loop.post([] { raise(SIGUSR1); });
  loop.post([] { raise(SIGUSR2); });

  loop.run();

  EXPECT_EQ(seen, (std::vector{SIGUSR1, SIGUSR2}));
}

}  // namespace
}  // namespace hither::io
