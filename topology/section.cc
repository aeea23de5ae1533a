// SPDX-License-Identifier: Apache-2.0
#include "topology/section.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "topology/shape.h"

namespace hither::topology {
namespace {

using namespace std::chrono_literals;

bool is_valid(const Key& key, const Node& node) {
  if (key.type == Key::Type::table || key.type == Key::Type::names) {
    return node.is(key.shape == Key::Shape::list ? Node::Kind::list : Node::Kind::table);
  }
  std::vector<Mistake> mistakes;
  check_value(key, node, mistakes);
  return mistakes.empty();
}

/// The strings of a value that may be one or a list.
std::vector<std::string> strings_of(const Node& node) {
  if (!node.is(Node::Kind::list)) return {node.text};
  std::vector<std::string> texts;
  for (const Node& item : node.items) texts.push_back(item.text);
  return texts;
}

HealthLimits health_of(const Section& section, Duration fast_most, Duration timeout_most) {
  HealthLimits limits;
  limits.interval = section.duration("interval");
  limits.fast_interval = section.duration("fast_interval", std::min(limits.interval, fast_most));
  limits.timeout = section.duration("timeout", std::min(limits.interval, timeout_most));
  limits.fall = section.integer("fall");
  limits.rise = section.integer("rise");
  return limits;
}

}  // namespace

HealthLimits dns_health_of(const Section& section) { return health_of(section, 100ms, 400ms); }

HealthRule farm_health_of(const Section& section, Mode mode) {
  HealthRule rule{.limits = health_of(section, 250ms, 1s),
                  .kind = mode == Mode::http ? HealthRule::Kind::http : HealthRule::Kind::tcp,
                  .path = section.text("path"),
                  .host = section.text("host"),
                  .status = {},
                  .body = section.text("body")};
  rule.limits.down_interval = section.duration("down_interval", Duration{});
  const std::string kind = section.text("kind");
  if (kind == "http") rule.kind = HealthRule::Kind::http;
  if (kind == "tcp") rule.kind = HealthRule::Kind::tcp;
  if (kind == "tls") rule.kind = HealthRule::Kind::tls;
  for (const std::string& text : section.texts("status")) {
    if (const auto range = status_range_of(text)) rule.status.push_back(*range);
  }
  return rule;
}

GuardRule guard_of(const Section& section, std::string_view members, const HealthLimits& health) {
  const Duration detection =
      health.interval + (health.fall - 1) * health.fast_interval + health.timeout;
  return {.percent = section.integer("percent"),
          .members = section.integer(members),
          .window = section.duration("window", detection),
          .hold = section.duration("hold")};
}

Panic panic_of(const Section& section) {
  return {.below = section.number("below"),
          .mode = section.text("mode") == "shed" ? Panic::Mode::shed : Panic::Mode::spread};
}

Timeouts timeouts_of(const Section& section) {
  return {.header = section.duration("header"),
          .idle = section.duration("idle"),
          .connect = section.duration("connect"),
          .response = section.duration("response"),
          .stall = section.duration("stall"),
          .tunnel = section.duration("tunnel"),
          .total = section.duration("total"),
          .drain = section.duration("drain")};
}

Limits limits_of(const Section& section) {
  return {.header_bytes = section.large("header_bytes"),
          .header_fields = section.large("header_fields"),
          .body_bytes = section.large("body_bytes"),
          .min_body_rate = section.large("min_body_rate"),
          .body_grace = section.duration("body_grace")};
}

OutlierRule outlier_of(const Section& section) {
  OutlierRule rule{.failures = section.integer("failures"),
                   .success_rate = section.number("success_rate"),
                   .window = section.duration("window"),
                   .min_requests = section.integer("min_requests"),
                   .backoff = section.duration("backoff"),
                   .backoff_max = section.duration("backoff_max"),
                   .most = std::nullopt};
  if (section.has("most")) rule.most = section.integer("most");
  return rule;
}

Concurrency concurrency_of(const Section& section) {
  Concurrency rule{.most = section.integer("most"),
                   .queue = section.integer("queue"),
                   .queue_timeout = section.duration("queue_timeout"),
                   .where_queue = {},
                   .adaptive = section.text("adaptive") == "gradient",
                   .least = section.integer("least"),
                   .where_least = {}};
  if (section.has("least")) {
    rule.where_least = section.where("least");
  } else if (rule.most > 0) {
    rule.least = std::min(rule.least, rule.most);
  }
  for (const char* key : {"queue_timeout", "queue"}) {
    if (section.has(key)) rule.where_queue = section.where(key);
  }
  return rule;
}

int capacity_of(const Section& farm, const Concurrency& concurrency) {
  if (farm.has("capacity")) return farm.integer("capacity");
  const int usual = Farm{}.capacity;
  return concurrency.most > 0 ? std::min(usual, concurrency.most) : usual;
}

Section::Section(std::string path, const Node* node, const Node* under)
    : path_(std::move(path)), node_(node), under_(under) {}

const Key& Section::key(std::string_view name) const {
  std::string path = path_;
  if (!path.empty()) path += '.';
  const Key* found = find_key(path.append(name));
  ASSERT(found != nullptr);
  return *found;
}

Section Section::inside(std::string_view name) const {
  const auto table = [&](const Node* node) -> const Node* {
    const Node* found = node != nullptr ? node->find(name) : nullptr;
    return found != nullptr && found->is(Node::Kind::table) ? found : nullptr;
  };
  return {std::string(key(name).path), table(node_), table(under_)};
}

const Node* Section::find(std::string_view name) const {
  const Key& wanted_key = key(name);
  for (const Node* node : {node_, under_}) {
    const Node* found = node != nullptr ? node->find(name) : nullptr;
    if (found != nullptr && is_valid(wanted_key, *found)) return found;
  }
  return nullptr;
}

Position Section::where(std::string_view name) const {
  const Node* node = find(name);
  return node != nullptr ? node->where : where();
}

Position Section::where() const {
  if (node_ != nullptr) return node_->place();
  return under_ != nullptr ? under_->place() : Position{};
}

std::string Section::text(std::string_view name) const {
  if (const Node* node = find(name)) return node->text;
  const std::string_view fallback = key(name).fallback;
  if (!fallback.starts_with('"')) return {};
  return std::string(fallback.substr(1, fallback.size() - 2));
}

int Section::integer(std::string_view name) const {
  if (const Node* node = find(name)) return static_cast<int>(node->integer);
  return static_cast<int>(parse_number(key(name).fallback).value_or(0));
}

std::uint64_t Section::large(std::string_view name) const {
  if (const Node* node = find(name)) return static_cast<std::uint64_t>(node->integer);
  return parse_number(key(name).fallback).value_or(0);
}

double Section::number(std::string_view name) const {
  if (const Node* node = find(name)) return node->number;
  const std::string_view fallback = key(name).fallback;
  double number = 0;
  std::from_chars(fallback.data(), fallback.data() + fallback.size(), number);
  return number;
}

Duration Section::duration(std::string_view name) const {
  const auto duration = parse_duration(text(name));
  return duration ? *duration : Duration{};
}

Duration Section::duration(std::string_view name, Duration fallback) const {
  return has(name) ? duration(name) : fallback;
}

Location Section::location(std::string_view name) const {
  const Node* node = find(name);
  return node == nullptr ? Location{} : Location{node->items[0].number, node->items[1].number};
}

std::vector<std::string> Section::texts(std::string_view name) const {
  if (const Node* node = find(name)) return strings_of(*node);
  const std::string fallback = text(name);
  if (fallback.empty()) return {};
  return {fallback};
}

std::vector<Endpoint> Section::endpoints(std::string_view name) const {
  std::vector<Endpoint> endpoints;
  for (const std::string& text : texts(name)) {
    if (const auto endpoint = parse_endpoint(text)) endpoints.push_back(*endpoint);
  }
  return endpoints;
}

std::vector<Address> Section::addresses(std::string_view name) const {
  std::vector<Address> addresses;
  for (const std::string& text : texts(name)) {
    if (const auto address = parse_address(text)) addresses.push_back(*address);
  }
  return addresses;
}

std::vector<Prefix> Section::prefixes(std::string_view name) const {
  std::vector<Prefix> prefixes;
  for (const std::string& text : texts(name)) {
    if (const auto prefix = parse_prefix(text)) prefixes.push_back(*prefix);
  }
  return prefixes;
}

std::vector<Origin> Section::origins(std::string_view name) const {
  std::vector<Origin> origins;
  for (const std::string& text : texts(name)) {
    if (const auto origin = origin_of(text)) origins.push_back(*origin);
  }
  return origins;
}

}  // namespace hither::topology
