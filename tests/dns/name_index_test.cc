// SPDX-License-Identifier: Apache-2.0
#include "dns/name_index.h"

#include <gtest/gtest.h>

#include <string>

#include "dns/name.h"

namespace hither::dns {
namespace {

Name numbered(int i) { return *Name::parse("host-" + std::to_string(i) + ".example.test"); }

TEST(NameIndex, FindsEveryNameAndNoOther) {
  NameIndex index;
  for (int i = 0; i < 5000; ++i) {
    EXPECT_EQ(index.add(numbered(i).wire(), static_cast<std::uint32_t>(i)),
              static_cast<std::uint32_t>(i));
  }
  for (int i = 0; i < 5000; ++i) {
    EXPECT_EQ(index.find(numbered(i).wire()), static_cast<std::uint32_t>(i));
  }
  for (int i = 5000; i < 6000; ++i) EXPECT_FALSE(index.find(numbered(i).wire()));
}

TEST(NameIndex, KeepsTheFirstNumberOfAName) {
  NameIndex index;
  index.add(numbered(1).wire(), 7);
  EXPECT_EQ(index.add(numbered(1).wire(), 8), 7U);
  EXPECT_EQ(index.find(numbered(1).wire()), 7U);
}

TEST(NameIndex, AnEmptyOneFindsNothing) { EXPECT_FALSE(NameIndex().find(Name().wire())); }

TEST(NameIndex, TheRootIsAName) {
  NameIndex index;
  index.add(Name().wire(), 3);
  EXPECT_EQ(index.find(Name().wire()), 3U);
}

}  // namespace
}  // namespace hither::dns
