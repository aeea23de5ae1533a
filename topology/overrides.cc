// SPDX-License-Identifier: Apache-2.0
#include "topology/overrides.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "topology/document.h"

namespace hither::topology {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::string_view, 6> keys = {"room",  "farm", "state",
                                                  "since", "over", "reason"};

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += fmt::format("\\{}", c);
    } else if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\u{:04X}", byte);
    } else {
      result += c;
    }
  }
  return result + '"';
}

/// Reads one table of the list.
class TableReader {
 public:
  TableReader(const Node& table, const std::string& file, std::vector<Error>& mistakes)
      : table_(table), file_(file), mistakes_(mistakes) {}

  std::optional<Override> read() {
    const std::size_t before = mistakes_.size();
    refuse_unknown_keys();
    Override one;
    one.where = table_.place();
    one.room = text("room");
    one.farm = text("farm");
    one.reason = text("reason");
    if (one.room.empty()) report(table_.place(), "no room; write room = \"NAME\"");
    read_kind(one);
    read_since(one);
    read_over(one);
    if (mistakes_.size() > before) return std::nullopt;
    return one;
  }

 private:
  void report(const Position& where, const std::string& message) {
    mistakes_.push_back({fmt::format("{}:{}:{}: {}", file_, where.line, where.column, message)});
  }

  void refuse_unknown_keys() {
    for (const Node& item : table_.items) {
      if (std::ranges::find(keys, item.key) != keys.end()) continue;
      report(item.place(), fmt::format("there is no key '{}'; the keys are room, farm, state, "
                                       "since, over and reason",
                                       item.key));
    }
  }

  std::string text(std::string_view key) {
    const Node* node = table_.find(key);
    if (node == nullptr) return {};
    if (node->is(Node::Kind::string)) return node->text;
    report(node->where, fmt::format("{} is {}; write a string", key, to_text(node->kind)));
    return {};
  }

  Position where(std::string_view key) const {
    const Node* node = table_.find(key);
    return node == nullptr ? table_.place() : node->where;
  }

  void read_kind(Override& one) {
    const std::string word = text("state");
    for (const auto kind : {Override::Kind::drain, Override::Kind::down, Override::Kind::up}) {
      if (word != to_text(kind)) continue;
      one.kind = kind;
      return;
    }
    report(where("state"),
           fmt::format("state '{}' is none; write \"drain\", \"down\" or \"up\"", word));
  }

  void read_since(Override& one) {
    const auto since = parse_wall_time(text("since"));
    if (since) {
      one.since = *since;
    } else {
      report(where("since"), since.error().message);
    }
  }

  void read_over(Override& one) {
    const std::string over = text("over");
    if (over.empty()) return;
    const auto duration = parse_duration(over);
    if (!duration) {
      report(where("over"), duration.error().message);
    } else if (one.kind != Override::Kind::drain) {
      report(where("over"), "only a drain takes time; take 'over' out");
    } else {
      one.over = *duration;
    }
  }

  const Node& table_;
  const std::string& file_;
  std::vector<Error>& mistakes_;
};

}  // namespace

std::string to_text(WallTime time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

Result<WallTime> parse_wall_time(std::string_view text) {
  const auto wrong = [&] {
    return fail(fmt::format("'{}' is no time; write one such as \"2026-11-24T10:00:00Z\"", text));
  };
  constexpr std::string_view form = "0000-00-00T00:00:00Z";
  if (text.size() != form.size()) return wrong();
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == '0' ? !digit : text[i] != form[i]) return wrong();
  }
  const auto number = [&](std::size_t at, std::size_t size) {
    return static_cast<int>(parse_number(text.substr(at, size)).value_or(0));
  };
  const std::chrono::year_month_day date(std::chrono::year(number(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2))));
  if (!date.ok() || number(0, 4) < 1970) return wrong();
  if (number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 59) return wrong();
  return std::chrono::sys_days(date) + hours(number(11, 2)) + minutes(number(14, 2)) +
         seconds(number(17, 2));
}

std::string_view to_text(Override::Kind kind) {
  switch (kind) {
    case Override::Kind::drain:
      return "drain";
    case Override::Kind::down:
      return "down";
    case Override::Kind::up:
      break;
  }
  return "up";
}

const Override* Overrides::find(std::string_view room, std::string_view farm) const {
  const Override* whole = nullptr;
  for (const Override& one : all) {
    if (one.room != room) continue;
    if (one.farm == farm) return &one;
    if (one.farm.empty()) whole = &one;
  }
  return whole;
}

void Overrides::set(Override change) {
  restore(change.room, change.farm);
  all.push_back(std::move(change));
}

bool Overrides::restore(std::string_view room, std::string_view farm) {
  return std::erase_if(all, [&](const Override& one) {
           return one.room == room && (farm.empty() || one.farm == farm);
         }) > 0;
}

OverridesReading read_overrides(std::string_view text, const std::string& file) {
  OverridesReading reading;
  const Document document = read_document(text);
  for (const Mistake& mistake : document.mistakes) {
    reading.mistakes.push_back({to_text(mistake, file)});
  }
  Overrides overrides;
  const auto report = [&](const Node& node, const std::string& message) {
    reading.mistakes.push_back({to_text(Mistake{node.place(), message}, file)});
  };
  for (const Node& item : document.root.items) {
    if (item.key != "override" || !item.is(Node::Kind::list)) {
      report(item, fmt::format("there is no '{}' here; write [[override]]", item.key));
      continue;
    }
    for (const Node& table : item.items) {
      if (!table.is(Node::Kind::table)) {
        report(table, "not a table; write [[override]]");
        continue;
      }
      auto one = TableReader(table, file, reading.mistakes).read();
      if (!one) continue;
      const bool twice = std::ranges::any_of(overrides.all, [&](const Override& other) {
        return other.room == one->room && other.farm == one->farm;
      });
      if (twice) report(table, "a second override for the same room and farm; keep one");
      overrides.all.push_back(std::move(*one));
    }
  }
  if (overrides.all.size() > overrides_max) {
    reading.mistakes.push_back({fmt::format("{}: {} overrides; at most {} are read", file,
                                            overrides.all.size(), overrides_max)});
  }
  if (reading.mistakes.empty()) reading.overrides = std::move(overrides);
  return reading;
}

std::string to_toml(const Overrides& overrides) {
  std::string text =
      "# What operators have said over the probes. Written by hither drain, down, force-up and\n"
      "# restore; programs that steer watch this file.\n";
  for (const Override& one : overrides.all) {
    text += fmt::format("\n[[override]]\nroom = {}\n", quoted(one.room));
    if (!one.farm.empty()) text += fmt::format("farm = {}\n", quoted(one.farm));
    text += fmt::format("state = \"{}\"\nsince = \"{}\"\n", to_text(one.kind), to_text(one.since));
    if (one.over > Duration{}) {
      text += fmt::format("over = \"{}\"\n", hither::to_text(one.over));
    }
    if (!one.reason.empty()) text += fmt::format("reason = {}\n", quoted(one.reason));
  }
  return text;
}

std::optional<std::string> find_stranger(const Override& one, const Description& description) {
  const Room* room = description.find_room(one.room);
  const auto cure = [](std::string_view word, const std::vector<std::string>& known) {
    const auto near = nearest_word(word, known);
    return near ? fmt::format("did you mean '{}'?", *near)
                : fmt::format("there is {}", join_words(known));
  };
  if (room == nullptr) {
    std::vector<std::string> rooms;
    for (const Room& known : description.rooms) rooms.push_back(known.name);
    return fmt::format("there is no room '{}'; {}", one.room, cure(one.room, rooms));
  }
  if (!one.farm.empty() && room->find_farm(one.farm) == nullptr) {
    return fmt::format("room '{}' has no farm '{}'; {}", one.room, one.farm,
                       cure(one.farm, description.farms));
  }
  return std::nullopt;
}

}  // namespace hither::topology
