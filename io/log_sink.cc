// SPDX-License-Identifier: Apache-2.0
#include "io/log_sink.h"

#include <spdlog/details/os.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>

#include "io/clock.h"
#include "io/patient_writer.h"

namespace hither::io {
namespace {

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

/// As spdlog's own sink for standard output, only that nobody waits for its reader.
class OutputSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit OutputSink(bool json) : json_(json) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    writer_.write(line_of(message));
  }
  void flush_() override {}  // Nothing is kept back.

  /// Its level in colour, if that is wanted.
  std::string line_of(const spdlog::details::log_msg& message) {
    message.color_range_start = 0;
    message.color_range_end = 0;
    spdlog::memory_buf_t formatted;
    formatter_->format(message, formatted);
    std::string line(formatted.data(), formatted.size());
    if (!colour_ || message.color_range_end <= message.color_range_start) return line;
    constexpr std::array codes = {"", "\x1b[36m", "\x1b[32m", "\x1b[33m\x1b[1m", "\x1b[31m\x1b[1m"};
    line.insert(message.color_range_end, "\x1b[m");
    line.insert(message.color_range_start, codes.at(static_cast<std::size_t>(message.level)));
    return line;
  }
  std::string loss(std::uint64_t lines) {
    const LogRecord record = log_warning("log-lines-lost").with("count", lines);
    const std::string text = json_ ? json_line(record) : to_text(record);
    return line_of({"hither", spdlog::level::warn, text});
  }

  bool json_;
  bool colour_ =
      spdlog::details::os::in_terminal(stdout) && spdlog::details::os::is_color_terminal();
  PatientWriter writer_{STDOUT_FILENO, [this](std::uint64_t lines) { return loss(lines); }};
};

struct Sink {
  explicit Sink(bool as_json)
      : json(as_json),
        logger(std::make_shared<spdlog::logger>("hither", std::make_shared<OutputSink>(as_json))) {
    logger->set_pattern("%v");
  }

  bool json;
  std::shared_ptr<spdlog::logger> logger;
};

Sink& sink() {
  static Sink instance(false);
  return instance;
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
  sink() = Sink(format == "json");
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
