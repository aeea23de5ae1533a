// SPDX-License-Identifier: Apache-2.0
#include "tools/console.h"

#include <gtest/gtest.h>

#include <cstdio>

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

}  // namespace
}  // namespace hither::tools
