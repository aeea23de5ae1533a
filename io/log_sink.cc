// SPDX-License-Identifier: Apache-2.0
#include "io/log_sink.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "io/clock.h"

namespace hither::io {
namespace {

struct Sink {
  std::shared_ptr<spdlog::logger> logger = make_logger();
  bool json = false;

  static std::shared_ptr<spdlog::logger> make_logger() {
    auto logger = std::make_shared<spdlog::logger>(
        "hither", std::make_shared<spdlog::sinks::stdout_color_sink_mt>());
    logger->set_pattern("%v");
    logger->flush_on(spdlog::level::trace);
    return logger;
  }
};

Sink& sink() {
  static Sink instance;
  return instance;
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

std::string json_line(const LogRecord& record) {
  nlohmann::ordered_json line = {
      {"time", wall_clock_text()}, {"level", to_text(record.level)}, {"event", record.event}};
  for (const auto& [key, value] : record.fields) line[key] = value;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

Result<void> set_up_log(std::string_view level, std::string_view format) {
  const auto parsed = parse_log_level(level.empty() ? "info" : level);
  if (!parsed) {
    return fail(fmt::format("HITHER_LOG is '{}'; write debug, info, warning or error", level));
  }
  if (!format.empty() && format != "text" && format != "json") {
    return fail(fmt::format("HITHER_LOG_FORMAT is '{}'; write text or json", format));
  }
  sink().json = format == "json";
  sink().logger->set_level(level_of(*parsed));
  if (!sink().json) {
    sink().logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
  }
  return {};
}

void write_log(const LogRecord& record) {
  const auto level = level_of(record.level);
  if (!sink().logger->should_log(level)) return;
  sink().logger->log(level, "{}", sink().json ? json_line(record) : to_text(record));
}

}  // namespace hither::io
