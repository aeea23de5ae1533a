// SPDX-License-Identifier: Apache-2.0
//
// Real resolvers between clients and hither-dns: whatever they keep, and for whom, every client
// gets the answer that hither-dns gives it directly (RFC 7871 s7.3).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/rng.h"
#include "tests/dns/support.h"
#include "tests/support/live_dns.h"
#include "tests/support/mmdb_writer.h"
#include "tests/support/stand_in_rooms.h"

namespace hither::test {
namespace {

using namespace std::chrono_literals;
using dns::testing::Reply;

constexpr std::uint64_t seed = 20261125;
constexpr std::size_t subnets_count = 10'000;
constexpr std::size_t queries_count = 20'000;
constexpr int blocks_count = 120;  // of each family in the database
constexpr std::array names = {"near", "pair", "order", "fenced", "near", "fenced", "weights"};
const std::vector<std::string> rooms = {"fra", "iad", "nrt", "gru", "syd", "bom", "jnb", "sea"};

Address draw_address(Rng& rng, bool v4) {
  if (v4) return Address::v4(static_cast<std::uint32_t>(rng.next()));
  std::array<std::byte, 16> octets{};
  for (std::byte& octet : octets) octet = static_cast<std::byte>(rng.below(256));
  octets[0] = static_cast<std::byte>(0x20 | (std::to_integer<unsigned>(octets[0]) & 0x1fU));
  return Address::v6(octets);
}

Prefix draw_prefix(Rng& rng, bool v4, int shortest, int longest) {
  const int length =
      shortest + static_cast<int>(rng.below(static_cast<std::uint64_t>(longest - shortest + 1)));
  return prefix_of(draw_address(rng, v4), v4 ? 96 + length : length);
}

/// An address that shares the first bits of the block, some more of them, or some less.
Address draw_near(Rng& rng, const Prefix& block) {
  const Address other = draw_address(rng, block.is_v4());
  const int least = block.is_v4() ? 96 : 4;
  const int same = std::clamp(block.length - 4 + static_cast<int>(rng.below(12)), least, 127);
  std::array<std::byte, 16> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const int bits = std::clamp(same - 8 * static_cast<int>(i), 0, 8);
    const unsigned mask = 0xff00U >> static_cast<unsigned>(bits) & 0xffU;
    octets[i] = static_cast<std::byte>((block.address.octets()[i] & mask) |
                                       (other.octets()[i] & ~mask & 0xffU));
  }
  return Address::v6(octets);
}

/// What says nothing about a place (RFC 7871 s11.3): the resolver's address decides.
Address draw_private(Rng& rng, bool v4) {
  const Address any = draw_address(rng, v4);
  if (v4) return Address::v4(0x0a00'0000U | (any.v4_value() & 0x00ff'ffffU));
  std::array<std::byte, 16> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = std::byte{any.octets()[i]};
  octets[0] = std::byte{0xfd};
  return Address::v6(octets);
}

/// Blocks of all sizes inside each other, also such as are longer than what resolvers tell.
class World {
 public:
  explicit World(Rng& rng) : stand_ins_(rooms, "web") {
    MmdbWriter database(6);
    for (int i = 0; i < blocks_count; ++i) {
      // Wide ones first: a later one wins over an earlier one that it lies in.
      const int shift = i * 20 / blocks_count;
      blocks_.push_back(draw_prefix(rng, true, 4 + shift / 2, 8 + shift));
      add(rng, database);
      blocks_.push_back(draw_prefix(rng, false, 8 + shift, 24 + 2 * shift));
      add(rng, database);
    }
    server_.folder().write("places.mmdb", database.bytes());
    server_.folder().write("world.toml", description());
  }

  bool start() { return server_.start(); }
  const LiveDns& server() const { return server_; }
  const std::vector<Prefix>& blocks() const { return blocks_; }

 private:
  void add(Rng& rng, MmdbWriter& database) {
    static constexpr std::array countries = {"DE", "US", "JP", "BR", "AU", "IN", "ZA", "CA"};
    database.add(blocks_.back(), {{"location.latitude", rng.unit() * 180 - 90},
                                  {"location.longitude", rng.unit() * 360 - 180},
                                  {"country.iso_code", countries[rng.below(countries.size())]}});
  }
  std::string description() const;

  StandInRooms stand_ins_;
  LiveDns server_;
  std::vector<Prefix> blocks_;
};

/// TTLs outlast the test: between probes of a room lie ten minutes.
std::string World::description() const {
  std::string text = fmt::format(R"(schema = 1
world = "resolvers"
[dns]
listen = ["{}"]
geo = "places.mmdb"
private_subnets = "resolver"
health = {{ interval = "10m", fast_interval = "10m", timeout = "10s" }}
[farm.web]
port = 80
[zone."example.test"]
[policy.fenced]
fence = [{{ from = ["DE", "JP"], only = ["fra", "nrt"] }}, {{ from = "8.0.0.0/7", never = "iad" }}]
prefer = [{{ from = ["ZA", "2a00::/13"], order = ["jnb", "fra"] }}]
[[network]]
prefix = "8.8.8.128/25"
location = [51.5, -0.1]
[[network]]
prefix = "2a00:1450:4000:8000::/64"
location = [35.7, 139.7]
)",
                                 to_text(server_.endpoint()));
  const auto add_name = [&](const char* name, const char* policy, int answers) {
    text += fmt::format(
        "[name.\"{}.example.test\"]\nfarm = \"web\"\npolicy = \"{}\"\nanswers = {}\nttl = \"5m\"\n",
        name, policy, answers);
  };
  add_name("near", "nearest", 1);
  add_name("pair", "nearest", 2);
  add_name("order", "ordered", 1);
  add_name("fenced", "fenced", 1);
  add_name("weights", "weighted", 1);
  constexpr std::array<std::pair<int, int>, 8> where = {
      {{50, 9}, {39, -77}, {36, 140}, {-23, -46}, {-34, 151}, {19, 73}, {-26, 28}, {47, -122}}};
  for (std::size_t i = 0; i < rooms.size(); ++i) {
    text += fmt::format(
        "[room.{0}]\nlocation = [{1}, {2}]\naddress = [\"198.18.{3}.1\", \"2001:2:0:{3}::1\"]\n"
        "admin = \"{4}\"\n",
        rooms[i], where[i].first, where[i].second, i + 1, to_text(stand_ins_.admin(rooms[i])));
  }
  return text;
}

/// What a client asks for: one of the names, A or AAAA, from a subnet.
struct Client {
  std::string name;
  dns::Type type = dns::Type::a;
  Prefix subnet;

  friend auto operator<=>(const Client&, const Client&) = default;
};

Bytes query_of(const Client& client, std::size_t number) {
  auto ask = dns::testing::ask(client.name, client.type);
  ask.id = static_cast<std::uint16_t>(number);
  return ask.subnet(to_text(client.subnet)).packet();
}

/// All that a client can see but for the TTL, in an order that does not depend on the resolver's.
std::string content(const Bytes& packet) {
  const Reply reply = dns::testing::parse_reply(packet);
  std::vector<std::string> data;
  for (const std::string& record : reply.answer) data.push_back(record.substr(record.rfind(' ')));
  std::ranges::sort(data);
  std::string text = packet.empty() ? "silence" : fmt::format("rcode {}", reply.rcode);
  for (const std::string& one : data) text += one;
  return text;
}

class RealResolver : public testing::Test {
 protected:
  RealResolver()
      : rng_(seed), world_(rng_), resolver_{*parse_address("127.0.0.1"), free_ports(1)} {}

  void SetUp() override { ASSERT_TRUE(world_.start()) << world_.server().output(); }

  /// Different ones: as long as what resolvers tell at most, /24 and /56, some of them shorter.
  std::vector<Client> draw_clients(bool shorter) {
    std::set<Client> drawn;
    while (drawn.size() < subnets_count) {
      const bool v4 = rng_.below(2) == 0;
      const Prefix& block = world_.blocks()[rng_.below(blocks_count) * 2 + (v4 ? 0 : 1)];
      Address address = draw_near(rng_, block);
      if (rng_.below(8) == 0) address = draw_address(rng_, v4);
      if (rng_.below(50) == 0) address = draw_private(rng_, v4);
      int length = v4 ? 96 + 24 : 56;
      if (shorter && rng_.below(4) == 0) length -= static_cast<int>(rng_.below(v4 ? 20 : 40));
      drawn.insert({.name = fmt::format("{}.example.test", names[rng_.below(names.size())]),
                    .type = rng_.below(4) == 0 ? dns::Type::aaaa : dns::Type::a,
                    .subnet = prefix_of(address, length)});
    }
    return {drawn.begin(), drawn.end()};
  }

  /// Every client at least once, and as many again, in random order.
  std::vector<std::size_t> draw_order() {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < queries_count; ++i) {
      order.push_back(i < subnets_count ? i : rng_.below(subnets_count));
    }
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng_.below(i)]);
    return order;
  }

  bool resolver_answers() {
    return eventually(60s, [&] {
      DnsSocket socket(resolver_);
      socket.send(dns::testing::ask("example.test", dns::Type::soa).packet());
      const Bytes reply = socket.receive(1s);
      return !reply.empty() && dns::testing::parse_reply(reply).answer.size() == 1;
    });
  }

  void compare(const std::vector<Client>& clients);

  Rng rng_;
  World world_;
  Endpoint resolver_;
};

void RealResolver::compare(const std::vector<Client>& clients) {
  std::vector<Bytes> queries;
  for (std::size_t i = 0; i < clients.size(); ++i) queries.push_back(query_of(clients[i], i));
  std::vector<std::string> direct;
  for (const Bytes& reply : ask_all(world_.server().endpoint(), queries)) {
    direct.push_back(content(reply));
  }
  const std::vector<std::size_t> order = draw_order();
  queries.clear();
  for (std::size_t i = 0; i < order.size(); ++i) queries.push_back(query_of(clients[order[i]], i));
  const std::uint64_t before = world_.server().queries();

  const std::vector<Bytes> replies = ask_all(resolver_, queries);

  const std::uint64_t seen = world_.server().queries() - before;
  int wrong = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Client& client = clients[order[i]];
    const std::string got = content(replies[i]);
    if (got == direct[order[i]]) continue;
    if (++wrong > 10) continue;
    ADD_FAILURE() << client.name << " " << to_text(client.type) << " from "
                  << to_text(client.subnet) << ": directly " << direct[order[i]]
                  << ", through the resolver " << got << " (query " << i << ", seed " << seed
                  << ")";
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(std::set<std::string>(direct.begin(), direct.end()).size(), 20U);
  EXPECT_LT(seen, subnets_count * 3 / 4) << "its cache answers for whole blocks, too";
  EXPECT_GT(seen, blocks_count * 4U) << "it tells hither-dns the subnets";
}

TEST_F(RealResolver, UnboundGivesEveryClientItsDirectAnswer) {
  ScratchFolder folder;
  folder.write("unbound.conf",
               fmt::format(R"(server:
  directory: "{}"
  chroot: ""
  username: ""
  pidfile: ""
  logfile: ""
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  interface: 127.0.0.1
  port: {}
  do-ip6: no
  module-config: "subnetcache iterator"
  send-client-subnet: 127.0.0.1
  max-ecs-tree-size-ipv4: 100000
  max-ecs-tree-size-ipv6: 100000
  do-not-query-localhost: no
  local-zone: "test." nodefault
remote-control:
  control-enable: no
stub-zone:
  name: "example.test"
  stub-addr: {}@{}
)",
                           folder.path(), resolver_.port,
                           to_text(world_.server().endpoint().address), world_.server().port()));
  ChildProgram unbound({"unbound", "-d", "-c", folder.path("unbound.conf")}, folder.path("log"));
  ASSERT_TRUE(resolver_answers()) << unbound.output();

  compare(draw_clients(true));
}

/// Only subnets as long as it sends them itself: it takes an answer to a shorter one for the whole
/// of that block where the scope is longer, which RFC 7871 s7.3.1 forbids (docs/client_subnet.md).
TEST_F(RealResolver, PowerDnsRecursorGivesEveryClientItsDirectAnswer) {
  ScratchFolder folder;
  ChildProgram recursor(
      {"pdns_recursor", "--config-dir=" + folder.path(), "--socket-dir=" + folder.path(),
       "--daemon=no", "--dnssec=off", "--disable-syslog", "--write-pid=no", "--threads=1",
       "--hint-file=no", "--local-address=127.0.0.1",
       fmt::format("--local-port={}", resolver_.port), "--allow-from=127.0.0.0/8",
       "--dont-query=", "--security-poll-suffix=",
       "--forward-zones=example.test=" + to_text(world_.server().endpoint()),
       "--use-incoming-edns-subnet=yes", "--edns-subnet-allow-list=example.test"},
      folder.path("log"));
  ASSERT_TRUE(resolver_answers()) << recursor.output();

  compare(draw_clients(false));
}

}  // namespace
}  // namespace hither::test
