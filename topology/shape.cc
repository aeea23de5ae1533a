// SPDX-License-Identifier: Apache-2.0
#include "topology/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "base/ip.h"
#include "base/text.h"

namespace hither::topology {
namespace {

using Problem = std::optional<std::string>;
using Type = Key::Type;
using Shape = Key::Shape;

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// ISO 3166-1 alpha-2, and what registries add to it: which codes there are is not our business.
bool is_country(std::string_view text) {
  return text.size() == 2 && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_variable(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::ranges::all_of(
      text, [](char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_'; });
}

Duration seconds_of(double seconds) { return Duration(std::llround(seconds * 1e9)); }

/// "nearest", "weighted" or "ordered".
std::string one_of(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += fmt::format("\"{}\"", words[i]);
  }
  return text;
}

/// What one value of the key should be, without regard to lists.
std::string wanted_one(const Key& key) {
  switch (key.type) {
    case Type::table:
    case Type::names:
      return "a table";
    case Type::string:
      if (key.names == Key::Names::token) return "a token such as \"session\"";
      return key.names == Key::Names::label ? "a string of lower-case letters, digits and hyphens"
                                            : "a string";
    case Type::integer:
      if (key.least == key.most) return fmt::format("{:.0f}", key.least);
      return fmt::format("an integer from {:.0f} to {:.0f}", key.least, key.most);
    case Type::number:
      return fmt::format("a number from {} to {}", key.least, key.most);
    case Type::duration:
      return fmt::format("a duration from \"{}\" to \"{}\"", hither::to_text(seconds_of(key.least)),
                         hither::to_text(seconds_of(key.most)));
    case Type::word:
      return one_of(key.words);
    case Type::address:
      return "an IP address such as \"192.0.2.1\" or \"2001:db8::1\"";
    case Type::endpoint:
      return "an address and port such as \"127.0.0.1:53\" or \"[::1]:53\"";
    case Type::server:
      return "a host and port such as \"10.0.0.7:8080\" or \"web.internal:8080\"";
    case Type::prefix:
      return "a network such as \"10.0.0.0/8\" or \"2001:db8::/32\"";
    case Type::country:
      return "a country as two capital letters such as \"DE\"";
    case Type::origin:
      return "a country such as \"DE\" or a network such as \"10.0.0.0/8\"";
    case Type::server_name:
      return "a name such as \"www.example.test\" or \"*.example.test\", in lower case";
    case Type::hash_by:
      return R"("path", "source", "header:NAME" or "cookie:NAME")";
    case Type::status:
      return "an HTTP status or a range of them, such as \"204\" or \"200-299\"";
    case Type::location:
      return "[latitude, longitude] in degrees, such as [50.11, 8.68]";
  }
  return "a value";
}

Problem number_problem(const Key& key, const Node& node) {
  const bool right_kind =
      node.is(Node::Kind::integer) || (key.type == Type::number && node.is(Node::Kind::number));
  if (!right_kind) {
    return fmt::format("{} is {}; write {}", name_of(key), to_text(node.kind), wanted_one(key));
  }
  if (node.number >= key.least && node.number <= key.most) return std::nullopt;
  if (node.is(Node::Kind::integer)) {
    return fmt::format("{} is {}; write {}", name_of(key), node.integer, wanted_one(key));
  }
  return fmt::format("{} is {}; write {}", name_of(key), node.number, wanted_one(key));
}

Problem duration_problem(const Key& key, const Node& node) {
  if (node.is(Node::Kind::integer) && node.integer >= 0) {
    return fmt::format("{} is {} without a unit; write \"{}ms\" or \"{}s\"", name_of(key),
                       node.integer, node.integer, node.integer);
  }
  if (!node.is(Node::Kind::string)) {
    return fmt::format("{} is {}; write {}", name_of(key), to_text(node.kind), wanted_one(key));
  }
  const Result<Duration> duration = parse_duration(node.text);
  if (!duration) return fmt::format("{}: {}", name_of(key), duration.error().message);
  if (*duration >= seconds_of(key.least) && *duration <= seconds_of(key.most)) return std::nullopt;
  return fmt::format("{} is \"{}\"; write {}", name_of(key), node.text, wanted_one(key));
}

Problem word_problem(const Key& key, const Node& node) {
  if (std::ranges::find(key.words, node.text) != key.words.end()) return std::nullopt;
  const std::vector<std::string> words(key.words.begin(), key.words.end());
  if (const auto near = nearest_word(node.text, words)) {
    return fmt::format("{} cannot be \"{}\"; did you mean \"{}\"?", name_of(key), node.text, *near);
  }
  return fmt::format("{} cannot be \"{}\"; write {}", name_of(key), node.text, wanted_one(key));
}

bool is_server(std::string_view text) {
  if (const auto endpoint = parse_endpoint(text)) return endpoint->port > 0;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto port = parse_number(text.substr(colon + 1));
  return port && *port > 0 && *port <= 65535 && host_name_of(text.substr(0, colon));
}

constexpr std::size_t server_name_max = 253;

bool is_name_part(std::string_view label) {
  return !label.empty() && label.size() <= 63 && std::ranges::all_of(label, [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-' ||
           letter == '_';
  });
}

/// Labels of a host's name, or "*." and at least one.
bool is_server_name(std::string_view name) {
  if (name.size() > server_name_max) return false;
  if (name.starts_with("*.")) name.remove_prefix(2);
  while (true) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    if (!is_name_part(name.substr(0, dot))) return false;
    if (dot == name.size()) return true;
    name.remove_prefix(dot + 1);
  }
}

/// Why a name that the writer chose cannot be one, with what would be right.
Problem name_problem(const Key& table, const std::string& name) {
  switch (table.names) {
    case Key::Names::host:
      if (host_name_of(name)) return std::nullopt;
      return fmt::format(
          "'{}' is not a host name; write labels of letters, digits and hyphens with "
          "dots between, in quotes, such as {}.\"www.example.test\" (other scripts in "
          "their xn-- form)",
          name, name_of(table));
    case Key::Names::label:
      if (is_label(name)) return std::nullopt;
      return fmt::format(
          "'{}' cannot name a {}; write lower-case letters, digits and inner hyphens, "
          "63 at most",
          name, name_of(table));
    case Key::Names::variable:
      if (is_variable(name)) return std::nullopt;
      return fmt::format("'{}' is not a variable's name; write letters, digits and underscores",
                         name);
    case Key::Names::token:
      if (is_short_token(name)) return std::nullopt;
      return fmt::format(
          "'{}' cannot be a {}; write letters, digits and signs such as - and _, 64 at most", name,
          name_of(table));
    case Key::Names::none:
      break;
  }
  return std::nullopt;
}

/// Of the types that are written as strings.
Problem text_problem(const Key& key, const Node& node) {
  if (!node.is(Node::Kind::string)) {
    return fmt::format("{} is {}; write {}", name_of(key), to_text(node.kind), wanted_one(key));
  }
  if (node.text.find('\0') != std::string::npos) {
    return fmt::format("{} holds a NUL character; take it out", name_of(key));
  }
  const auto unfit = [&] {
    return fmt::format("{} cannot be \"{}\"; write {}", name_of(key), node.text, wanted_one(key));
  };
  const auto first_of = [&](const auto& result) {
    return result ? Problem()
                  : Problem(fmt::format("{}: {}", name_of(key), result.error().message));
  };
  switch (key.type) {
    case Type::word:
      return word_problem(key, node);
    case Type::address:
      return first_of(parse_address(node.text));
    case Type::prefix:
      return first_of(parse_prefix(node.text));
    case Type::country:
      return is_country(node.text) ? Problem() : Problem(unfit());
    case Type::origin:
      return origin_of(node.text) ? Problem() : Problem(unfit());
    case Type::server_name:
      return is_server_name(node.text) ? Problem() : Problem(unfit());
    case Type::hash_by:
      return hash_by_of(node.text) ? Problem() : Problem(unfit());
    case Type::status:
      return status_range_of(node.text) ? Problem() : Problem(unfit());
    case Type::server:
      return is_server(node.text) ? Problem() : Problem(unfit());
    case Type::endpoint: {
      const auto endpoint = parse_endpoint(node.text);
      if (!endpoint || endpoint->port > 0) return first_of(endpoint);
      return fmt::format("{} has port 0, where nobody would find it; write one from 1 to 65535",
                         name_of(key));
    }
    default:
      break;
  }
  if (key.most > 0 && static_cast<double>(node.text.size()) > key.most) {
    return fmt::format("{} has {} octets; write {:.0f} at most", name_of(key), node.text.size(),
                       key.most);
  }
  if (key.shape == Shape::one && key.names != Key::Names::none) return name_problem(key, node.text);
  if (!node.text.empty() || key.shape == Shape::list || key.shape == Shape::table) return {};
  return fmt::format("{} is empty; write a text, or leave the key out", name_of(key));
}

Problem location_problem(const Key& key, const Node& node) {
  const auto numeric = [](const Node& item) {
    return item.is(Node::Kind::integer) || item.is(Node::Kind::number);
  };
  if (!node.is(Node::Kind::list) || node.items.size() != 2 ||
      !std::ranges::all_of(node.items, numeric)) {
    return fmt::format("{} is not two numbers; write {}", name_of(key), wanted_one(key));
  }
  const std::array<std::string_view, 2> names = {"latitude", "longitude"};
  const std::array<double, 2> limits = {90, 180};
  for (std::size_t i = 0; i < 2; ++i) {
    const double number = node.items[i].number;
    if (number >= -limits[i] && number <= limits[i]) continue;  // A NaN is not.
    return fmt::format("{} {} is out of range; write one from -{} to {} (latitude comes first)",
                       names[i], number, limits[i], limits[i]);
  }
  return std::nullopt;
}

Problem problem_of_one(const Key& key, const Node& node) {
  switch (key.type) {
    case Type::integer:
    case Type::number:
      return number_problem(key, node);
    case Type::duration:
      return duration_problem(key, node);
    case Type::location:
      return location_problem(key, node);
    case Type::table:
    case Type::names:
      return std::nullopt;
    default:
      return text_problem(key, node);
  }
}

void check_one(const Key& key, const Node& node, std::vector<Mistake>& mistakes) {
  if (auto problem = problem_of_one(key, node)) mistakes.push_back({node.where, *problem});
}

void check_items(const Key& key, const Node& node, std::vector<Mistake>& mistakes) {
  for (const Node& item : node.items) {
    if (auto problem = name_problem(key, item.key); problem && key.shape == Shape::table) {
      mistakes.push_back({item.where_key, *problem});
    }
    check_one(key, item, mistakes);
  }
}

class Walk {
 public:
  explicit Walk(std::vector<Mistake>& mistakes) : mistakes_(mistakes) {}

  /// A table with fixed keys, or one of those in a table by names. `path` is its pattern.
  void table(const Node& node, std::string_view path) {
    const std::vector<const Key*> keys = keys_in(path);
    bool unquoted = false;
    for (const Node& item : node.items) {
      const auto key = std::ranges::find(keys, item.key, [](const Key* k) { return name_of(*k); });
      if (key != keys.end()) {
        value(item, **key, pattern(path, **key));
      } else if (const std::string name = unquoted_name(node, path, item); !name.empty()) {
        unquoted = true;
        mistakes_.push_back(
            {item.place(),
             fmt::format("unknown key '{}'; a name with dots needs quotes: [{}.\"{}\"]", item.key,
                         path.substr(0, path.find('.')), name)});
      } else {
        unknown(item, path, keys);
      }
    }
    if (!unquoted) missing(node, path, keys);
  }

 private:
  /// The pattern of a key seen from the table it is found in, which a room's farm shares.
  static std::string pattern(std::string_view table, const Key& key) {
    std::string path(table);
    if (!path.empty()) path += '.';
    path += name_of(key);
    if (key.type == Type::names) path += ".*";
    if (key.type == Type::table && key.shape == Shape::list) path += "[]";
    return path;
  }

  /// "[[policy.NAME.fence]]" for the pattern "policy.*.fence[]".
  static std::string list_header(std::string_view path) {
    std::string name(path.substr(0, path.rfind("[]")));
    if (const std::size_t star = name.find('*'); star != std::string::npos) {
      name.replace(star, 1, "NAME");
    }
    return fmt::format("[[{}]]", name);
  }

  static std::string called(const Node& node, std::string_view path) {
    return node.key.empty() ? list_header(path) : fmt::format("'{}'", node.key);
  }

  static std::string example_table(const Key& key) {
    const std::string_view name = name_of(key);
    if (key.names == Key::Names::host) return fmt::format("[{}.\"www.example.test\"]", name);
    if (key.names == Key::Names::label) return fmt::format("[{}.NAME]", name);
    return fmt::format("[{}]", key.path);
  }

  /// [name.www.example.test] without quotes is a table in a table in a table: the name that was
  /// meant, or nothing.
  static std::string unquoted_name(const Node& node, std::string_view path, const Node& item) {
    const bool by_host = path == "zone.*" || path == "name.*";
    if (!by_host || !item.is(Node::Kind::table)) return {};
    std::string name = node.key + "." + item.key;
    const Node* at = &item;
    while (at->items.size() == 1 && at->items.front().is(Node::Kind::table)) {
      at = &at->items.front();
      name += "." + at->key;
    }
    return name;
  }

  static std::string example(const Key& key) {
    if (key.type == Type::prefix) return "\"192.0.2.0/24\"";
    if (key.type == Type::origin) return "\"DE\"";
    if (key.type == Type::duration) return "\"80ms\"";
    if (key.type == Type::location) return "[latitude, longitude]";
    if (key.type == Type::integer) return "8080";
    return "\"web\"";
  }

  void value(const Node& item, const Key& key, const std::string& path) {
    if (key.type != Type::table && key.type != Type::names) {
      check_value(key, item, mistakes_);
    } else if (key.shape == Shape::list) {
      tables(item, path);
    } else if (!item.is(Node::Kind::table)) {
      const bool worlds_name = key.path == "name.*" && item.is(Node::Kind::string);
      mistakes_.push_back(
          {item.where, fmt::format("{} is {}; write a table, {}{}", item.key, to_text(item.kind),
                                   example_table(key),
                                   worlds_name ? " (the world's own name is the key world)" : "")});
    } else if (key.type == Type::table) {
      table(item, path);
    } else {
      named(item, key, path);
    }
  }

  void tables(const Node& list, const std::string& path) {
    if (!list.is(Node::Kind::list)) {
      mistakes_.push_back({list.where, fmt::format("{} is {}; write {} before each", list.key,
                                                   to_text(list.kind), list_header(path))});
      return;
    }
    for (const Node& item : list.items) {
      if (item.is(Node::Kind::table)) {
        table(item, path);
      } else {
        mistakes_.push_back({item.where, fmt::format("{} holds {}; write tables, {}", list.key,
                                                     to_text(item.kind), list_header(path))});
      }
    }
  }

  void named(const Node& node, const Key& key, const std::string& path) {
    for (const Node& item : node.items) {
      if (auto problem = name_problem(key, item.key)) {
        mistakes_.push_back({item.where_key, *problem});
      }
      if (item.is(Node::Kind::table)) {
        table(item, path);
      } else {
        mistakes_.push_back({item.where, fmt::format("'{}' is {}; write a table, [{}.{}]", item.key,
                                                     to_text(item.kind), name_of(key), item.key)});
      }
    }
  }

  void missing(const Node& node, std::string_view path, const std::vector<const Key*>& keys) {
    // A file without any room is check()'s to judge; a room's farm stands on the world's.
    if (path.empty() || path.starts_with("room.*.farm.*")) return;
    for (const Key* key : keys) {
      if (!key->required || node.find(name_of(*key)) != nullptr) continue;
      mistakes_.push_back(
          {node.place(), fmt::format("{} has no {}; write {} = {}", called(node, path),
                                     name_of(*key), name_of(*key), example(*key))});
    }
  }

  void unknown(const Node& item, std::string_view path, const std::vector<const Key*>& keys) {
    const Key* elsewhere = find_key(fmt::format("farm.*.{}", item.key));
    if (path == "room.*.farm.*" && elsewhere != nullptr) {
      mistakes_.push_back({item.place(), fmt::format("a room cannot have its own {}; write it in "
                                                     "[farm.NAME], for all rooms",
                                                     item.key)});
      return;
    }
    std::vector<std::string> words;
    words.reserve(keys.size());
    for (const Key* key : keys) words.emplace_back(name_of(*key));
    const auto near = nearest_word(item.key, words);
    mistakes_.push_back(
        {item.place(),
         near ? fmt::format("unknown key '{}'; did you mean '{}'?", item.key, *near)
              : fmt::format("unknown key '{}'; the keys {} are {}", item.key,
                            path.empty() ? "of a description" : "here", join_words(words))});
  }

  std::vector<Mistake>& mistakes_;
};

}  // namespace

void check_shape(const Node& root, std::vector<Mistake>& mistakes) {
  Walk(mistakes).table(root, "");
}

void check_value(const Key& key, const Node& node, std::vector<Mistake>& mistakes) {
  const bool list = node.is(Node::Kind::list);
  switch (key.shape) {
    case Shape::one:
      check_one(key, node, mistakes);
      break;
    case Shape::list:
    case Shape::either:
      if (!list && key.shape == Shape::either) {
        check_one(key, node, mistakes);
      } else if (!list) {
        mistakes.push_back({node.where, fmt::format("{} is {}; write {}", name_of(key),
                                                    to_text(node.kind), wanted(key))});
      } else if (node.items.empty() && key.shape == Shape::either) {
        mistakes.push_back(
            {node.where, fmt::format("{} is an empty list; write {}, or leave the key "
                                     "out",
                                     name_of(key), wanted(key))});
      } else if (node.items.size() > static_cast<std::size_t>(key.items_most)) {
        mistakes.push_back(
            {node.where, fmt::format("{} has {} values; write {} at most", name_of(key),
                                     node.items.size(), key.items_most)});
      } else {
        check_items(key, node, mistakes);
      }
      break;
    case Shape::table:
      if (node.is(Node::Kind::table)) {
        check_items(key, node, mistakes);
      } else {
        mistakes.push_back({node.where, fmt::format("{} is {}; write {}", name_of(key),
                                                    to_text(node.kind), wanted(key))});
      }
      break;
  }
}

std::string wanted(const Key& key) {
  switch (key.shape) {
    case Shape::one:
      return wanted_one(key);
    case Shape::list:
      return fmt::format("a list in [brackets], each of it {}", wanted_one(key));
    case Shape::either:
      return fmt::format("{}, or a list of them", wanted_one(key));
    case Shape::table:
      if (key.type == Type::integer) return "a table of NAME = " + wanted_one(key);
      return "a table of NAME = \"value\"";
  }
  return wanted_one(key);
}

std::optional<std::string> host_name_of(std::string_view text) {
  std::string name = to_lower(text);
  if (name.ends_with('.')) name.pop_back();
  if (name.empty() || name.size() > 253) return std::nullopt;
  for (const std::string_view label : split(name, '.')) {
    if (label.empty() || label.size() > 63) return std::nullopt;
    if (label.front() == '-' || label.back() == '-') return std::nullopt;
    const bool clean = std::ranges::all_of(
        label, [](char c) { return is_lower_or_digit(c) || c == '-' || c == '_'; });
    if (!clean) return std::nullopt;
  }
  return name;
}

std::optional<Origin> origin_of(std::string_view text) {
  if (is_country(text)) return Origin{.country = std::string(text), .network = {}};
  const auto network = parse_prefix(text);
  if (!network) return std::nullopt;
  return Origin{.country = {}, .network = *network};
}

bool is_label(std::string_view text) {
  if (text.empty() || text.size() > 63 || text.front() == '-' || text.back() == '-') return false;
  return std::ranges::all_of(text, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

}  // namespace hither::topology
