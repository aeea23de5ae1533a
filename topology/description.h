// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/guard.h"
#include "base/health.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "topology/balance.h"
#include "topology/dns_protocol.h"
#include "topology/status_range.h"

namespace hither::topology {

/// The description file (world.toml) as a value: what the whole world should be. Every program
/// reads the same file through read_description() and takes its part; there is no second format.
/// Defaults are filled in and a room's own values already laid over the world's, so nobody else
/// merges. Never changed after it is read; docs/topology_format.md says every key, topology/keys.h
/// is the table both come from.

/// Room k, from 0, has 127.(10+k).0.1 unless it says otherwise; beyond this one it must.
constexpr std::size_t room_index_max = 245;
/// More than anybody has; they bound what a broken file can make us build.
constexpr std::size_t rooms_max = 1000;
constexpr std::size_t farms_max = 64;
constexpr std::size_t mistakes_max = 100;  ///< the first so many are reported
/// Rooms that one answer can name: more would not fit into 512 octets beside a long name.
constexpr int answers_max = 8;
constexpr int origins_max = 10'000;  ///< countries and networks in one list

/// Where a value stands in the file, for messages: 1-based. line 0: not in the file (a default).
struct Position {
  int line = 0;
  int column = 0;
};

/// A point on the globe in degrees: latitude -90..90 (north positive), longitude -180..180 (east).
struct Location {
  double latitude = 0;
  double longitude = 0;
  friend bool operator==(const Location&, const Location&) = default;
};

/// How the members of a policy are ordered.
enum class Rule { nearest, weighted, ordered };
std::string_view to_text(Rule rule);
/// nullopt for any other word.
std::optional<Rule> rule_of(std::string_view word);
enum class Mode { http, tcp };
/// Which PROXY header a server gets to hear before everything else.
enum class SendProxy { off, v1, v2 };
/// The weight of one copy, as the file says it.
struct CopyWeight {
  int weight = weight_usual;
  bool own = false;  ///< the room's own word, not the world's
  Position where;
};

/// How the balancer watches the copies of a farm: [farm.*.health].
struct HealthRule {
  /// What a probe does: ask over HTTP, connect, or connect and shake hands for TLS.
  enum class Kind { http, tcp, tls };
  HealthLimits limits;
  Kind kind = Kind::http;
  std::string path = "/health";
  std::string host;                        ///< asked for, over TLS too; empty: the address
  std::vector<StatusRange> status = {{}};  ///< of HTTP: any of these is well
  std::string body;                        ///< what the body must have in it; empty: anything
};

/// How the DNS finds out if a room serves a farm: [farm.*.probe].
struct ProbeRule {
  enum class Kind { report, http, tcp };
  Kind kind = Kind::report;
  std::string path = "/";
  std::string host;        ///< empty: the address
  std::uint16_t port = 0;  ///< 0: the farm's
  friend bool operator==(const ProbeRule&, const ProbeRule&) = default;
};

/// [dns]
struct Dns {
  std::vector<Endpoint> listen;
  std::vector<std::string> geo = {
      "builtin"};       ///< "builtin" or paths, resolved against the file's folder
  HealthLimits health;  ///< how the DNS watches the balancers
  GuardRule guard;
  int query_log_one_in = 0;  ///< 0: none
  DnsProtocol protocol;
  Position where_listen;
  Position where_geo;
  Position where_health;
};

/// [zone."NAME"]
struct Zone {
  std::string name;                 ///< lower case, without the last dot
  std::string file;                 ///< resolved path; empty: SOA and NS are made up
  std::vector<Prefix> transfer_to;  ///< who may have all of it; empty: nobody
  std::vector<Endpoint> notify;     ///< whom a new serial is told
  Position where;
  Position where_file;
};

/// [name."NAME"]: a steered name.
struct Name {
  std::string name;  ///< lower case, without the last dot
  std::string farm;
  std::string policy = "nearest";  ///< a rule's word: among all rooms; else of a [policy.*]
  Duration ttl = std::chrono::seconds(20);
  int answers = 1;  ///< rooms that an answer names
  Position where;
  Position where_farm;
  Position where_policy;
  Position where_ttl;
};

/// Clients that a fence, a preference or a latency is about: a country, or a network.
struct Origin {
  std::string country;  ///< "DE"; empty: a network
  Prefix network;

  friend bool operator==(const Origin&, const Origin&) = default;
};
/// "DE" or "10.0.0.0/8".
std::string to_text(const Origin& origin);

/// [[policy.NAME.fence]]
struct Fence {
  std::vector<Origin> from;
  std::vector<std::string> only;  ///< rooms; empty: all
  std::vector<std::string> never;
  Position where;
};

/// [[policy.NAME.prefer]]
struct Prefer {
  std::vector<Origin> from;
  std::vector<std::string> order;  ///< members of the policy
  Position where;
};

/// [policy.NAME]. topology/policy_tree.h puts several together.
struct Policy {
  std::string name;
  Rule rule = Rule::nearest;
  std::vector<std::string> of;  ///< rooms and policies; empty: all rooms
  int weight = 100;             ///< as a member of a weighted policy
  std::vector<Fence> fences;
  std::vector<Prefer> prefers;
  Position where;
  Position where_of;
};

/// [[latency]]
struct Latency {
  std::vector<Origin> from;
  std::string room;
  Duration rtt{};
  Position where;
};

/// [farm.NAME.spill], in shares of the capacity that a room reports.
struct Spill {
  double high = 0.9;
  double low = 0.7;
  double per_second = 0.05;
  Position where_low;
};

/// [farm.*.timeouts]: how long the balancer waits for whom.
struct Timeouts {
  Duration header = std::chrono::seconds(10);    ///< for a whole head, from its first byte
  Duration idle = std::chrono::seconds(60);      ///< for the next request
  Duration connect = std::chrono::seconds(2);    ///< for each copy that is tried
  Duration response = std::chrono::seconds(30);  ///< from the whole request to the response's head
  Duration stall = std::chrono::seconds(30);     ///< without a byte within a body
  Duration tunnel = std::chrono::minutes(10);    ///< without a byte either way, in mode tcp too
  Duration total = Duration::zero();             ///< of a connection in mode tcp; zero: no limit
  Duration drain = std::chrono::seconds(5);      ///< over which clients are asked to leave
};

/// [farm.*.limits]: what the balancer takes from clients.
struct Limits {
  std::uint64_t header_bytes = 16384;  ///< of a whole head
  std::uint64_t header_fields = 100;
  std::uint64_t body_bytes = 0;       ///< 0: no limit
  std::uint64_t min_body_rate = 500;  ///< bytes a second; 0: as slow as they like
  Duration body_grace = std::chrono::seconds(10);
};

/// [farm.*.outlier]: when a copy is ejected for what became of its requests.
struct OutlierRule {
  int failures = 5;         ///< in a row; 0: however many
  double success_rate = 0;  ///< share of good requests in the window below which it goes; 0: any
  Duration window = std::chrono::seconds(10);
  int min_requests = 20;  ///< with fewer in the window the share says nothing
  Duration backoff = std::chrono::seconds(5);
  Duration backoff_max = std::chrono::minutes(5);
  std::optional<int> most;  ///< copies out at once in a room; none: half of them
};

/// [farm.*.concurrency]: what one copy is ever given at once, and who waits while all have that.
struct Concurrency {
  int most = 0;     ///< requests, or connections in mode tcp; 0: no limit
  int queue = 100;  ///< that wait at once in one room; 0: none
  Duration queue_timeout = std::chrono::seconds(1);
  Position where_queue;   ///< set if the file has one of the last two
  bool adaptive = false;  ///< the limit of each copy follows its response times
  int least = 4;          ///< the lowest it gets to
  Position where_least;   ///< set if the file has it
};

/// [farm.*.panic]: what is done when few copies are left.
struct Panic {
  enum class Mode {
    spread,  ///< over all copies, as if all were up: probes may be wrong
    shed,    ///< who is left serves what it can, the rest is 503
  };
  double below = 0;  ///< share of the copies that is usable; 0: never
  Mode mode = Mode::spread;
};

/// What becomes of a request whose client ended its half of the connection.
enum class HalfClose { serve, abort };
/// How requests are logged.
enum class AccessLog { off, text, json };

/// A farm as one room runs it (the room's own values laid over [farm.NAME]).
struct Farm {
  std::string name;
  std::uint16_t port = 0;  ///< the balancer's, in every room
  Mode mode = Mode::http;
  int copies = 1;                    ///< processes started in this room; 0 with `servers`
  std::vector<std::string> command;  ///< each copy; empty with `servers`
  std::map<std::string, std::string> environment;  ///< added to each copy's
  std::vector<std::string> servers;  ///< "host:port" run by somebody else, instead of copies
  Balance balance = Balance::least_request;
  std::optional<HashBy> hash;  ///< for maglev; none: the path in mode http, else the client
  std::string sticky;          ///< name of the cookie; empty: none
  std::string sticky_secret;   ///< what its values are made with; may be empty
  std::map<std::string, CopyWeight> weights;  ///< of copies by name ("web-2"); else weight_usual
  bool accept_proxy = false;                  ///< clients begin with a PROXY header
  SendProxy send_proxy = SendProxy::off;
  std::vector<std::string> server_names;  ///< TLS clients that ask for them are its own
  HealthRule health;
  ProbeRule probe;
  Timeouts timeouts;
  Limits limits;
  OutlierRule outlier;
  GuardRule guard;  ///< of the copies' probes; [farm.*.guard]
  Panic panic;
  Duration slow_start{};  ///< how long a copy that returns takes to its full share; 0: none
  Concurrency concurrency;
  HalfClose half_close = HalfClose::serve;
  std::vector<Prefix> trusted_proxies;  ///< their X-Forwarded-For and the like are believed
  AccessLog access_log = AccessLog::off;
  int capacity = 100;          ///< requests at once that one copy is expected to carry
  double min_healthy = 0;      ///< share of the copies; with fewer usable the room counts as down
  std::optional<Spill> spill;  ///< the world's
  Duration ready_timeout = std::chrono::seconds(10);
  Position where;  ///< of the room's own table, or else of the world's; so are those below
  Position where_port;
  Position where_accept_proxy;
  Position where_send_proxy;
  Position where_server_names;
  Position where_copies;
  Position where_command;
  Position where_servers;
  Position where_capacity;
  Position where_health;
  Position where_hash;
  Position where_sticky;
};

/// By what the farm's requests are told apart: its own word, or what its mode lets one see.
HashBy hash_of(const Farm& farm);

/// [room.NAME]
struct Room {
  std::string name;
  std::string title;
  Location location;
  bool has_location = false;      ///< may be left out where no name is steered by distance
  std::vector<Address> address;   ///< what the DNS answers: 127.(10+index).0.1 in a local world
  std::optional<Endpoint> admin;  ///< its balancer's status page, if not address[0]:admin_port
  int weight = 100;               ///< for policy weighted
  int bias = 0;                   ///< for policy nearest, -99 to 99; positive is nearer
  std::vector<Farm> farms;        ///< in the order of the file's [farm.*]
  Position where;
  Position where_address;
  Position where_admin;

  /// Run by `hither up` on this machine? So it is if all its addresses are loopback ones.
  bool local() const;
  const Farm* find_farm(std::string_view farm) const;
};

/// [[network]]: where a network is, over the geo database.
struct Network {
  Prefix prefix;
  Location location;
  std::string title;
  Position where;
  std::string country;  ///< "DE"; empty: not said
};

/// [local]: how a world on one machine is laid out.
struct Local {
  std::uint16_t first_port = 20000;  ///< copies listen from here on, one port each
  std::uint16_t admin_port =
      7070;  ///< status pages: of the DNS on its own address, of balancers on theirs
  Position where_first_port;
  Position where_admin_port;
};

struct Description {
  std::string file;  ///< as it was given, for messages
  int schema = 1;
  std::string name;
  Dns dns;
  Local local;
  std::vector<Zone> zones;  ///< all lists in the order of the file
  std::vector<Name> names;
  std::vector<std::string> farms;  ///< names of the [farm.*] tables
  std::vector<Room> rooms;         ///< a room's place in this list is its index everywhere
  std::vector<Network> networks;
  std::vector<Policy> policies;
  std::vector<Latency> latencies;

  const Policy* find_policy(std::string_view policy) const;
  const Room* find_room(std::string_view room) const;
  /// Where the balancer of a room shows its status pages.
  Endpoint admin_of(const Room& room) const;
  /// Where the DNS shows its status pages: local.admin_port on the first dns.listen address, or on
  /// loopback where that is any address (status pages are not for everybody).
  Endpoint dns_admin() const;
};

/// A mistake in the file. Printed as `file:line:column: what is wrong; what would be right`.
struct Mistake {
  Position where;
  std::string message;
};

/// 0.0.0.0 or ::, "all addresses of this machine": good to listen on, not to reach somebody at.
bool is_any(const Address& address);

/// In their order.
std::vector<std::string> room_names(const Description& description);

/// Either a description without a single mistake, or all of them in file order.
struct Reading {
  std::optional<Description> description;
  std::vector<Mistake> mistakes;  ///< the first mistakes_max
};

/// Parses and checks the text of a description: types, units, ranges, unknown keys (description.cc)
/// and what must agree with what (check.cc). `file` is used in messages and to resolve relative
/// paths. Pure: files named in it are not opened. Never throws.
Reading read_description(std::string_view text, const std::string& file);

/// One mistake as the line people see.
std::string to_text(const Mistake& mistake, const std::string& file);

/// Every mistake on its own line, then "N mistakes; nothing was started".
std::string to_text(const std::vector<Mistake>& mistakes, const std::string& file);

}  // namespace hither::topology
