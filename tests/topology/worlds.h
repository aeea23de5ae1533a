// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "topology/description.h"

namespace hither::topology::testing {

/// A small sound world: two rooms, one farm, one name. Tests change what they are about.
inline constexpr std::string_view two_rooms = R"(schema = 1
[zone."example.test"]
[name."www.example.test"]
farm = "web"
[farm.web]
port = 8080
copies = 2
[room.fra]
location = [50.11, 8.68]
[room.iad]
location = [39.04, -77.49]
)";

/// The mistakes of a text as the lines people see, without the last one that counts them.
inline std::string mistakes_of(std::string_view text) {
  std::string lines;
  for (const Mistake& mistake : read_description(text, "w").mistakes) {
    lines += to_text(mistake, "w") + "\n";
  }
  return lines;
}

/// The description of a text without mistakes; the test fails with them otherwise.
inline Description read_sound(std::string_view text) {
  Reading reading = read_description(text, "w");
  EXPECT_TRUE(reading.description.has_value()) << to_text(reading.mistakes, "w");
  return reading.description ? *reading.description : Description{};
}

inline std::string with(std::string_view text, std::string_view more) {
  return std::string(text) + std::string(more);
}

/// `text` with the first `old` in it replaced.
inline std::string replaced(std::string_view text, std::string_view old, std::string_view fresh) {
  std::string result(text);
  const std::size_t at = result.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return at == std::string::npos ? result : result.replace(at, old.size(), fresh);
}

}  // namespace hither::topology::testing
