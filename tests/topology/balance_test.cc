// SPDX-License-Identifier: Apache-2.0
#include "topology/balance.h"

#include <gtest/gtest.h>

#include "topology/keys.h"

namespace hither::topology {
namespace {

TEST(Balance, EveryWordOfTheTableIsOneAndComesBack) {
  const Key* key = find_key("farm.*.balance");
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->words.size(), 7U);
  for (const std::string_view word : key->words) {
    const auto balance = balance_of(word);
    ASSERT_TRUE(balance) << word;
    EXPECT_EQ(to_text(*balance), word);
  }
  EXPECT_FALSE(balance_of("random"));
  EXPECT_FALSE(balance_of(""));
}

TEST(HashBy, WhatIsReadIsWrittenAlike) {
  for (const std::string text : {"path", "source", "header:X-User", "cookie:cart", "cookie:path"}) {
    const auto hash = hash_by_of(text);
    ASSERT_TRUE(hash) << text;
    EXPECT_EQ(to_text(*hash), text);
  }
}

TEST(HashBy, NothingElseIsOne) {
  for (const std::string text :
       {"", "Path", "header", "header:", "cookie:", "header:X User", "header:X:User", "cookie:a=b",
        "query:x", " path", "path ", "X-User"}) {
    EXPECT_FALSE(hash_by_of(text)) << text;
  }
  EXPECT_TRUE(hash_by_of("cookie:" + std::string(64, 'x')));
  EXPECT_FALSE(hash_by_of("cookie:" + std::string(65, 'x')));
}

}  // namespace
}  // namespace hither::topology
