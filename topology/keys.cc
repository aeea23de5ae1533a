// SPDX-License-Identifier: Apache-2.0
#include "topology/keys.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "topology/description.h"

namespace hither::topology {
namespace {

using enum Key::Type;
using Shape = Key::Shape;
using Names = Key::Names;

constexpr std::array<std::string_view, 3> rules = {"nearest", "weighted", "ordered"};
constexpr std::array<std::string_view, 3> tellings = {"version", "id", "nsid"};
constexpr std::array<std::string_view, 2> private_subnets = {"use", "resolver"};

// One line per key would hide what is said about it, and one field per line would hide the table:
// what fits a line stands on one.
const auto keys_before_farms = std::to_array<Key>({
    {.path = "schema",
     .type = integer,
     .fallback = "1",
     .least = 1,
     .most = 1,
     .text = "The version of this format."},
    {.path = "world",
     .type = string,
     .fallback = "\"world\"",
     .names = Names::label,
     .text = "What this world is called, in messages and by `hither status`."},

    {.path = "dns", .text = "The DNS server of the world."},
    {.path = "dns.listen",
     .type = endpoint,
     .shape = Shape::either,
     .fallback = "\"127.0.0.1:5300\"",
     .items_most = 16,
     .text = "Where it answers queries, over UDP and TCP."},
    {.path = "dns.geo",
     .type = string,
     .shape = Shape::either,
     .fallback = "\"builtin\"",
     .items_most = 16,
     .text = "Where networks are: the built-in country table, or paths to MaxMind-format databases "
             "(the first that knows an address wins)."},
    {.path = "dns.health", .text = "How the DNS watches the balancers of the rooms."},
    {.path = "dns.health.interval",
     .type = duration,
     .fallback = "\"500ms\"",
     .least = shortest_probe,
     .most = hour,
     .text =
         "From the end of one probe to the next while nothing changes. The first waits are spread "
         "over the interval, so that rooms are asked one after the other."},
    {.path = "dns.health.fast_interval",
     .type = duration,
     .fallback = "(the smaller of interval and 100ms)",
     .least = shortest_probe,
     .most = hour,
     .text = "The same while results contradict what is believed, so that a change is seen soon; "
             "at most interval."},
    {.path = "dns.health.timeout",
     .type = duration,
     .fallback = "(the smaller of interval and 400ms)",
     .least = shortest_probe,
     .most = hour,
     .text = "When an unanswered probe has failed; at most interval."},
    {.path = "dns.health.fall",
     .type = integer,
     .fallback = "2",
     .least = 1,
     .most = 100,
     .text = "Failures in a row that take a room down."},
    {.path = "dns.health.rise",
     .type = integer,
     .fallback = "2",
     .least = 1,
     .most = 100,
     .text = "Passes in a row that bring a room back up."},
    {.path = "dns.node",
     .type = string,
     .fallback = "(the host's name)",
     .most = DnsProtocol::node_octets_max,
     .text = "What this server calls itself, to those it tells, in 128 octets at most; HITHER_NODE "
             "wins."},
    {.path = "dns.tell",
     .type = word,
     .shape = Shape::list,
     .fallback = "[]",
     .items_most = 3,
     .words = tellings,
     .text = "What it tells about itself to whoever asks: its version (CH TXT version.bind), its "
             "name (CH TXT id.server), its name beside answers (NSID)."},
    {.path = "dns.cookie_secrets",
     .type = string,
     .fallback = "(one made at random at every start)",
     .text =
         "The file of the secrets that DNS cookies are made with; servers that share an address "
         "share it."},
    {.path = "dns.private_subnets",
     .type = word,
     .fallback = "\"use\"",
     .words = private_subnets,
     .text = "What decides for a client subnet of private addresses: they themselves, or the "
             "resolver's address."},
    {.path = "dns.udp_payload",
     .type = integer,
     .fallback = "1232",
     .least = 512,
     .most = 4096,
     .text = "The largest answer over UDP, in octets; what is longer comes over TCP."},
    {.path = "dns.rate_limit", .text = "How many answers over UDP one network gets."},
    {.path = "dns.rate_limit.per_second",
     .type = integer,
     .fallback = "0",
     .least = 0,
     .most = 1000000,
     .text = "Answers a second to one address; 0 is no limit."},
    {.path = "dns.rate_limit.slip",
     .type = integer,
     .fallback = "2",
     .least = 0,
     .most = 10,
     .text = "Every so many-th answer beyond the limit is cut short instead of left out; 0 is "
             "none."},
    {.path = "dns.rate_limit.exempt",
     .type = prefix,
     .shape = Shape::list,
     .fallback = "[]",
     .items_most = 100,
     .text = "Networks that are never limited."},
    {.path = "dns.tcp", .text = "How many connections clients may have, and for how long."},
    {.path = "dns.tcp.connections",
     .type = integer,
     .fallback = "4000",
     .least = 1,
     .most = 1000000,
     .text = "Connections in all; beyond them the one longest idle is closed."},
    {.path = "dns.tcp.per_client",
     .type = integer,
     .fallback = "200",
     .least = 1,
     .most = 1000000,
     .text = "Connections of one IPv4 address or IPv6 /64."},
    {.path = "dns.tcp.idle",
     .type = duration,
     .fallback = "\"10s\"",
     .least = 1,
     .most = hour,
     .text = "How long a connection may go without a query."},

    {.path = "dns.guard", .text = "What happens when most rooms seem to fail at once."},
    {.path = "dns.guard.percent",
     .type = integer,
     .fallback = "50",
     .least = 1,
     .most = 100,
     .text = "When more than this share of the rooms that were up fails, it is the prober that is "
             "doubted, not the rooms."},
    {.path = "dns.guard.rooms",
     .type = integer,
     .fallback = "2",
     .least = 1,
     .most = 1000,
     .text = "... and at least so many rooms."},
    {.path = "dns.guard.window",
     .type = duration,
     .fallback = "(interval + (fall - 1) x fast_interval + timeout of dns.health)",
     .least = shortest_probe,
     .most = hour,
     .text = "... within this time of each other."},
    {.path = "dns.guard.hold",
     .type = duration,
     .fallback = "\"2m\"",
     .least = 0,
     .most = day,
     .text = "How long the last good state is held, at most; 0s believes every probe."},
    {.path = "dns.query_log", .text = "A sample of the queries, in the log."},
    {.path = "dns.query_log.one_in",
     .type = integer,
     .fallback = "0",
     .least = 0,
     .most = 1000000000,
     .text = "One query in so many is logged; 0 logs none."},

    {.path = "local", .text = "How a world on one machine is laid out."},
    {.path = "local.first_port",
     .type = integer,
     .fallback = "20000",
     .least = 1,
     .most = 65535,
     .text = "Copies listen from this port on, each on its own."},
    {.path = "local.admin_port",
     .type = integer,
     .fallback = "7070",
     .least = 1,
     .most = 65535,
     .text = "Where the DNS and the balancers show their status pages, each on its own address."},

    {.path = "zone.*",
     .type = names,
     .names = Names::host,
     .text = "A zone that the DNS is authoritative for, by its name."},
    {.path = "zone.*.file",
     .type = string,
     .text = "Its static records as a zone file; without one, SOA and NS are made up."},
    {.path = "zone.*.transfer_to",
     .type = prefix,
     .shape = Shape::list,
     .fallback = "[]",
     .items_most = 100,
     .text = "Networks that may transfer its static records (AXFR)."},
    {.path = "zone.*.notify",
     .type = endpoint,
     .shape = Shape::list,
     .fallback = "[]",
     .items_most = 16,
     .text = "Servers that are told when its serial has changed (NOTIFY)."},

    {.path = "name.*",
     .type = names,
     .names = Names::host,
     .text = "A steered name: its address is that of a room, chosen for each client."},
    {.path = "name.*.farm", .type = string, .required = true, .text = "The farm that serves it."},
    {.path = "name.*.policy",
     .type = string,
     .fallback = "\"nearest\"",
     .text =
         "How a room is chosen: \"nearest\", \"weighted\" or \"ordered\" among all rooms, or the "
         "name of a [policy.*]."},
    {.path = "name.*.answers",
     .type = integer,
     .fallback = "1",
     .least = 1,
     .most = answers_max,
     .text = "How many rooms an answer names, the best first."},
    {.path = "name.*.ttl",
     .type = duration,
     .fallback = "\"20s\"",
     .least = 1,
     .most = day,
     .text = "For how long a resolver may keep an answer, at most; whole seconds."},

    {.path = "policy.*",
     .type = names,
     .names = Names::label,
     .text = "A way to choose a room, for names and for other policies."},
    {.path = "policy.*.rule",
     .type = word,
     .fallback = "\"nearest\"",
     .words = rules,
     .text = "What orders its members: their cost for the client, their weights, or the list."},
    {.path = "policy.*.of",
     .type = string,
     .shape = Shape::list,
     .fallback = "(every room, in the order of the file)",
     .items_most = rooms_max,
     .text =
         "Its members: rooms, other policies, or \"nearest\", \"weighted\" or \"ordered\" for all "
         "rooms."},
    {.path = "policy.*.weight",
     .type = integer,
     .fallback = "100",
     .least = 0,
     .most = 10000,
     .text = "Its share where it is a member of a policy with rule weighted."},
    {.path = "policy.*.fence[]",
     .shape = Shape::list,
     .fallback = "[]",
     .text = "Rooms that some clients may only, or may never, be sent to."},
    {.path = "policy.*.fence[].from",
     .type = origin,
     .shape = Shape::either,
     .required = true,
     .items_most = origins_max,
     .text = "Whom it is for: countries or networks."},
    {.path = "policy.*.fence[].only",
     .type = string,
     .shape = Shape::either,
     .items_most = rooms_max,
     .text = "The rooms that they may be sent to, and no other."},
    {.path = "policy.*.fence[].never",
     .type = string,
     .shape = Shape::either,
     .items_most = rooms_max,
     .text = "Rooms that they are never sent to."},
    {.path = "policy.*.prefer[]",
     .shape = Shape::list,
     .fallback = "[]",
     .text = "Members that some clients try first, whatever the rule says."},
    {.path = "policy.*.prefer[].from",
     .type = origin,
     .shape = Shape::either,
     .required = true,
     .items_most = origins_max,
     .text = "Whom it is for: countries or networks."},
    {.path = "policy.*.prefer[].order",
     .type = string,
     .shape = Shape::either,
     .required = true,
     .items_most = rooms_max,
     .text = "The members that they try first, in this order; the rule orders the rest."},
});

const auto keys_behind_farms = std::to_array<Key>({
    {.path = "room.*",
     .type = names,
     .required = true,
     .names = Names::label,
     .text = "A machine room: an address in the DNS, a balancer behind it, and its copies."},
    {.path = "room.*.title",
     .type = string,
     .fallback = "(the room's name)",
     .text = "What people call it."},
    {.path = "room.*.location",
     .type = Key::Type::location,
     .text = "Where it is, as [latitude, longitude] in degrees; needed by policy nearest."},
    {.path = "room.*.address",
     .type = address,
     .shape = Shape::either,
     .fallback = "(127.(10+k).0.1 for the k-th room, from 0)",
     .items_most = 16,
     .text = "What the DNS answers for it; a room with loopback addresses runs on this machine."},
    {.path = "room.*.admin",
     .type = endpoint,
     .fallback = "(the first address, local.admin_port)",
     .text = "Where its balancer shows its status pages."},
    {.path = "room.*.weight",
     .type = integer,
     .fallback = "100",
     .least = 0,
     .most = 10000,
     .text = "Its share for policy weighted; 0 gets nobody."},
    {.path = "room.*.bias",
     .type = integer,
     .fallback = "0",
     .least = -99,
     .most = 99,
     .text = "Makes it nearer (above 0) or farther (below 0) than it is, in percent."},
    {.path = "room.*.farm.*",
     .type = names,
     .names = Names::label,
     .text = "What this room does differently for a farm; its own values win, key by key."},

    {.path = "network[]",
     .shape = Shape::list,
     .fallback = "[]",
     .text = "Where a network is, over the geo database."},
    {.path = "network[].prefix",
     .type = prefix,
     .required = true,
     .text = "The network, as address/length."},
    {.path = "network[].location",
     .type = Key::Type::location,
     .required = true,
     .text = "Where it is, as [latitude, longitude] in degrees."},
    {.path = "network[].country",
     .type = country,
     .text = "The country it counts to, for fences, preferences and latencies."},
    {.path = "network[].title",
     .type = string,
     .fallback = "(the prefix)",
     .text = "What people call it."},

    {.path = "latency[]",
     .shape = Shape::list,
     .fallback = "[]",
     .text = "A measured round trip, which takes the place of distance."},
    {.path = "latency[].from",
     .type = origin,
     .shape = Shape::either,
     .required = true,
     .items_most = origins_max,
     .text = "Whose: countries or networks."},
    {.path = "latency[].room", .type = string, .required = true, .text = "To which room."},
    {.path = "latency[].rtt",
     .type = duration,
     .required = true,
     .least = 0.0001,
     .most = 10,
     .text = "How long a packet takes there and back."},
});

constexpr std::string_view farm_of_room = "room.*.farm.*";
constexpr std::string_view farm_of_world = "farm.*";

}  // namespace

std::span<const Key> all_keys() {
  static const std::vector<Key> all = [] {
    std::vector<Key> keys(keys_before_farms.begin(), keys_before_farms.end());
    std::ranges::copy(farm_keys(), std::back_inserter(keys));
    std::ranges::copy(keys_behind_farms, std::back_inserter(keys));
    return keys;
  }();
  return all;
}

const Key* find_key(std::string_view path) {
  std::string world_path;
  if (path.size() > farm_of_room.size() && path.starts_with(farm_of_room)) {
    world_path = std::string(farm_of_world) + std::string(path.substr(farm_of_room.size()));
    path = world_path;
  }
  const std::span<const Key> all = all_keys();
  const auto found = std::ranges::find(all, path, &Key::path);
  return found == all.end() ? nullptr : &*found;
}

std::vector<const Key*> keys_in(std::string_view table) {
  const bool in_room = table.starts_with(farm_of_room);
  if (in_room) table.remove_prefix(std::string_view("room.*.").size());
  std::vector<const Key*> keys;
  for (const Key& key : all_keys()) {
    std::string_view rest = key.path;
    if (!table.empty()) {
      if (!rest.starts_with(table) || rest.size() <= table.size() || rest[table.size()] != '.') {
        continue;
      }
      rest.remove_prefix(table.size() + 1);
    }
    if (rest.ends_with(".*")) rest.remove_suffix(2);
    if (rest.find('.') != std::string_view::npos) continue;
    if (!in_room || !key.world_only) keys.push_back(&key);
  }
  return keys;
}

std::string_view name_of(const Key& key) {
  std::string_view path = key.path;
  if (path.ends_with(".*")) path.remove_suffix(2);
  if (path.ends_with("[]")) path.remove_suffix(2);
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

}  // namespace hither::topology
