// SPDX-License-Identifier: Apache-2.0
#include "io/admin.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "base/http_body.h"
#include "base/http_date.h"
#include "base/http_head.h"
#include "base/text.h"
#include "io/clock.h"

namespace hither::io {
namespace {

constexpr std::size_t body_bytes_max = 64 * 1024;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Splits "path?a=1&b=2" and decodes it; nullopt if the encoding is broken.
std::optional<PageRequest> parse_target(std::string_view target) {
  PageRequest request;
  const std::size_t mark = target.find('?');
  const auto path = decode_url(target.substr(0, mark));
  if (!path) return std::nullopt;
  request.path = *path;
  if (mark == std::string_view::npos) return request;
  for (const std::string_view pair : split(target.substr(mark + 1), '&')) {
    const std::size_t equals = pair.find('=');
    const auto name = decode_url(pair.substr(0, equals));
    const auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                        : decode_url(pair.substr(equals + 1));
    if (!name || !value) return std::nullopt;
    request.query[*name] = *value;
  }
  return request;
}

/// One client of the status pages.
class AdminSession final : public Session {
 public:
  AdminSession(const AdminServer& server, Instant now)
      : server_(server), deadline_(now + server.limits().idle_max) {}

  void on_bytes(ByteView bytes, Instant now, Bytes& out) override {
    append(buffer_, bytes);
    const std::size_t before = out.size();
    while (!finished_ && answer_one(out)) {
    }
    // Only what is answered counts: octets alone would let who drips them stay for ever.
    if (out.size() > before) deadline_ = now + server_.limits().idle_max;
  }
  void on_end(Instant, Bytes&) override { finished_ = true; }
  void on_time(Instant now, Bytes&) override { finished_ = finished_ || now >= deadline_; }
  Instant deadline() const override { return deadline_; }
  bool finished() const override { return finished_; }

 private:
  /// False when the next request is not whole yet.
  bool answer_one(Bytes& out) {
    RequestHead head;
    const HeadResult parsed = parse_request_head(buffer_, HeadLimits{}, scan_, head);
    if (parsed.kind == HeadResult::Kind::incomplete) return false;
    if (parsed.kind == HeadResult::Kind::bad) {
      reply({parsed.status, "text/plain; charset=utf-8", std::string(parsed.reason) + "\n"}, false,
            false, out);
      return false;
    }
    std::string body;
    std::size_t consumed = head.size;
    BodyReader reader(head.framing, head.content_length);
    while (reader.state() == BodyReader::State::reading) {
      const auto step = reader.read(ByteView(buffer_).subspan(consumed));
      if (step.taken == 0) break;
      consumed += step.taken;
      body += as_text(step.data);
    }
    if (body.size() > body_bytes_max || head.content_length > body_bytes_max) {
      reply({413, "text/plain; charset=utf-8", "the body is too large\n"}, false, false, out);
      return false;
    }
    if (reader.state() == BodyReader::State::bad) {
      reply({400, "text/plain; charset=utf-8", std::string(reader.reason()) + "\n"}, false, false,
            out);
      return false;
    }
    if (!reader.done()) return false;
    const bool keep_alive = head.keep_alive && !server_.retired();
    auto request = parse_target(head.path);
    if (request) {
      request->method = head.method;
      request->body = std::move(body);
    }
    const bool is_head = head.method == "HEAD";
    reply(request ? server_.answer(*request)
                  : Page{400, "text/plain; charset=utf-8", "the target is not well encoded\n"},
          keep_alive, is_head, out);
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(consumed));
    scan_ = {};
    return !buffer_.empty();
  }

  void reply(const Page& page, bool keep_alive, bool head_only, Bytes& out) {
    append(out, as_bytes(to_http({.status = page.status,
                                  .content_type = page.content_type,
                                  .body = page.body,
                                  .keep_alive = keep_alive,
                                  .head_only = head_only,
                                  .extra_fields = http_date_line(wall_now())})));
    if (!keep_alive) finished_ = true;
  }

  const AdminServer& server_;
  Bytes buffer_;
  HeadScan scan_;
  Instant deadline_;  // of the next whole request
  bool finished_ = false;
};

}  // namespace

std::optional<std::string> decode_url(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    result += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return result;
}

std::string encode_url(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      result += c;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

AdminServer::AdminServer(Loop& loop, Limits limits)
    : limits_(limits),
      server_(loop, [this](const Endpoint&) { return make_session(monotonic_now()); },
              {.connections_max = limits.connections_max, .shed_idle = true}) {}

AdminServer::~AdminServer() = default;

std::unique_ptr<Session> AdminServer::make_session(Instant now) const {
  return std::make_unique<AdminSession>(*this, now);
}

void AdminServer::add_page(const std::string& path, Handler handler) {
  pages_[path] = std::move(handler);
}

void AdminServer::add_action(const std::string& path, Handler handler) {
  actions_[path] = std::move(handler);
}

void AdminServer::add_metrics(std::function<Metrics()> collect) {
  add_page("/metrics", [collect = std::move(collect)](const PageRequest&) {
    return Page{200, "text/plain; version=0.0.4; charset=utf-8", to_prometheus_text(collect())};
  });
}

Result<Endpoint> AdminServer::listen(const Endpoint& endpoint) {
  auto listener = listen_tcp(endpoint);
  if (!listener) return tl::unexpected(listener.error());
  auto bound = local_endpoint(listener->get());
  server_.add_listener(std::move(*listener));
  return bound;
}

Result<void> AdminServer::listen_unix(const std::string& path) {
  auto listener = io::listen_unix(path);
  if (!listener) return tl::unexpected(listener.error());
  server_.add_listener(std::move(*listener));
  return {};
}

void AdminServer::retire() {
  retired_ = true;
  server_.close_listeners();
}

Page AdminServer::answer(const PageRequest& request) const {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  const auto& handlers = reads ? pages_ : actions_;
  const auto found = handlers.find(request.path);
  if (found != handlers.end() && (reads || request.method == "POST")) return found->second(request);
  const bool known = pages_.contains(request.path) || actions_.contains(request.path);
  std::string text = known ? fmt::format("{} is not possible here\n", request.method)
                           : fmt::format("no page {}; the pages are:\n", request.path);
  if (!known) {
    for (const auto& [path, handler] : pages_) text += path + "\n";
  }
  return {known ? 405 : 404, "text/plain; charset=utf-8", text};
}

namespace {

prometheus::MetricType type_of(MetricFamily::Type type) {
  if (type == MetricFamily::Type::counter) return prometheus::MetricType::Counter;
  if (type == MetricFamily::Type::gauge) return prometheus::MetricType::Gauge;
  return prometheus::MetricType::Histogram;
}

void fill(prometheus::ClientMetric& metric, MetricFamily::Type type, const MetricSample& sample) {
  if (type == MetricFamily::Type::counter) {
    metric.counter.value = sample.value;
  } else if (type == MetricFamily::Type::gauge) {
    metric.gauge.value = sample.value;
  } else {
    metric.histogram.sample_sum = sample.value;
    for (const MetricBucket& bucket : sample.buckets) {
      metric.histogram.bucket.push_back({bucket.count, bucket.up_to});
      metric.histogram.sample_count = bucket.count;
    }
  }
}

}  // namespace

std::string to_prometheus_text(const Metrics& metrics) {
  std::vector<prometheus::MetricFamily> families;
  for (const MetricFamily& family : metrics) {
    prometheus::MetricFamily out;
    out.name = family.name;
    out.help = family.help;
    out.type = type_of(family.type);
    for (const MetricSample& sample : family.samples) {
      prometheus::ClientMetric metric;
      for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
      fill(metric, family.type, sample);
      out.metric.push_back(std::move(metric));
    }
    families.push_back(std::move(out));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace hither::io
