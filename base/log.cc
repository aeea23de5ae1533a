// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <algorithm>

namespace hither {
namespace {

bool plain(char c) { return c > ' ' && c != '"' && c != '\\' && c != '=' && c != '\x7f'; }

void append_value(std::string& line, std::string_view value) {
  if (!value.empty() && std::ranges::all_of(value, plain)) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') line += '\\';
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

std::string_view to_text(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "error";
}

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (const LogLevel level :
       {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
    if (to_text(level) == text) return level;
  }
  return std::nullopt;
}

std::string to_text(const LogRecord& record) {
  std::string line = record.event;
  for (const auto& [key, value] : record.fields) {
    line += ' ';
    line += key;
    line += '=';
    append_value(line, value);
  }
  return line;
}

}  // namespace hither
