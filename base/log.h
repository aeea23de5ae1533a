// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hither {

enum class LogLevel { debug, info, warning, error };

/// One thing that happened, as a value: pure code may return it, only a driver writes it
/// (io/log_sink.h). `event` is a short kebab-case word that people grep for ("room-down"); the
/// fields say the rest. Text form: `event key=value key="with spaces"`.
struct LogRecord {
  LogLevel level = LogLevel::info;
  std::string event;
  std::vector<std::pair<std::string, std::string>> fields;

  /// Adds a field, formatted with fmt; returns itself, so that records are built in one expression.
  template <class T>
  LogRecord& with(std::string_view key, const T& value) {
    fields.emplace_back(std::string(key), fmt::format("{}", value));
    return *this;
  }
};

inline LogRecord log_info(std::string_view event) {
  return {LogLevel::info, std::string(event), {}};
}
inline LogRecord log_debug(std::string_view event) {
  return {LogLevel::debug, std::string(event), {}};
}
inline LogRecord log_warning(std::string_view event) {
  return {LogLevel::warning, std::string(event), {}};
}
inline LogRecord log_error(std::string_view event) {
  return {LogLevel::error, std::string(event), {}};
}

std::string_view to_text(LogLevel level);
/// "debug", "info", "warning", "error"; nullopt otherwise.
std::optional<LogLevel> parse_log_level(std::string_view text);
/// One line, no newline; control characters in values are escaped, so a record is always one line.
std::string to_text(const LogRecord& record);

}  // namespace hither
