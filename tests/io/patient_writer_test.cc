// SPDX-License-Identifier: Apache-2.0
#include "io/patient_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/text.h"

namespace hither::io::patient_writer_test {
namespace {

/// So many lines of 100 octets are more than a pipe holds.
constexpr int many = 2 * PatientWriter::pipe_bytes / 100;

struct Ends {
  Fd reading;
  Fd writing;
};

Ends make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  EXPECT_EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

/// All that is there now, at most so much.
std::string read_what_is_there(int fd, std::size_t most = std::size_t{1} << 24U) {
  std::string all;
  std::array<char, 4096> buffer;
  while (all.size() < most) {
    const ssize_t size = read(fd, buffer.data(), std::min(buffer.size(), most - all.size()));
    if (size <= 0) break;
    all.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return all;
}

PatientWriter writer_to(int fd) {
  return PatientWriter(fd, [](std::uint64_t lines) { return fmt::format("lost {}\n", lines); });
}

/// The number in front, and dots up to `size` with the end.
std::string numbered(int number, std::size_t size = 100) {
  std::string line = fmt::format("{} ", number);
  line.resize(size - 1, '.');
  return line + "\n";
}

/// That each line is a whole numbered() of `size` or says how many are missing in front of it, and
/// that no other is. Returns the number of the next.
int expect_whole_lines(const std::string& text, std::size_t size = 100) {
  EXPECT_TRUE(text.ends_with('\n'));
  int next = 0;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    if (line.starts_with("lost ")) {
      next += std::atoi(std::string(line.substr(5)).c_str());
    } else {
      EXPECT_EQ(std::string(line) + "\n", numbered(next, size));
      ++next;
    }
  }
  return next;
}

TEST(PatientWriter, LosesWhatNobodyReadsAndSaysHowMuch) {
  const Ends pipe = make_pipe();
  PatientWriter writer = writer_to(pipe.writing.get());

  for (int i = 0; i < many; ++i) writer.write(numbered(i));
  std::string text = read_what_is_there(pipe.reading.get());
  writer.write(numbered(many));
  text += read_what_is_there(pipe.reading.get());

  EXPECT_GE(text.size(), std::size_t{PatientWriter::pipe_bytes} / 2);
  EXPECT_NE(text.find("\nlost "), std::string::npos);
  EXPECT_EQ(expect_whole_lines(text), many + 1);
}

TEST(PatientWriter, EndsALineThatItBegan) {
  constexpr std::size_t size = 10'000;
  const Ends pipe = make_pipe();
  PatientWriter writer = writer_to(pipe.writing.get());
  std::string text;

  for (int i = 0; i < 200; ++i) {
    writer.write(numbered(i, size));
    text += read_what_is_there(pipe.reading.get(), 3000);
  }
  for (int i = 200; i < 203; ++i) {
    text += read_what_is_there(pipe.reading.get());
    writer.write(numbered(i, size));
  }
  text += read_what_is_there(pipe.reading.get());

  EXPECT_NE(text.find("\nlost "), std::string::npos);
  EXPECT_EQ(expect_whole_lines(text, size), 203);
}

TEST(PatientWriter, LeavesThePipeAsItIsForOthers) {
  const Ends pipe = make_pipe();
  PatientWriter writer = writer_to(pipe.writing.get());
  writer.write("x\n");

  EXPECT_EQ(fcntl(pipe.writing.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(PatientWriter, AsksFirstWhereItCannotBeOpenedOnceMore) {
  const Ends pipe = make_pipe();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  PatientWriter writer = writer_to(pipe.writing.get());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);

  constexpr std::size_t size = 10'000;
  for (int i = 0; i < 100; ++i) writer.write(numbered(i, size));
  std::string text = read_what_is_there(pipe.reading.get());
  for (int i = 100; i < 102; ++i) writer.write(numbered(i, size));
  text += read_what_is_there(pipe.reading.get());

  EXPECT_NE(text.find("\nlost "), std::string::npos);
  EXPECT_EQ(expect_whole_lines(text, size), 102);
}

TEST(PatientWriter, WaitsForNoSocket) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const Fd reading(ends[0]);
  const Fd writing(ends[1]);
  ASSERT_EQ(fcntl(reading.get(), F_SETFL, O_NONBLOCK), 0);
  PatientWriter writer = writer_to(writing.get());

  for (int i = 0; i < many; ++i) writer.write(numbered(i));
  std::string text = read_what_is_there(reading.get());
  for (int i = many; i < many + 2; ++i) writer.write(numbered(i));
  text += read_what_is_there(reading.get());

  EXPECT_NE(text.find("\nlost "), std::string::npos);
  EXPECT_EQ(expect_whole_lines(text), many + 2);
}

TEST(PatientWriter, WaitsForNoTerminal) {
  const Fd screen(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(screen);
  ASSERT_EQ(grantpt(screen.get()), 0);
  ASSERT_EQ(unlockpt(screen.get()), 0);
  const Fd terminal(open(ptsname(screen.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  PatientWriter writer = writer_to(terminal.get());

  for (int i = 0; i < many; ++i) writer.write(numbered(i));

  std::array<char, 100> buffer{};
  ASSERT_GT(read(screen.get(), buffer.data(), buffer.size()), 2);
  EXPECT_EQ(std::string_view(buffer.data(), 2), "0 ");
}

TEST(PatientWriter, OutlivesAReaderWhoLeaves) {
  Ends pipe = make_pipe();
  PatientWriter writer = writer_to(pipe.writing.get());
  writer.write("x\n");
  pipe.reading.close();

  writer.write("y\n");  // else SIGPIPE ends this program
}

TEST(PatientWriter, SaysWhatAFullDiskCostOnceThereIsRoomAgain) {
  const Ends pipe = make_pipe();
  const Fd fd(open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(fd);
  PatientWriter writer = writer_to(fd.get());
  for (int i = 0; i < 3; ++i) writer.write(numbered(i, 6000));

  ASSERT_EQ(dup2(pipe.writing.get(), fd.get()), fd.get());
  writer.write("there\n");

  EXPECT_EQ(read_what_is_there(pipe.reading.get()), "lost 3\nthere\n");
}

TEST(PatientWriter, AddsToAFileWhereOthersDo) {
  std::FILE* file = std::tmpfile();
  PatientWriter writer = writer_to(fileno(file));

  writer.write("one\n");
  ASSERT_EQ(write(fileno(file), "two\n", 4), 4);
  writer.write("three\n");

  std::rewind(file);
  std::array<char, 100> buffer{};
  const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), file);
  std::fclose(file);
  EXPECT_EQ(std::string(buffer.data(), size), "one\ntwo\nthree\n");
}

}  // namespace
}  // namespace hither::io::patient_writer_test
