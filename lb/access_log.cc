// SPDX-License-Identifier: Apache-2.0
#include "lb/access_log.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/log.h"

namespace hither::lb {
namespace {

using Json = nlohmann::ordered_json;

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string reason_text(EndReason reason) { return {reason.who, reason.when}; }

std::string with_mark(std::string_view text, bool cut) {
  std::string whole(text);
  if (cut) whole += "...";
  return whole;
}

struct Span {
  const char* name;
  Duration value;
};

std::array<Span, 4> spans_of(const AccessRecord& record) {
  return {{{"queue_ms", record.queue},
           {"connect_ms", record.connect},
           {"response_ms", record.response},
           {"total_ms", record.total}}};
}

std::string text_line(const AccessRecord& record, std::string_view farm, std::string_view time) {
  LogRecord log = log_info(record.connection ? "connection" : "request");
  const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
  log.with("farm", farm).with("client", to_text(record.client));
  log.with("server", or_dash(std::string(record.server.text())));
  if (!record.connection) {
    log.with("method", or_dash(std::string(record.method.text())));
    log.with("path", or_dash(with_mark(record.path.text(), record.path.cut())));
    log.with("status", record.status == 0 ? "-" : std::to_string(record.status));
  }
  log.with("end", reason_text(record.reason));
  for (const Span& span : spans_of(record)) {
    log.with(span.name,
             span.value == not_reached ? "-" : fmt::format("{:.3f}", milliseconds(span.value)));
  }
  log.with("bytes_in", record.bytes_in).with("bytes_out", record.bytes_out);
  log.with("retries", record.retries);
  if (!record.id.empty()) log.with("id", record.id.text());
  return fmt::format("{} {}\n", time, to_text(log));
}

std::string json_line(const AccessRecord& record, std::string_view farm, std::string_view time) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  Json json = {{"time", time},
               {"event", record.connection ? "connection" : "request"},
               {"farm", farm},
               {"client", to_text(record.client)},
               {"server", or_null(std::string(record.server.text()))}};
  if (!record.connection) {
    json["method"] = or_null(std::string(record.method.text()));
    json["path"] = or_null(with_mark(record.path.text(), record.path.cut()));
    json["status"] = record.status == 0 ? Json() : Json(record.status);
  }
  json["end"] = reason_text(record.reason);
  for (const Span& span : spans_of(record)) {
    json[span.name] = span.value == not_reached ? Json() : Json(milliseconds(span.value));
  }
  json["bytes_in"] = record.bytes_in;
  json["bytes_out"] = record.bytes_out;
  json["retries"] = record.retries;
  json["id"] = or_null(std::string(record.id.text()));
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string to_line(const AccessRecord& record, std::string_view farm, std::string_view time,
                    topology::AccessLog form) {
  return form == topology::AccessLog::json ? json_line(record, farm, time)
                                           : text_line(record, farm, time);
}

}  // namespace hither::lb
