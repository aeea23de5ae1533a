// SPDX-License-Identifier: Apache-2.0
#include "topology/schema.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "topology/description.h"
#include "topology/keys.h"

namespace hither::topology {
namespace {

using Json = nlohmann::ordered_json;
using Type = Key::Type;
using Shape = Key::Shape;

constexpr const char* duration_pattern = "^([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|ms|s|m|h|d)$";
constexpr const char* label_pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
constexpr const char* token_pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$";
constexpr const char* server_name_pattern =
    "^(?=.{1,253}$)(\\*\\.)?[a-z0-9_-]{1,63}(\\.[a-z0-9_-]{1,63})*$";
constexpr const char* hash_by_pattern =
    "^(path|source|(header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})$";
constexpr const char* status_pattern = "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$";
constexpr const char* variable_pattern = "^[A-Za-z_][A-Za-z0-9_]*$";
constexpr const char* host_pattern =
    "^(?=.{1,253}\\.?$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\\.)*"
    "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\\.?$";

Json range_of(double least, double most, const char* type) {
  Json json = {{"type", type}};
  const bool whole = std::string_view(type) == "integer";
  json["minimum"] = whole ? Json(std::llround(least)) : Json(least);
  json["maximum"] = whole ? Json(std::llround(most)) : Json(most);
  return json;
}

std::string duration_text(double seconds) {
  return hither::to_text(Duration(std::llround(seconds * 1e9)));
}

Json text_like(const char* format, const char* pattern) {
  return {{"type", "string"}, {"pattern", pattern}, {"format", format}};
}

Json one_value(const Key& key) {
  switch (key.type) {
    case Type::integer:
      return range_of(key.least, key.most, "integer");
    case Type::number:
      return range_of(key.least, key.most, "number");
    case Type::duration:
      return {{"type", "string"},
              {"pattern", duration_pattern},
              {"x-minimum", duration_text(key.least)},
              {"x-maximum", duration_text(key.most)}};
    case Type::word:
      return {{"enum", key.words}};
    case Type::address:
      return {{"type", "string"},
              {"anyOf", Json::array({{{"format", "ipv4"}}, {{"format", "ipv6"}}})}};
    case Type::endpoint:
      return text_like("endpoint", "^([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]+$");
    case Type::server:
      return text_like("server", "^.+:[0-9]+$");
    case Type::prefix:
      return text_like("prefix", "^[0-9A-Fa-f:.]+/[0-9]+$");
    case Type::country:
      return {{"type", "string"}, {"pattern", "^[A-Z]{2}$"}};
    case Type::origin:
      return text_like("origin", "^([A-Z]{2}|[0-9A-Fa-f:.]+/[0-9]+)$");
    case Type::server_name:
      return text_like("server-name", server_name_pattern);
    case Type::hash_by:
      return text_like("hash", hash_by_pattern);
    case Type::status:
      return text_like("status", status_pattern);
    case Type::location:
      return {{"type", "array"},
              {"prefixItems", {range_of(-90, 90, "number"), range_of(-180, 180, "number")}},
              {"items", false},
              {"minItems", 2}};
    default:
      break;
  }
  Json text = {{"type", "string"}};
  if (key.shape == Shape::one && key.names == Key::Names::label) {
    text["pattern"] = label_pattern;
  } else if (key.shape == Shape::one && key.names == Key::Names::token) {
    text["pattern"] = token_pattern;
  } else if (key.shape == Shape::one || key.shape == Shape::either) {
    text["minLength"] = 1;
  }
  // It counts characters: longer ones are found by `hither check`.
  if (key.most > 0) text["maxLength"] = static_cast<std::int64_t>(key.most);
  return text;
}

Json names_of(const Key& key) {
  switch (key.names) {
    case Key::Names::host:
      return {{"pattern", host_pattern}};
    case Key::Names::label:
      return {{"pattern", label_pattern}};
    case Key::Names::variable:
      return {{"pattern", variable_pattern}};
    case Key::Names::token:
      return {{"pattern", token_pattern}};
    case Key::Names::none:
      break;
  }
  return true;
}

Json value(const Key& key) {
  Json one = one_value(key);
  switch (key.shape) {
    case Shape::one:
      return one;
    case Shape::list:
      return {{"type", "array"}, {"items", one}, {"maxItems", key.items_most}};
    case Shape::either:
      return {{"anyOf", Json::array({one,
                                     {{"type", "array"},
                                      {"items", one},
                                      {"minItems", 1},
                                      {"maxItems", key.items_most}}})}};
    case Shape::table:
      return {{"type", "object"}, {"propertyNames", names_of(key)}, {"additionalProperties", one}};
  }
  return one;
}

Json property(const Key& key, const std::string& path);

/// A table with fixed keys.
Json fixed_table(const std::string& path) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const Key* key : keys_in(path)) {
    std::string inner = path.empty() ? "" : path + ".";
    inner += name_of(*key);
    properties[std::string(name_of(*key))] = property(*key, inner);
    if (key->required && !path.starts_with("room.*.farm.*")) required.push_back(name_of(*key));
  }
  Json json = {{"type", "object"}, {"additionalProperties", false}};
  if (!required.empty()) json["required"] = required;
  json["properties"] = properties;
  return json;
}

Json table_by_names(const Key& key, const std::string& path) {
  Json json = {{"type", "object"}, {"propertyNames", names_of(key)}};
  if (path == "room") {
    json["minProperties"] = 1;
    json["maxProperties"] = rooms_max;
  } else if (path == "farm") {
    json["maxProperties"] = farms_max;
  }
  json["additionalProperties"] = fixed_table(path + ".*");
  return json;
}

void add_default(const Key& key, Json& json, std::string& text) {
  if (key.fallback.empty()) return;
  if (key.fallback.starts_with('(')) {
    text += fmt::format(" Default: {}.", key.fallback.substr(1, key.fallback.size() - 2));
    return;
  }
  // Defaults are spelled so that they are both TOML and JSON (keys_test).
  json["default"] = Json::parse(key.fallback, nullptr, false);
}

Json property(const Key& key, const std::string& path) {
  std::string text(key.text);
  Json json = {{"description", ""}};
  if (key.type == Type::names) {
    json.update(table_by_names(key, path));
  } else if (key.type != Type::table) {
    json.update(value(key));
  } else if (key.shape == Shape::list) {
    json.update(Json{{"type", "array"}, {"items", fixed_table(path + "[]")}});
  } else {
    json.update(fixed_table(path));
  }
  add_default(key, json, text);
  json["description"] = text;
  return json;
}

}  // namespace

std::string schema_json() {
  Json json = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
               {"title", "hither description"},
               {"description", "Everything about a world of machine rooms, in one file."}};
  json.update(fixed_table(""));
  return json.dump(2) + "\n";
}

}  // namespace hither::topology
