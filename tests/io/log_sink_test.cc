// SPDX-License-Identifier: Apache-2.0
#include "io/log_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "io/socket.h"

namespace hither::io {
namespace {

/// While it lives, standard output leads elsewhere.
class OutputTo {
 public:
  explicit OutputTo(int fd) : before_(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) {
    EXPECT_EQ(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
  }
  ~OutputTo() { dup2(before_.get(), STDOUT_FILENO); }
  OutputTo(const OutputTo&) = delete;
  OutputTo& operator=(const OutputTo&) = delete;

 private:
  Fd before_;
};

std::string read_what_is_there(int fd) {
  std::string all;
  std::array<char, 4096> buffer;
  for (ssize_t size = 0; (size = read(fd, buffer.data(), buffer.size())) > 0;) {
    all.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return all;
}

class LogSink : public testing::Test {
 protected:
  void TearDown() override { ASSERT_TRUE(set_up_log("", "")); }

  /// What comes through a pipe of more lines than it holds, and then of one more.
  static std::string read_too_late() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    const Fd reading(ends[0]);
    const Fd writing(ends[1]);
    EXPECT_EQ(fcntl(reading.get(), F_SETFL, O_NONBLOCK), 0);
    const OutputTo there(writing.get());
    for (int i = 0; i < 20'000; ++i) write_log(log_info("query").with("name", "www.example.test"));
    std::string text = read_what_is_there(reading.get());
    write_log(log_info("last"));
    return text + read_what_is_there(reading.get());
  }

  static std::string written(const LogRecord& record) {
    testing::internal::CaptureStdout();
    write_log(record);
    return testing::internal::GetCapturedStdout();
  }
};

TEST_F(LogSink, WritesOneLineWithTimeLevelAndFields) {
  ASSERT_TRUE(set_up_log("info", "text"));
  const std::string line = written(log_warning("room-down").with("room", "nrt").with("why", "a b"));

  EXPECT_NE(line.find("Z warning room-down room=nrt why=\"a b\"\n"), std::string::npos) << line;
}

TEST_F(LogSink, WritesJsonObjectsWhereAskedTo) {
  ASSERT_TRUE(set_up_log("info", "json"));
  const std::string line = written(log_info("ready").with("said", "\"\n"));

  EXPECT_NE(line.find(R"("level":"info","event":"ready","said":"\"\n"})"), std::string::npos)
      << line;
}

TEST_F(LogSink, LeavesOutWhatIsBelowItsLevel) {
  ASSERT_TRUE(set_up_log("warning", ""));
  EXPECT_EQ(written(log_info("ready")), "");
}

TEST_F(LogSink, WhoDoesNotReadLosesLinesAndIsToldSo) {
  ASSERT_TRUE(set_up_log("info", "text"));
  const std::string text = read_too_late();

  const auto found = text.find("Z warning log-lines-lost count=");
  ASSERT_NE(found, std::string::npos)
      << text.substr(text.size() - std::min<std::size_t>(text.size(), 300));
  const int lost = std::atoi(text.c_str() + found + 31);
  EXPECT_EQ(std::ranges::count(text, '\n'), 20'000 - lost + 2);
  EXPECT_TRUE(text.ends_with(" info last\n"));
}

TEST_F(LogSink, LostLinesAreSaidInJsonToo) {
  ASSERT_TRUE(set_up_log("info", "json"));
  const std::string text = read_too_late();

  EXPECT_NE(text.find(R"("level":"warning","event":"log-lines-lost","count":")"),
            std::string::npos);
}

TEST_F(LogSink, PaintsTheLevelOnATerminal) {
  const Fd screen(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(screen && grantpt(screen.get()) == 0 && unlockpt(screen.get()) == 0);
  const Fd terminal(open(ptsname(screen.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  setenv("TERM", "xterm", 1);
  {
    const OutputTo there(terminal.get());
    EXPECT_TRUE(set_up_log("info", "text"));
    write_log(log_warning("room-down").with("room", "nrt"));
  }

  std::array<char, 200> buffer{};
  const ssize_t size = read(screen.get(), buffer.data(), buffer.size());
  ASSERT_GT(size, 0);
  const std::string line(buffer.data(), static_cast<std::size_t>(size));
  EXPECT_TRUE(line.ends_with("Z \x1b[33m\x1b[1mwarning\x1b[m room-down room=nrt\r\n")) << line;
}

TEST_F(LogSink, RefusesUnknownLevelsAndFormatsWithTheCure) {
  EXPECT_EQ(set_up_log("loud", "").error().message,
            "HITHER_LOG is 'loud'; write debug, info, warning or error");
  EXPECT_EQ(set_up_log("", "xml").error().message,
            "HITHER_LOG_FORMAT is 'xml'; write text or json");
}

}  // namespace
}  // namespace hither::io
