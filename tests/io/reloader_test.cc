// SPDX-License-Identifier: Apache-2.0
#include "io/reloader.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace hither::io::reloader_test {
namespace {

struct FakeReading {
  int number = 0;
  std::vector<Error> mistakes;
  std::vector<std::string> files;
  std::vector<std::optional<FileStamp>> stamps;
};

/// Reads as the test says, and keeps what came of it.
struct Fixture {
  Fixture()
      : path(testing::TempDir() + "/hither_reloader"),
        patience(loop, [this] { loop.stop(); }),
        reloader(loop, read(), first(), on()) {}
  Reloader<FakeReading>::Read read() {
    return [this] { return reads(); };
  }
  Reloader<FakeReading>::OnRead on() {
    return [this](FakeReading reading, Duration) {
      came.push_back(std::move(reading));
      if (on_came) on_came();
      if (came.size() == wanted) loop.stop();
    };
  }
  /// Until so many readings have come, at most 20 s.
  void run(std::size_t readings) {
    wanted = readings;
    patience.set(monotonic_now() + std::chrono::seconds(20));
    loop.run();
  }
  FakeReading first() {
    EXPECT_TRUE(write_file(path, "0"));
    return of(0);
  }
  FakeReading of(int number) const {
    return {.number = number, .mistakes = {}, .files = {path}, .stamps = {stamp_of(path)}};
  }
  /// A change counts when it is as it was at the look before.
  void look_twice() {
    reloader.look();
    reloader.look();
  }

  Loop loop;
  std::string path;
  std::function<FakeReading()> reads;
  std::function<void()> on_came;
  std::vector<FakeReading> came;
  std::size_t wanted = 0;
  Timer patience;
  Reloader<FakeReading> reloader;
};

TEST(Reloader, AReadingThatThrowsIsAMistakeAndTheFilesAreStillWatched) {
  Fixture fixture;
  fixture.reads = [] { return FakeReading{.number = std::stoi("no number")}; };
  fixture.on_came = [&] {
    if (fixture.came.size() > 1) return;
    fixture.reads = [&] { return fixture.of(7); };
    EXPECT_TRUE(write_file(fixture.path, "new"));
    fixture.look_twice();
  };
  fixture.reloader.read();

  fixture.run(2);

  ASSERT_EQ(fixture.came.size(), 2U);
  ASSERT_EQ(fixture.came[0].mistakes.size(), 1U);
  EXPECT_EQ(fixture.came[0].mistakes[0].message,
            "cannot read it now: stoi; SIGHUP (systemctl reload) tries again");
  EXPECT_EQ(fixture.came[1].number, 7);
  EXPECT_TRUE(fixture.came[1].mistakes.empty());
}

/// While it lives no thread can be made: its stack would be larger than all there is.
class NoThreads {
 public:
  NoThreads() {
    pthread_getattr_default_np(&usual_);
    pthread_attr_t huge;
    pthread_getattr_default_np(&huge);
    pthread_attr_setstacksize(&huge, std::size_t{1} << 47U);
    EXPECT_EQ(pthread_setattr_default_np(&huge), 0);
    pthread_attr_destroy(&huge);
  }
  ~NoThreads() {
    pthread_setattr_default_np(&usual_);
    pthread_attr_destroy(&usual_);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;

 private:
  pthread_attr_t usual_;
};

TEST(Reloader, WhereThereIsNoThreadTheNextLookTriesAgain) {
  Fixture fixture;
  fixture.reads = [&] { return fixture.of(1); };
  {
    const NoThreads none;
    fixture.reloader.read();
    fixture.reloader.look();
  }
  EXPECT_TRUE(fixture.came.empty());

  fixture.on_came = [&] { fixture.look_twice(); };
  fixture.reloader.look();
  fixture.run(1);

  ASSERT_EQ(fixture.came.size(), 1U);
  EXPECT_EQ(fixture.came[0].number, 1);
}

}  // namespace
}  // namespace hither::io::reloader_test
