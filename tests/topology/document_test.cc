// SPDX-License-Identifier: Apache-2.0
#include "topology/document.h"

#include <gtest/gtest.h>

namespace hither::topology {
namespace {

std::string first_mistake(const std::string& text) {
  const Document document = read_document(text);
  return document.mistakes.empty() ? "" : to_text(document.mistakes.front(), "w");
}

TEST(Document, KeepsTheOrderOfTheFileWhereTheLibrarySorts) {
  const Document document = read_document("zebra = 1\napple = 2\n[mango]\nz = 1\na = 2\n[bean]\n");

  std::string order;
  for (const Node& node : document.root.items) order += node.key + " ";
  EXPECT_EQ(order, "zebra apple mango bean ");
  ASSERT_NE(document.root.find("mango"), nullptr);
  EXPECT_EQ(document.root.find("mango")->items.at(0).key, "z");
}

TEST(Document, KnowsWhereKeysAndValuesStand) {
  const Document document = read_document("\n[a]\n  key = [1, 2]\n");

  const Node* key = document.root.find("a")->find("key");
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->where_key.line, 3);
  EXPECT_EQ(key->where_key.column, 3);
  EXPECT_EQ(key->where.column, 9);
  EXPECT_EQ(key->items.at(1).where.column, 13);
}

TEST(Document, KnowsAllKindsOfValues) {
  const Document document =
      read_document("a = 'x'\nb = 7\nc = 1.5\nd = true\ne = 1979-05-27\nf = []\ng = {}\n");

  std::string kinds;
  for (const Node& node : document.root.items) kinds += std::string(to_text(node.kind)) + "; ";
  EXPECT_EQ(kinds,
            "a string; an integer; a number with a point; true or false; a date or time; a list; a "
            "table; ");
  EXPECT_EQ(document.root.find("b")->number, 7);
}

TEST(Document, ATextThatIsNotTomlIsOneMistakeWithItsPlace) {
  EXPECT_EQ(first_mistake("a = 1\nb = ?\n").substr(0, 17), "w:2:5: not TOML: ");
  EXPECT_EQ(read_document("a = \nb = \n").mistakes.size(), 1U);
}

TEST(Document, ABadTableHeaderIsAMistakeAndNoAbort) {
  for (const char* bad : {"[?]", "[[\xff]]", "[,", "[a.?]", "[ = 1", "?"}) {
    EXPECT_NE(first_mistake(bad), "") << bad;
  }
}

TEST(Document, KeysOfTooManyPartsAreRefusedWhereTheyBecomeTooMany) {
  const std::string fine = "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1\n";

  EXPECT_EQ(first_mistake(fine), "");
  EXPECT_EQ(first_mistake("b = 1\na." + fine),
            "w:2:32: key of more than 16 parts; no key of a description has so many");
}

TEST(Document, DotsInStringsAndCommentsAreNoParts) {
  const std::string dots(200, '.');

  EXPECT_EQ(first_mistake("a = '" + dots + "'\nb = \"\\\"" + dots + "\" # " + dots + "\n"), "");
  EXPECT_EQ(first_mistake("a = \"\"\"\n" + dots + "\"\"\"\nb = '''\n" + dots + "\n'''\n"), "");
}

TEST(Document, LettersBeyondAsciiAreTakenInStringsAndRefusedElsewhere) {
  // U+FEDF is one that the library's own tables hold for impossible.
  const std::string letter = "\xef\xbb\x9f";

  EXPECT_EQ(first_mistake("'" + letter + "' = \"" + letter + "\" # " + letter), "");
  EXPECT_EQ(first_mistake("a = \"\"\"x\\\n" + letter + "\"\"\""), "");
  EXPECT_NE(first_mistake("a" + letter + " = 1"), "");
  EXPECT_NE(first_mistake("a = " + letter), "");
}

TEST(Document, DeepNestingIsAMistakeAndNoCrash) {
  EXPECT_NE(first_mistake("a = " + std::string(100000, '[')), "");
  EXPECT_NE(first_mistake("a." + std::string(100000, '.')), "");
}

TEST(Document, TooLongATextIsRefused) {
  EXPECT_EQ(first_mistake(std::string(text_bytes_max + 1, '\n')),
            "w:1:1: the file has 4194305 bytes; at most 4194304 are read");
}

}  // namespace
}  // namespace hither::topology
