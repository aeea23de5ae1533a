// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hither {

/// Small pure functions over text, used wherever a person writes or reads something.

/// "500ms", "20s", "1.5s", "5m", "2h", "1d", "250us": a number and a unit, nothing between them. A
/// bare number is refused with the advice to add a unit. Never negative.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

/// The shortest exact spelling: "500ms", "20s", "1m30s" is written "90s".
std::string to_text(Duration duration);

/// For people: "3s", "12m 4s", "5h 2m", "3d 4h"; whole seconds, at most two units.
std::string to_rough_text(Duration duration);

/// A decimal number of 1*DIGIT, nothing else (no sign, no space); nullopt if it does not fit.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// The candidate nearest to `word` by edit distance, or nullopt if none is near enough to be what
/// was meant (more than a third of the letters differ).
std::optional<std::string> nearest_word(std::string_view word,
                                        std::span<const std::string> candidates);

/// "a, b and c". Empty for none.
std::string join_words(std::span<const std::string> words);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
/// ASCII only, as DNS and HTTP compare (RFC 4343, RFC 9110 s5.1).
std::string to_lower(std::string_view text);
bool equal_ignoring_case(std::string_view one, std::string_view other);

}  // namespace hither
