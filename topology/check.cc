// SPDX-License-Identifier: Apache-2.0
#include "topology/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "topology/check_balance.h"
#include "topology/check_concurrency.h"
#include "topology/check_front.h"
#include "topology/check_policy.h"
#include "topology/plan.h"
#include "topology/section.h"
#include "topology/shape.h"

namespace hither::topology {
namespace {

using namespace std::chrono_literals;
using Mistakes = std::vector<Mistake>;

std::string known_words(const std::vector<std::string>& words, std::string_view word,
                        std::string_view plural, std::string_view table) {
  if (const auto near = nearest_word(word, words)) return fmt::format("did you mean '{}'?", *near);
  if (words.empty()) return fmt::format("write [{}.{}]", table, word);
  return fmt::format("the {} are {}", plural, join_words(words));
}

// --- Names and zones. ---

/// The zone itself or one above the name; walks up label by label.
bool lies_in(const std::set<std::string>& zones, std::string_view name) {
  while (true) {
    if (zones.contains(std::string(name))) return true;
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return false;
    name.remove_prefix(dot + 1);
  }
}

std::string zone_for(std::string_view name) {
  const std::size_t dot = name.find('.');
  return std::string(dot == std::string_view::npos ? name : name.substr(dot + 1));
}

void check_names(const Description& description, Mistakes& mistakes) {
  std::set<std::string> zones;
  for (const Zone& zone : description.zones) {
    if (zones.insert(zone.name).second) continue;
    mistakes.push_back(
        {zone.where, fmt::format("zone '{}' is there twice (names are compared without "
                                 "case); take one away",
                                 zone.name)});
  }
  std::set<std::string> names;
  for (const Name& name : description.names) {
    if (!names.insert(name.name).second) {
      mistakes.push_back({name.where, fmt::format("name '{}' is there twice (names are compared "
                                                  "without case); take one away",
                                                  name.name)});
    }
    if (!lies_in(zones, name.name)) {
      mistakes.push_back({name.where, fmt::format("name '{}' lies in no zone of this file; write "
                                                  "[zone.\"{}\"]",
                                                  name.name, zone_for(name.name))});
    }
    const auto& farms = description.farms;
    if (!name.farm.empty() && std::ranges::find(farms, name.farm) == farms.end()) {
      mistakes.push_back(
          {name.where_farm, fmt::format("farm '{}' is not defined; {}", name.farm,
                                        known_words(farms, name.farm, "farms", "farm"))});
    }
    if (name.ttl % 1s != 0s) {
      mistakes.push_back(
          {name.where_ttl, fmt::format("ttl {} is no whole number of seconds, which is "
                                       "what DNS carries; write \"{}s\"",
                                       hither::to_text(name.ttl), name.ttl / 1s + 1)});
    }
  }
}

// --- Rooms. ---

void check_addresses(const Description& description, Mistakes& mistakes) {
  std::map<Address, std::string> taken;
  for (std::size_t i = 0; i < description.rooms.size(); ++i) {
    const Room& room = description.rooms[i];
    if (room.address.empty()) {
      mistakes.push_back(
          {room.where, fmt::format("room '{}' is number {}, and only the first {} have an address "
                                   "by default; give it one",
                                   room.name, i + 1, room_index_max + 1)});
    }
    for (const Address& address : room.address) {
      const auto [other, fresh] = taken.try_emplace(address, room.name);
      if (!fresh) {
        const bool twice = other->second == room.name;
        mistakes.push_back(
            {room.where_address,
             twice ? fmt::format("room '{}' has address {} twice; take one away", room.name,
                                 to_text(address))
                   : fmt::format("rooms '{}' and '{}' have the same address {}; give each its own",
                                 other->second, room.name, to_text(address))});
      }
      if (is_any(address)) {
        mistakes.push_back(
            {room.where_address, fmt::format("no client can reach {}; write an address "
                                             "of the room",
                                             to_text(address))});
      }
    }
  }
}

/// RFC 7871 s7.4 (and plain reason): if only some rooms had an IPv6 address, the AAAA answer would
/// be empty for some clients and full for others, and a resolver would keep the one for the other.
void check_families(const Description& description, Mistakes& mistakes) {
  const auto has = [](const Room& room, bool v4) {
    return std::ranges::any_of(room.address, [&](const Address& a) { return a.is_v4() == v4; });
  };
  for (const bool v4 : {true, false}) {
    const auto with =
        std::ranges::find_if(description.rooms, [&](const Room& room) { return has(room, v4); });
    if (with == description.rooms.end()) continue;
    for (const Room& room : description.rooms) {
      if (room.address.empty() || has(room, v4)) continue;
      mistakes.push_back(
          {room.where_address,
           fmt::format("room '{}' has no {} address, but '{}' has; give one to every "
                       "room or to none, so that no client finds the name empty",
                       room.name, v4 ? "IPv4" : "IPv6", with->name)});
    }
  }
}

void check_networks(const Description& description, Mistakes& mistakes) {
  std::map<Prefix, Position> taken;
  for (const Network& network : description.networks) {
    const auto [other, fresh] = taken.try_emplace(network.prefix, network.where);
    if (fresh) continue;
    mistakes.push_back(
        {network.where, fmt::format("network {} is already in line {}; take one away",
                                    to_text(network.prefix), other->second.line)});
  }
}

// --- Ports. ---

/// Something that will listen. `what` names no room, so that ten rooms make one message.
struct Listener {
  Endpoint endpoint;
  bool udp = false;
  std::string what;
  Position where;
  const Farm* farm = nullptr;  ///< a farm's
};

std::vector<Listener> listeners_of(const Description& description) {
  std::vector<Listener> listeners;
  const Local& local = description.local;
  for (const Endpoint& endpoint : description.dns.listen) {
    listeners.push_back({endpoint, true, "the DNS", description.dns.where_listen});
    listeners.push_back({endpoint, false, "the DNS", description.dns.where_listen});
  }
  if (!description.dns.listen.empty()) {
    listeners.push_back(
        {description.dns_admin(), false, "the status page of the DNS", local.where_admin_port});
  }
  std::set<Address> seen;  // Rooms with the same address have been named already.
  for (const Room& room : description.rooms) {
    std::vector<Address> own;
    for (const Address& address : room.address) {
      if (seen.insert(address).second && !is_any(address)) own.push_back(address);
    }
    if (own.empty()) continue;
    const Position admin = room.admin ? room.where_admin : local.where_admin_port;
    listeners.push_back({description.admin_of(room), false, "a balancer's status page", admin});
    for (const Farm& farm : room.farms) {
      if (farm.port == 0) continue;
      for (const Address& address : own) {
        listeners.push_back({{address, farm.port},
                             false,
                             fmt::format("farm '{}'", farm.name),
                             farm.where_port,
                             &farm});
      }
    }
  }
  return listeners;
}

/// What was written later in the file is where the message points.
void add_collision(const Listener& one, const Listener& other, Mistakes& mistakes) {
  const auto order = [](const Listener& l) { return std::tuple(l.where.line, l.where.column); };
  const Listener& late = order(one) < order(other) ? other : one;
  const Listener& early = &late == &one ? other : one;
  mistakes.push_back({late.where, fmt::format("{} and {} would both listen on port {}; give one of "
                                              "them another",
                                              early.what, late.what, late.endpoint.port)});
}

bool can_be_one(const Listener& one, const Listener& other) {
  return one.farm != nullptr && other.farm != nullptr && can_share_port(*one.farm, *other.farm);
}

void check_collisions(const Description& description, Mistakes& mistakes) {
  const std::vector<Listener> listeners = listeners_of(description);
  std::map<std::tuple<bool, std::uint16_t, Address>, std::vector<const Listener*>> taken;
  for (const Listener& listener : listeners) {
    std::vector<const Listener*>& others =
        taken[{listener.udp, listener.endpoint.port, listener.endpoint.address}];
    const auto other = std::ranges::find_if_not(
        others, [&listener](const Listener* one) { return can_be_one(*one, listener); });
    if (other != others.end()) add_collision(**other, listener, mistakes);
    others.push_back(&listener);
  }
  for (const Listener& wide : listeners) {
    if (!is_any(wide.endpoint.address)) continue;
    for (const Listener& listener : listeners) {
      const bool meets = listener.endpoint.port == wide.endpoint.port && listener.udp == wide.udp &&
                         !is_any(listener.endpoint.address) &&
                         listener.endpoint.address.is_loopback() &&
                         listener.endpoint.address.is_v4() == wide.endpoint.address.is_v4();
      if (meets) add_collision(wide, listener, mistakes);
    }
  }
}

/// Copies get ports that nobody else in the world has, on whatever address: a program may bind
/// 0.0.0.0.
void check_copy_ports(const Description& description, Mistakes& mistakes) {
  const std::optional<CopyPorts> ports = ports_of_copies(description);
  if (!ports) return;
  const Local& local = description.local;
  if (ports->last > 65535) {
    mistakes.push_back({local.where_first_port,
                        fmt::format("the copies need ports {} to {}, and 65535 is the last; lower "
                                    "local.first_port or the number of copies",
                                    ports->first, ports->last)});
    return;
  }
  for (const Listener& listener : listeners_of(description)) {
    const int port = listener.endpoint.port;
    if (port < ports->first || port > ports->last || listener.udp) continue;
    mistakes.push_back(
        {listener.where, fmt::format("{} has port {}, but ports {} to {} are for the "
                                     "copies; take another, or move local.first_port",
                                     listener.what, port, ports->first, ports->last)});
  }
}

// --- Farms. ---

void check_number(const Node* tables, std::size_t most, Mistakes& mistakes) {
  if (tables == nullptr || tables->items.size() <= most) return;
  mistakes.push_back({tables->items[most].place(),
                      fmt::format("there are {} tables [{}.*]; at most {} are possible",
                                  tables->items.size(), tables->key, most)});
}

void check_farms(const Description& description, Mistakes& mistakes) {
  for (const Room& room : description.rooms) {
    for (const Farm& farm : room.farms) {
      if (!farm.servers.empty() && (farm.copies > 0 || !farm.command.empty())) {
        mistakes.push_back(
            {farm.where_servers, fmt::format("farm '{}' has both servers and copies; "
                                             "keep servers if somebody else runs them, "
                                             "else copies and command",
                                             farm.name)});
      } else if (farm.copies > 0 && (farm.command.empty() || farm.command.front().empty())) {
        mistakes.push_back(
            {farm.where_command, fmt::format("farm '{}' has neither a command nor "
                                             "servers; write command = [\"program\"]",
                                             farm.name)});
      }
    }
  }
}

/// Within one table of health settings; `own` lies over `world` if it is not the same.
void check_health(const Section& section, const Section& own, const HealthLimits& limits,
                  Mistakes& mistakes) {
  const auto too_long = [&](std::string_view name, Duration duration) {
    if (duration <= limits.interval) return;
    const Section& late = own.has(name) || own.has("interval") ? own : section;
    mistakes.push_back({late.where(late.has(name) ? name : "interval"),
                        fmt::format("{} {} is longer than interval {}; write at most \"{}\"", name,
                                    hither::to_text(duration), hither::to_text(limits.interval),
                                    hither::to_text(limits.interval))});
  };
  too_long("timeout", limits.timeout);
  too_long("fast_interval", limits.fast_interval);
}

bool is_request_path(std::string_view path) {
  return path.starts_with('/') &&
         std::ranges::all_of(path, [](char c) { return c > ' ' && c < '\x7f'; });
}

/// The farm tables of the file one by one, with a room's over the world's.
class FarmTables {
 public:
  FarmTables(const Node& root, const Description& description, Mistakes& mistakes)
      : root_(root), description_(description), mistakes_(mistakes) {}

  void check() {
    for_each_table(root_.find("farm"), [&](const Node& node) { check_table(node, nullptr); });
    for_each_table(root_.find("room"), [&](const Node& room_node) {
      for_each_table(room_node.find("farm"), [&](const Node& own) {
        const Node* farms = root_.find("farm");
        const Node* world = farms != nullptr ? farms->find(own.key) : nullptr;
        if (world == nullptr) {
          mistakes_.push_back({own.place(), fmt::format("farm '{}' is not defined; {}", own.key,
                                                        known_words(description_.farms, own.key,
                                                                    "farms", "farm"))});
        } else if (world->is(Node::Kind::table)) {
          check_table(*world, &own);
        }
      });
    });
  }

 private:
  template <class F>
  static void for_each_table(const Node* node, F f) {
    if (node == nullptr || !node->is(Node::Kind::table)) return;
    for (const Node& item : node->items) {
      if (item.is(Node::Kind::table)) f(item);
    }
  }

  void check_table(const Node& world, const Node* own) {
    const Section section("farm.*", own, &world);
    const Section top("farm.*", own != nullptr ? own : &world);
    const Section health = section.inside("health");
    const Section top_health = top.inside("health");
    const Mode mode = Section("farm.*", &world).text("mode") == "tcp" ? Mode::tcp : Mode::http;
    const HealthRule rule = farm_health_of(health, mode);
    check_health(health, top_health, rule.limits, mistakes_);
    check_kind(health, rule.kind);
    check_host(health);
    if (!is_request_path(health.text("path"))) {
      mistakes_.push_back(
          {health.where("path"),
           fmt::format("path \"{}\" is no path of a request; write one that starts with "
                       "/ and has no space, such as \"/health\"",
                       health.text("path"))});
    }
    check_outlier(section.inside("outlier"), top.inside("outlier"));
    check_probe(section.inside("probe"));
    if (const Node* environment = top.find("environment")) check_environment(*environment);
  }

  /// Only an answer over HTTP has a status and a body.
  void check_kind(const Section& health, HealthRule::Kind kind) {
    if (kind == HealthRule::Kind::http) return;
    const std::string_view word = kind == HealthRule::Kind::tls ? "tls" : "tcp";
    for (const char* key : {"status", "body"}) {
      if (!health.has(key)) continue;
      mistakes_.push_back({health.where(key),
                           fmt::format("{} is looked at by kind \"http\" alone, and the kind here "
                                       "is \"{}\"; take it out, or write kind = \"http\"",
                                       key, word)});
    }
  }

  void check_host(const Section& section) {
    const std::string host = section.text("host");
    if (host.empty() || host_name_of(host)) return;
    mistakes_.push_back(
        {section.where("host"), fmt::format("host \"{}\" is no host name; write one such as "
                                            "\"www.example.test\"",
                                            host)});
  }

  void check_outlier(const Section& section, const Section& own) {
    const OutlierRule rule = outlier_of(section);
    if (rule.backoff <= rule.backoff_max) return;
    const Section& late = own.has("backoff") || own.has("backoff_max") ? own : section;
    mistakes_.push_back(
        {late.where(late.has("backoff") ? "backoff" : "backoff_max"),
         fmt::format("backoff {} is longer than backoff_max {}; write at most "
                     "\"{}\", or a longer backoff_max",
                     hither::to_text(rule.backoff), hither::to_text(rule.backoff_max),
                     hither::to_text(rule.backoff_max))});
  }

  void check_probe(const Section& probe) {
    if (const std::string path = probe.text("path"); !is_request_path(path)) {
      mistakes_.push_back({probe.where("path"),
                           fmt::format("path \"{}\" is no path of a request; write one that starts "
                                       "with / and has no space, such as \"/health\"",
                                       path)});
    }
    check_host(probe);
  }

  void check_environment(const Node& environment) {
    constexpr std::array<std::string_view, 6> ours = {"HITHER_COPY", "HITHER_FARM",   "HITHER_ROOM",
                                                      "HOST",        "NOTIFY_SOCKET", "PORT"};
    for (const Node& item : environment.items) {
      if (std::ranges::find(ours, item.key) == ours.end()) continue;
      mistakes_.push_back(
          {item.where_key, fmt::format("{} is set by hither, for each copy; take it "
                                       "out",
                                       item.key)});
    }
  }

  const Node& root_;
  const Description& description_;
  Mistakes& mistakes_;
};

}  // namespace

void check(const Node& root, const Description& description, Mistakes& mistakes) {
  // A misspelled [room] table has been named already.
  if (description.rooms.empty() && mistakes.empty()) {
    mistakes.push_back({{}, "there is no room; write [room.NAME] with its location"});
  }
  check_number(root.find("room"), rooms_max, mistakes);
  check_number(root.find("farm"), farms_max, mistakes);
  check_names(description, mistakes);
  check_policies(description, mistakes);
  check_addresses(description, mistakes);
  check_families(description, mistakes);
  check_networks(description, mistakes);
  check_farms(description, mistakes);
  check_balance(description, mistakes);
  check_concurrency(description, mistakes);
  check_front(description, mistakes);
  check_collisions(description, mistakes);
  check_copy_ports(description, mistakes);
  const Section dns_health = Section("", &root).inside("dns").inside("health");
  check_health(dns_health, dns_health, description.dns.health, mistakes);
  FarmTables(root, description, mistakes).check();
}

}  // namespace hither::topology
