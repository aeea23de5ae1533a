// SPDX-License-Identifier: Apache-2.0
#include "lb/server_access_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

#include "io/socket.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    in = io::Fd(ends[0]);
    out = io::Fd(ends[1]);
  }
  std::string read_all() {
    out = io::Fd();
    std::string text;
    std::array<char, 4096> piece{};
    while (true) {
      const ssize_t size = read(in.get(), piece.data(), piece.size());
      if (size <= 0) return text;
      text.append(piece.data(), static_cast<std::size_t>(size));
    }
  }

  io::Fd in;
  io::Fd out;
};

std::unique_ptr<Farm> logging_farm() {
  topology::Farm settings = round_robin_farm();
  settings.access_log = topology::AccessLog::text;
  return make_farm(1, settings);
}

std::uint64_t dropped(Farm& farm) {
  return farm.sum([](const FarmTotals& t) -> const Counter& { return t.unlogged; });
}

TEST(AccessWriter, WritesEveryRecordOfEveryThreadOnce) {
  Pipe pipe;
  const auto farm = logging_farm();
  AccessWriter writer(pipe.out.get());
  AccessSink& one = *writer.add(*farm, 0);
  AccessSink& other = *writer.add(*farm, 0);
  AccessRecord record;
  for (int status = 200; status < 210; ++status) {
    record.status = status;
    (status % 2 == 0 ? one : other).note(record);
  }

  writer.start();
  writer.stop();

  const std::string text = pipe.read_all();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 10);
  for (int status = 200; status < 210; ++status) {
    EXPECT_NE(text.find("status=" + std::to_string(status) + " "), std::string::npos) << text;
  }
  EXPECT_EQ(dropped(*farm), 0U);
}

TEST(AccessWriter, NobodyWaitsForAReaderWhoDoesNotRead) {
  Pipe pipe;
  const auto farm = logging_farm();
  AccessWriter writer(pipe.out.get());
  AccessSink& sink = *writer.add(*farm, 0);
  writer.start();

  for (int i = 0; i < 20'000; ++i) sink.note({});

  EXPECT_GT(dropped(*farm), 0U);
  writer.stop();  // Ends all the same.
  const std::string text = pipe.read_all();
  EXPECT_TRUE(text.ends_with('\n')) << "no line is torn";
}

TEST(AccessWriter, WithoutFarmsThatLogThereIsNoThread) {
  AccessWriter writer(-1);

  writer.start();

  EXPECT_FALSE(writer.running());
  writer.stop();
}

}  // namespace
}  // namespace hither::lb::test
