// SPDX-License-Identifier: Apache-2.0
#include "tools/console.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "io/socket.h"

namespace hither::tools {
namespace {

std::string written(const std::function<void(std::FILE*)>& write) {
  std::FILE* file = std::tmpfile();
  write(file);
  std::rewind(file);
  std::string text;
  for (int c = 0; (c = std::fgetc(file)) != EOF;) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

TEST(Console, ATableIsAsWideAsItsWidestCells) {
  EXPECT_EQ(format_table({{"NAME", "STATE"}, {"nrt", "up"}, {"frankfurt", "down"}}),
            "NAME       STATE\nnrt        up\nfrankfurt  down\n");
}

TEST(Console, ColourAndUmlautsHaveNoWidth) {
  const std::string plain = format_table({{"ab", "x"}, {"cd", "y"}});
  const std::string painted = format_table({{paint("ab", Colour::red, true), "x"}, {"cd", "y"}});

  EXPECT_EQ(painted, "\x1b[31mab\x1b[0m" + plain.substr(2));
  EXPECT_EQ(format_table({{"São", "x"}, {"abc", "y"}}), "São  x\nabc  y\n");
}

TEST(Console, PaintsOnlyWhenOn) {
  EXPECT_EQ(paint("x", Colour::red, false), "x");
  EXPECT_EQ(paint("x", Colour::plain, true), "x");
}

TEST(Console, WhatIsNoTerminalGetsNoColour) {
  const std::string text = written([](std::FILE* file) {
    EXPECT_FALSE(wants_colour(file));
    MergedLog log(file, {"fra/web-1", "fra/balancer", "dns"});
    log.line("fra/web-1", "hello");
    log.line("dns", "there");
    log.note("up");
  });

  EXPECT_EQ(text,
            "fra/web-1    | hello\n"
            "dns          | there\n"
            "hither       | up\n");
}

TEST(Console, WhoDoesNotReadLosesLinesAndIsToldSo) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const io::Fd reading(ends[0]);
  ASSERT_EQ(fcntl(reading.get(), F_SETFL, O_NONBLOCK), 0);
  std::FILE* file = fdopen(ends[1], "w");
  const auto read_all = [&] {
    std::string text;
    std::array<char, 4096> buffer;
    for (ssize_t size = 0; (size = read(reading.get(), buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return text;
  };
  MergedLog log(file, {"dns"});

  for (int i = 0; i < 1000; ++i) log.line("dns", std::string(1000, 'x'));
  read_all();
  log.line("dns", "there");  // behind what was left of a line
  const std::string text = read_all();
  std::fclose(file);

  EXPECT_NE(text.find("hither | log-lines-lost count="), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("dns    | there\n")) << text;
}

TEST(Console, AFullDiskCostsLinesAndNothingElse) {
  std::FILE* file = std::fopen("/dev/full", "w");
  ASSERT_NE(file, nullptr);
  MergedLog log(file, {"dns"});

  EXPECT_NO_THROW(log.line("dns", std::string(6000, 'x')));
  std::fclose(file);
}

}  // namespace
}  // namespace hither::tools
