// SPDX-License-Identifier: Apache-2.0
#include "backend/site.h"

#include <fmt/format.h>

#include <utility>

#include "base/http_body.h"
#include "base/text.h"

namespace hither::backend {
namespace {

/// Text as a JSON string with its quotes. Octets from 0x80 on pass, so UTF-8 stays UTF-8.
std::string json_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < ' ') {
      result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result += '"';
}

Answer mistake(int status, std::string_view message) {
  return {.status = status, .body = fmt::format("{{\"error\":{}}}\n", json_text(message))};
}

Answer only(std::string_view allow) {
  Answer answer = mistake(405, "this page does not know that method");
  answer.extra_fields = allow;
  return answer;
}

bool reads(std::string_view method) { return method == "GET" || method == "HEAD"; }

}  // namespace

Site::Site(Identity identity, const Behaviour& behaviour, MetricsText metrics_text)
    : identity_(std::move(identity)),
      behaviour_(behaviour),
      metrics_text_(std::move(metrics_text)),
      model_(behaviour) {
  who_ = fmt::format("\"room\":{},\"farm\":{},\"copy\":{},\"pid\":{}", json_text(identity_.room),
                     json_text(identity_.farm), identity_.copy, identity_.pid);
  if (behaviour.body_bytes > 0) {
    padding_ = fmt::format(",\"body\":\"{}\"}}\n", std::string(behaviour.body_bytes, 'x'));
  }
}

Answer Site::on_request(const Question& question, Instant now) {
  const std::size_t mark = question.path.find('?');
  const std::string_view path = question.path.substr(0, mark);
  if (path == "/fault") {
    const bool has_query = mark != std::string_view::npos;
    Answer answer = fault(question, has_query ? question.path.substr(mark + 1) : "");
    answer.at = now;
    return answer;
  }
  if (auto answer = page(question, path, now)) {
    answer->at = now;
    return *answer;
  }
  return application(question, now);
}

std::optional<Answer> Site::page(const Question& question, std::string_view path, Instant now) {
  const bool is_health = path == "/health";
  const bool is_status = path == "/status" && !has_admin_;
  const bool is_metrics = path == "/metrics" && !has_admin_ && metrics_text_;
  if (!is_health && !is_status && !is_metrics) return std::nullopt;
  if (!reads(question.method)) return only("Allow: GET, HEAD\r\n");
  if (is_health) return health();
  if (is_status) return status(now);
  return Answer{.body = metrics_text_(metrics(now)), .content_type = "text/plain; version=0.0.4"};
}

Answer Site::application(const Question& question, Instant now) {
  const Model::Admission admission = model_.on_request(now);
  ++requests_;
  if (admission.outcome == Model::Outcome::refused) {
    ++refused_;
    Answer answer = mistake(503, "too many requests wait already");
    answer.at = now;
    answer.extra_fields = "Retry-After: 1\r\n";
    return answer;
  }
  if (admission.outcome == Model::Outcome::failed) {
    ++failed_;
    Answer answer = mistake(500, "an error, as asked for");
    answer.at = admission.finish;
    return answer;
  }
  Answer answer{.at = admission.finish};
  answer.body =
      fmt::format("{{{},\"requests\":{},\"path\":{}", who_, requests_, json_text(question.path));
  answer.padded = !padding_.empty();
  if (!answer.padded) answer.body += "}\n";
  return answer;
}

Answer Site::fault(const Question& question, std::string_view query) {
  if (reads(question.method)) return {.body = to_json(faults_) + "\n"};
  if (question.method != "POST") return only("Allow: GET, HEAD, POST\r\n");
  const auto order = parse_fault_order(query, question.body);
  if (!order) return mistake(400, order.error().message);
  faults_ = apply(*order, faults_);
  if (order->crash) crash_ = order->crash;
  model_.set_faults(faults_);
  ++fault_revision_;
  return {.body = to_json(faults_) + "\n"};
}

Answer Site::health() const {
  std::string_view state = "ok";
  if (faults_.error == 1.0) state = "failing";
  if (faults_.sick) state = "sick";
  if (stopping_) state = "stopping";
  return {
      .status = state == "ok" ? 200 : 503,
      .body = fmt::format("{{\"status\":\"{}\",{},\"requests\":{}}}\n", state, who_, requests_)};
}

Answer Site::status(Instant now) {
  std::string body =
      fmt::format("{{{},\"requests\":{},\"failed\":{},\"refused\":{},\"serving\":{},\"waiting\":{}",
                  who_, requests_, failed_, refused_, model_.serving(now), model_.waiting(now));
  body += fmt::format(
      ",\"service\":{},\"concurrency\":{},\"queue\":{},\"error_rate\":{},\"faults\":{},"
      "\"stopping\":{}}}\n",
      json_text(to_text(behaviour_.service)), behaviour_.concurrency, behaviour_.queue_max,
      behaviour_.error_rate, to_json(faults_), stopping_);
  return {.body = std::move(body)};
}

Metrics Site::metrics(Instant now) {
  using Type = MetricFamily::Type;
  const auto family = [this](std::string name, std::string help, Type type, std::size_t value) {
    return MetricFamily{.name = std::move(name),
                        .help = std::move(help),
                        .type = type,
                        .samples = {{.labels = {{"room", identity_.room},
                                                {"farm", identity_.farm},
                                                {"copy", std::to_string(identity_.copy)}},
                                     .value = static_cast<double>(value)}}};
  };
  return {
      family("hither_backend_requests_total", "Requests of the application", Type::counter,
             requests_),
      family("hither_backend_failed_total", "Of these, answered 500", Type::counter, failed_),
      family("hither_backend_refused_total", "Of these, answered 503: too many waited",
             Type::counter, refused_),
      family("hither_backend_bad_requests_total", "Requests that broke a rule of HTTP",
             Type::counter, bad_requests_),
      family("hither_backend_request_body_bytes_total", "Bytes of request bodies", Type::counter,
             body_bytes_),
      family("hither_backend_serving", "Requests being served", Type::gauge, model_.serving(now)),
      family("hither_backend_waiting", "Requests that wait to be served", Type::gauge,
             model_.waiting(now))};
}

void Site::write(const Answer& answer, bool head_only, std::string_view connection, Bytes& out) {
  const std::string_view padding = answer.padded ? std::string_view(padding_) : "";
  const std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\n{}Content-Type: {}\r\nContent-Length: {}\r\n{}{}\r\n", answer.status,
      reason_phrase(answer.status), date_.line(answer.at), answer.content_type,
      answer.body.size() + padding.size(), connection, answer.extra_fields);
  append(out, as_bytes(head));
  if (head_only) return;
  append(out, as_bytes(answer.body));
  append(out, as_bytes(padding));
}

}  // namespace hither::backend
