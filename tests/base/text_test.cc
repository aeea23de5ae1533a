// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

namespace hither {
namespace {

using namespace std::chrono_literals;

Duration duration(std::string_view text) {
  const auto parsed = parse_duration(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Duration::min();
}

std::string mistake(std::string_view text) {
  const auto parsed = parse_duration(text);
  return parsed ? "accepted" : parsed.error().message;
}

TEST(Duration, ReadsEveryUnit) {
  EXPECT_EQ(duration("7ns"), 7ns);
  EXPECT_EQ(duration("250us"), 250us);
  EXPECT_EQ(duration("500ms"), 500ms);
  EXPECT_EQ(duration("20s"), 20s);
  EXPECT_EQ(duration("1.5s"), 1500ms);
  EXPECT_EQ(duration("5m"), 5min);
  EXPECT_EQ(duration("2h"), 2h);
  EXPECT_EQ(duration("1d"), 24h);
  EXPECT_EQ(duration("0s"), 0s);
}

TEST(Duration, ABareNumberIsAskedForItsUnit) {
  EXPECT_EQ(mistake("500"), "duration '500' has no unit; write 500ms or 500s");
}

TEST(Duration, RefusesWhatIsNotOne) {
  for (const char* text : {"", "s", "-1s", "+1s", " 1s", "1 s", "1s ", "1S", "1sec", "infs", "nans",
                           "0x5s", "1e3s", "1,5s", "--1s", "99999999d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, AnUnknownUnitIsAnsweredWithTheKnownOnes) {
  EXPECT_EQ(mistake("5sec"), "'sec' is not a unit of time; the units are us, ms, s, m, h and d");
}

TEST(Duration, PrintsTheShortestExactSpelling) {
  EXPECT_EQ(to_text(Duration(500ms)), "500ms");
  EXPECT_EQ(to_text(Duration(90s)), "90s");
  EXPECT_EQ(to_text(Duration(1500us)), "1500us");
  EXPECT_EQ(to_text(Duration(0s)), "0s");
  EXPECT_EQ(to_text(Duration(48h)), "2d");
}

TEST(Duration, ReadsWhatItPrinted) {
  for (const Duration value :
       {Duration(1ns), Duration(1001us), Duration(61s), Duration(36h), Duration(1440h)}) {
    EXPECT_EQ(duration(to_text(value)), value);
  }
}

TEST(Duration, RoughTextHasAtMostTwoUnits) {
  EXPECT_EQ(to_rough_text(999ms), "0s");
  EXPECT_EQ(to_rough_text(59s), "59s");
  EXPECT_EQ(to_rough_text(12min + 4s), "12m 4s");
  EXPECT_EQ(to_rough_text(5h + 2min + 59s), "5h 2m");
  EXPECT_EQ(to_rough_text(76h + 59min), "3d 4h");
}

TEST(Number, IsDigitsAndNothingElse) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("007"), 7U);
  EXPECT_EQ(parse_number("18446744073709551615"), 18446744073709551615ULL);
  for (const char* text :
       {"", "+1", "-1", " 1", "1 ", "0x1", "1.0", "1e3", "18446744073709551616", "a"}) {
    EXPECT_FALSE(parse_number(text).has_value()) << text;
  }
}

TEST(NearestWord, FindsTheSlipOfAFinger) {
  const std::vector<std::string> keys = {"interval", "timeout", "fall", "rise"};

  EXPECT_EQ(nearest_word("intervall", keys), "interval");
  EXPECT_EQ(nearest_word("timout", keys), "timeout");
  EXPECT_EQ(nearest_word("FALL", keys), "fall");
}

TEST(NearestWord, SaysNothingRatherThanNonsense) {
  const std::vector<std::string> keys = {"interval", "timeout"};

  EXPECT_FALSE(nearest_word("colour", keys).has_value());
  EXPECT_FALSE(nearest_word("x", std::vector<std::string>{"fall"}).has_value());
  EXPECT_FALSE(nearest_word("fall", {}).has_value());
}

TEST(NearestWord, OfTwoEquallyNearTheFirstWins) {
  EXPECT_EQ(nearest_word("bat", std::vector<std::string>{"cat", "hat"}), "cat");
}

TEST(JoinWords, ReadsLikeASentence) {
  EXPECT_EQ(join_words({}), "");
  EXPECT_EQ(join_words(std::vector<std::string>{"a"}), "a");
  EXPECT_EQ(join_words(std::vector<std::string>{"a", "b"}), "a and b");
  EXPECT_EQ(join_words(std::vector<std::string>{"a", "b", "c"}), "a, b and c");
}

TEST(Split, KeepsEmptyParts) {
  using Parts = std::vector<std::string_view>;
  EXPECT_EQ(split("a,b", ','), (Parts{"a", "b"}));
  EXPECT_EQ(split(",a,,", ','), (Parts{"", "a", "", ""}));
  EXPECT_EQ(split("", ','), (Parts{""}));
}

TEST(Trim, TakesBlanksFromBothEndsOnly) {
  EXPECT_EQ(trim(" \ta b\r\n"), "a b");
  EXPECT_EQ(trim("a"), "a");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Case, IsFoldedInAsciiOnly) {
  EXPECT_EQ(to_lower("AbZ-@[\xc3\x84"), "abz-@[\xc3\x84");
  EXPECT_TRUE(equal_ignoring_case("Host", "hOST"));
  EXPECT_FALSE(equal_ignoring_case("Host", "Hosts"));
  EXPECT_FALSE(equal_ignoring_case("@", "`")) << "the octets beside the letters are not folded";
  EXPECT_FALSE(equal_ignoring_case("[", "{"));
}

}  // namespace
}  // namespace hither
