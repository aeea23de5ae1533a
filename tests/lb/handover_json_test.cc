// SPDX-License-Identifier: Apache-2.0
#include "lb/handover_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hither::lb {
namespace {

TEST(HandoverJson, WhatIsNoStringIsEmpty) {
  const nlohmann::ordered_json said = {{"name", "web-1"}, {"port", 80}, {"list", {"a"}}};
  EXPECT_EQ(text_in(said, "name"), "web-1");
  EXPECT_EQ(text_in(said, "port"), "");
  EXPECT_EQ(text_in(said, "list"), "");
  EXPECT_EQ(text_in(said, "missing"), "");
}

}  // namespace
}  // namespace hither::lb
