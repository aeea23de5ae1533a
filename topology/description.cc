// SPDX-License-Identifier: Apache-2.0
#include "topology/description.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/assert.h"
#include "topology/check.h"
#include "topology/document.h"
#include "topology/section.h"
#include "topology/shape.h"

namespace hither::topology {
namespace {

/// A path of the file, seen from the folder the description is in.
std::string resolve(const std::string& description_file, const std::string& path) {
  const std::size_t slash = description_file.rfind('/');
  if (path.starts_with('/') || slash == std::string::npos) return path;
  return description_file.substr(0, slash + 1) + path;
}

ProbeRule probe_of(const Section& section) {
  const std::string kind = section.text("kind");
  return {.kind = kind == "http"  ? ProbeRule::Kind::http
                  : kind == "tcp" ? ProbeRule::Kind::tcp
                                  : ProbeRule::Kind::report,
          .path = section.text("path"),
          .host = section.text("host"),
          .port = static_cast<std::uint16_t>(section.integer("port"))};
}

/// The tables in a table by names, or nothing.
std::vector<const Node*> tables_of(const Node& root, std::string_view name) {
  std::vector<const Node*> tables;
  const Node* all = root.find(name);
  if (all == nullptr) return tables;
  for (const Node& item : all->items) {
    if (item.is(Node::Kind::table)) tables.push_back(&item);
  }
  return tables;
}

/// The tables in a list of tables, or nothing.
std::vector<const Node*> items_of(const Node& table, std::string_view name) {
  std::vector<const Node*> tables;
  const Node* all = table.find(name);
  if (all == nullptr || !all->is(Node::Kind::list)) return tables;
  for (const Node& item : all->items) {
    if (item.is(Node::Kind::table)) tables.push_back(&item);
  }
  return tables;
}

std::vector<const Node*> first_of(std::vector<const Node*> nodes, std::size_t most) {
  if (nodes.size() > most) nodes.resize(most);
  return nodes;
}

/// Fills a Description from a document, tolerating every mistake that check_shape() reports.
class Build {
 public:
  Build(const Node& root, const std::string& file) : root_(root) { description_.file = file; }

  Description run() {
    const Section top("", &root_);
    description_.schema = top.integer("schema");
    description_.name = top.text("world");
    add_dns(top.inside("dns"));
    add_local(top.inside("local"));
    for (const Node* node : tables_of(root_, "zone")) add_zone(*node);
    for (const Node* node : tables_of(root_, "name")) add_name(*node);
    for (const Node* node : first_of(tables_of(root_, "farm"), farms_max)) {
      description_.farms.push_back(node->key);
    }
    for (const Node* node : first_of(tables_of(root_, "room"), rooms_max)) add_room(*node);
    for (const Node* node : tables_of(root_, "network")) add_network(*node);
    for (const Node* node : tables_of(root_, "policy")) add_policy(*node);
    for (const Node* node : tables_of(root_, "latency")) add_latency(*node);
    return std::move(description_);
  }

 private:
  void add_dns(const Section& section) {
    Dns& dns = description_.dns;
    dns.listen = section.endpoints("listen");
    dns.geo.clear();
    for (const std::string& geo : section.texts("geo")) {
      dns.geo.push_back(geo == "builtin" ? geo : resolve(description_.file, geo));
    }
    dns.health = dns_health_of(section.inside("health"));
    dns.guard = guard_of(section.inside("guard"), "rooms", dns.health);
    dns.query_log_one_in = section.inside("query_log").integer("one_in");
    dns.protocol = read_dns_protocol(section);
    std::string& secrets = dns.protocol.cookie_secrets;
    if (!secrets.empty()) secrets = resolve(description_.file, secrets);
    dns.where_listen = section.where("listen");
    dns.where_geo = section.where("geo");
    dns.where_health = section.inside("health").where();
  }

  void add_local(const Section& section) {
    Local& local = description_.local;
    local.first_port = static_cast<std::uint16_t>(section.integer("first_port"));
    local.admin_port = static_cast<std::uint16_t>(section.integer("admin_port"));
    local.where_first_port = section.where("first_port");
    local.where_admin_port = section.where("admin_port");
  }

  void add_zone(const Node& node) {
    const auto name = host_name_of(node.key);
    if (!name) return;
    const Section section("zone.*", &node);
    const std::string file = section.text("file");
    description_.zones.push_back({.name = *name,
                                  .file = file.empty() ? file : resolve(description_.file, file),
                                  .transfer_to = section.prefixes("transfer_to"),
                                  .notify = section.endpoints("notify"),
                                  .where = section.where(),
                                  .where_file = section.where("file")});
  }

  void add_name(const Node& node) {
    const auto name = host_name_of(node.key);
    if (!name) return;
    const Section section("name.*", &node);
    description_.names.push_back({.name = *name,
                                  .farm = section.text("farm"),
                                  .policy = section.text("policy"),
                                  .ttl = section.duration("ttl"),
                                  .answers = section.integer("answers"),
                                  .where = section.where(),
                                  .where_farm = section.where("farm"),
                                  .where_policy = section.where("policy"),
                                  .where_ttl = section.where("ttl")});
  }

  void add_room(const Node& node) {
    const Section section("room.*", &node);
    Room room;
    room.name = node.key;
    room.title = section.has("title") ? section.text("title") : node.key;
    room.has_location = node.find("location") != nullptr;
    room.location = section.location("location");
    room.address = section.addresses("address");
    const std::size_t index = description_.rooms.size();
    if (room.address.empty() && index <= room_index_max) {
      const auto second = static_cast<std::uint32_t>(index) + 10;
      room.address.push_back(Address::v4(127U << 24U | second << 16U | 1U));
    }
    const auto admin = section.endpoints("admin");
    if (!admin.empty()) room.admin = admin.front();
    room.weight = section.integer("weight");
    room.bias = section.integer("bias");
    room.where = section.where();
    room.where_address = section.where("address");
    room.where_admin = section.where("admin");
    const Node* own_farms = node.find("farm");
    for (const Node* farm : first_of(tables_of(root_, "farm"), farms_max)) {
      const Node* own = own_farms != nullptr ? own_farms->find(farm->key) : nullptr;
      room.farms.push_back(
          farm_of(*farm, own != nullptr && own->is(Node::Kind::table) ? own : nullptr));
    }
    description_.rooms.push_back(std::move(room));
  }

  static Farm farm_of(const Node& world, const Node* own) {
    const Section section("farm.*", own, &world);
    Farm farm;
    farm.name = world.key;
    farm.port = static_cast<std::uint16_t>(Section("farm.*", &world).integer("port"));
    farm.mode = Section("farm.*", &world).text("mode") == "tcp" ? Mode::tcp : Mode::http;
    set_front(Section("farm.*", &world), farm);
    set_balance(section, farm);
    add_weights(&world, false, farm);
    add_weights(own, true, farm);
    farm.timeouts = timeouts_of(section.inside("timeouts"));
    farm.limits = limits_of(section.inside("limits"));
    farm.outlier = outlier_of(section.inside("outlier"));
    farm.half_close = section.text("half_close") == "abort" ? HalfClose::abort : HalfClose::serve;
    farm.trusted_proxies = section.prefixes("trusted_proxies");
    farm.access_log = access_log_of(section.text("access_log"));
    farm.concurrency = concurrency_of(section.inside("concurrency"));
    farm.capacity = capacity_of(section, farm.concurrency);
    farm.min_healthy = section.number("min_healthy");
    farm.spill = spill_of(Section("farm.*", &world));
    farm.ready_timeout = section.duration("ready_timeout");
    farm.health = farm_health_of(section.inside("health"), farm.mode);
    farm.guard = guard_of(section.inside("guard"), "copies", farm.health.limits);
    farm.panic = panic_of(section.inside("panic"));
    farm.slow_start = section.duration("slow_start");
    farm.probe = probe_of(section.inside("probe"));
    farm.where = section.where();
    farm.where_port = Section("farm.*", &world).where("port");
    farm.where_copies = section.where("copies");
    farm.where_command = section.where("command");
    farm.where_servers = section.where("servers");
    if (section.has("capacity")) farm.where_capacity = section.where("capacity");
    farm.where_health = section.inside("health").where();
    if (farm.where_health.line == 0) farm.where_health = farm.where;
    add_environment(&world, farm);
    add_environment(own, farm);
    set_servers(Section("farm.*", &world), Section("farm.*", own), farm);
    return farm;
  }

  static void set_front(const Section& section, Farm& farm) {
    farm.accept_proxy = section.text("accept_proxy") == "always";
    const std::string send = section.text("send_proxy");
    farm.send_proxy = send == "v1" ? SendProxy::v1 : send == "v2" ? SendProxy::v2 : SendProxy::off;
    farm.server_names = section.texts("server_names");
    farm.where_accept_proxy = section.where("accept_proxy");
    farm.where_send_proxy = section.where("send_proxy");
    farm.where_server_names = section.where("server_names");
  }

  static void set_balance(const Section& section, Farm& farm) {
    farm.balance = balance_of(section.text("balance")).value_or(Balance::least_request);
    if (section.has("hash")) farm.hash = hash_by_of(section.text("hash"));
    farm.sticky = section.text("sticky");
    farm.sticky_secret = section.text("sticky_secret");
    farm.where_hash = section.where("hash");
    farm.where_sticky = section.where(section.has("sticky") ? "sticky" : "sticky_secret");
  }

  static void add_weights(const Node* node, bool own, Farm& farm) {
    const Node* weights = Section("farm.*", node).find("weight");
    if (weights == nullptr) return;
    for (const Node& item : weights->items) {
      farm.weights[item.key] = {
          .weight = static_cast<int>(item.integer), .own = own, .where = item.place()};
    }
  }

  static AccessLog access_log_of(std::string_view word) {
    if (word == "text") return AccessLog::text;
    return word == "json" ? AccessLog::json : AccessLog::off;
  }

  static std::optional<Spill> spill_of(const Section& farm) {
    if (!farm.has("spill")) return std::nullopt;
    const Section spill = farm.inside("spill");
    return Spill{.high = spill.number("high"),
                 .low = spill.number("low"),
                 .per_second = spill.number("per_second"),
                 .where_low = spill.where(spill.has("low") ? "low" : "high")};
  }

  static void add_environment(const Node* node, Farm& farm) {
    const Node* environment = Section("farm.*", node).find("environment");
    if (environment == nullptr) return;
    for (const Node& item : environment->items) farm.environment[item.key] = item.text;
  }

  /// Copies or servers: the room's word counts first, then the world's; whoever says nothing gets
  /// copies.
  static void set_servers(const Section& world, const Section& own, Farm& farm) {
    const bool own_copies = own.has("copies") || own.has("command");
    const Section& with_servers = own.has("servers") ? own : world;
    farm.servers = own_copies && !own.has("servers") ? std::vector<std::string>()
                                                     : with_servers.texts("servers");
    if (!farm.servers.empty()) {
      // What stands right beside the servers is kept, for check() to say that it cannot be both.
      farm.copies = with_servers.has("copies") ? with_servers.integer("copies") : 0;
      farm.command = with_servers.texts("command");
      return;
    }
    farm.copies = own.has("copies") ? own.integer("copies") : world.integer("copies");
    const Section& with_command = own.has("command") ? own : world;
    farm.command = {"hither-backend"};
    if (with_command.has("command")) farm.command = with_command.texts("command");
  }

  void add_network(const Node& node) {
    const Section section("network[]", &node);
    const auto prefix = parse_prefix(section.text("prefix"));
    if (!prefix) return;
    const std::string title = section.text("title");
    description_.networks.push_back({.prefix = *prefix,
                                     .location = section.location("location"),
                                     .title = title.empty() ? to_text(*prefix) : title,
                                     .where = section.where("prefix"),
                                     .country = section.text("country")});
  }

  void add_policy(const Node& node) {
    const Section section("policy.*", &node);
    const auto rule = rule_of(section.text("rule"));
    Policy policy{.name = node.key,
                  .rule = rule ? *rule : Rule::nearest,
                  .of = section.texts("of"),
                  .weight = section.integer("weight"),
                  .fences = {},
                  .prefers = {},
                  .where = section.where(),
                  .where_of = section.where("of")};
    for (const Node* item : items_of(node, "fence")) {
      const Section fence("policy.*.fence[]", item);
      policy.fences.push_back({.from = fence.origins("from"),
                               .only = fence.texts("only"),
                               .never = fence.texts("never"),
                               .where = item->find("from") ? fence.where("from") : fence.where()});
    }
    for (const Node* item : items_of(node, "prefer")) {
      const Section prefer("policy.*.prefer[]", item);
      policy.prefers.push_back({.from = prefer.origins("from"),
                                .order = prefer.texts("order"),
                                .where = prefer.where("order")});
    }
    description_.policies.push_back(std::move(policy));
  }

  void add_latency(const Node& node) {
    const Section section("latency[]", &node);
    description_.latencies.push_back({.from = section.origins("from"),
                                      .room = section.text("room"),
                                      .rtt = section.duration("rtt"),
                                      .where = section.where("room")});
  }

  const Node& root_;
  Description description_;
};

/// In the order of the file, each once, not more than anybody reads.
void tidy(std::vector<Mistake>& mistakes) {
  const auto place = [](const Mistake& mistake) {
    return std::tuple(mistake.where.line, mistake.where.column);
  };
  std::ranges::stable_sort(mistakes, {}, place);
  const auto equal = [&](const Mistake& one, const Mistake& other) {
    return place(one) == place(other) && one.message == other.message;
  };
  mistakes.erase(std::unique(mistakes.begin(), mistakes.end(), equal), mistakes.end());
  if (mistakes.size() > mistakes_max) mistakes.resize(mistakes_max);
}

}  // namespace

bool is_any(const Address& address) {
  return address == Address() || address == Address::v4(std::uint32_t{0});
}

std::vector<std::string> room_names(const Description& description) {
  std::vector<std::string> names;
  for (const Room& room : description.rooms) names.push_back(room.name);
  return names;
}

HashBy hash_of(const Farm& farm) {
  const auto usual = farm.mode == Mode::tcp ? HashBy::Kind::source : HashBy::Kind::path;
  return farm.hash.value_or(HashBy{.kind = usual, .name = {}});
}

bool Room::local() const { return std::ranges::all_of(address, &Address::is_loopback); }

const Farm* Room::find_farm(std::string_view farm) const {
  const auto found = std::ranges::find(farms, farm, &Farm::name);
  return found == farms.end() ? nullptr : &*found;
}

const Room* Description::find_room(std::string_view room) const {
  const auto found = std::ranges::find(rooms, room, &Room::name);
  return found == rooms.end() ? nullptr : &*found;
}

const Policy* Description::find_policy(std::string_view policy) const {
  const auto found = std::ranges::find(policies, policy, &Policy::name);
  return found == policies.end() ? nullptr : &*found;
}

Endpoint Description::admin_of(const Room& room) const {
  if (room.admin) return *room.admin;
  ASSERT(!room.address.empty());
  return {room.address.front(), local.admin_port};
}

Endpoint Description::dns_admin() const {
  ASSERT(!dns.listen.empty());
  const Address& address = dns.listen.front().address;
  if (!is_any(address)) return {address, local.admin_port};
  const auto loopback = parse_address(address.is_v4() ? "127.0.0.1" : "::1");
  return {loopback ? *loopback : address, local.admin_port};
}

Reading read_description(std::string_view text, const std::string& file) {
  Document document = read_document(text);
  Reading reading{.description = {}, .mistakes = std::move(document.mistakes)};
  if (!reading.mistakes.empty()) return reading;
  check_shape(document.root, reading.mistakes);
  Description description = Build(document.root, file).run();
  check(document.root, description, reading.mistakes);
  tidy(reading.mistakes);
  if (reading.mistakes.empty()) reading.description = std::move(description);
  return reading;
}

std::string_view to_text(Rule rule) {
  switch (rule) {
    case Rule::nearest:
      return "nearest";
    case Rule::weighted:
      return "weighted";
    case Rule::ordered:
      break;
  }
  return "ordered";
}

std::optional<Rule> rule_of(std::string_view word) {
  for (const Rule rule : {Rule::nearest, Rule::weighted, Rule::ordered}) {
    if (word == to_text(rule)) return rule;
  }
  return std::nullopt;
}

std::string to_text(const Origin& origin) {
  return origin.country.empty() ? hither::to_text(origin.network) : origin.country;
}

std::string to_text(const Mistake& mistake, const std::string& file) {
  if (mistake.where.line == 0) return fmt::format("{}: {}", file, mistake.message);
  return fmt::format("{}:{}:{}: {}", file, mistake.where.line, mistake.where.column,
                     mistake.message);
}

std::string to_text(const std::vector<Mistake>& mistakes, const std::string& file) {
  std::string text;
  for (const Mistake& mistake : mistakes) text += to_text(mistake, file) + "\n";
  return text + fmt::format("{} mistake{}{}; nothing was started\n", mistakes.size(),
                            mistakes.size() == 1 ? "" : "s",
                            mistakes.size() >= mistakes_max ? " or more" : "");
}

}  // namespace hither::topology
