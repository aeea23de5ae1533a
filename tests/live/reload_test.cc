// SPDX-License-Identifier: Apache-2.0
//
// A hundred reloads under load: every query gets an answer, and each answer is that of a version
// which was valid between the query and its answer.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/dns/support.h"
#include "tests/support/live_dns.h"
#include "tests/support/mmdb_writer.h"
#include "tests/support/stand_in_rooms.h"

namespace hither::test::reload_test {
namespace {

using namespace std::chrono_literals;
using dns::testing::Reply;

constexpr int reloads = 100;
constexpr int bad_version_after = 52;     // the next one changes the zone file
constexpr std::size_t sockets_count = 4;  // one of them a TCP connection
constexpr int pause_ms = 5;               // between rounds: at most some 6,000 queries a second
constexpr Duration patience = 30s;
constexpr Duration soon = 60s;

/// What the files say is numbered: the number is in each answer, and what else is in the answer
/// follows from it. In the zone file it is the text of a TXT record, in the description the TTL, in
/// the database the length of a block, which is the scope.
enum Part : std::size_t { zone, description, database, parts };
constexpr std::array<Part, parts> all_parts = {zone, description, database};
using Versions = std::array<int, parts>;

/// Every choice of them but none comes again and again.
bool changes(int version, Part part) {
  return ((static_cast<unsigned>(version) % 7 + 1) >> part & 1U) != 0;
}

constexpr int ttl_of_first = 1000;
constexpr int scope_of_first = 20;

std::string zone_text(int version) {
  return fmt::format(R"($TTL 300
@ IN SOA ns1 hostmaster {0} 3600 600 604800 60
@ IN NS ns1
ns1 IN A 192.0.2.53
version IN TXT "{0}"
)",
                     version);
}

/// Odd versions turn the order of the rooms around.
std::string address_of(int version) { return version % 2 == 0 ? "198.51.100.1" : "198.51.100.3"; }

/// Small, because it is read a hundred times. The networks go over it. For what is in no block fra
/// is the first, as in the file: so the block is near one of the others.
std::string database_bytes(int version) {
  MmdbWriter writer(6);
  const bool even = version % 2 == 0;
  writer.add(prefix_of(*parse_address("2a00::"), scope_of_first + version),
             {{"location.latitude", even ? 39.04 : 35.76},
              {"location.longitude", even ? -77.49 : 140.39}});
  return writer.bytes();
}
std::string place_of(int version) { return version % 2 == 0 ? "198.51.100.2" : "198.51.100.3"; }

std::string description_text(const LiveDns& server, const StandInRooms& rooms, int version) {
  const bool even = version % 2 == 0;
  return fmt::format(R"(schema = 1
world = "reloads"
[dns]
listen = ["{}"]
geo = "places.mmdb"
health = {{ interval = "1h", fast_interval = "1h", timeout = "30s" }}
[zone."example.test"]
file = "example.test.zone"
[policy.turn]
rule = "ordered"
of = {}
[name."turn.example.test"]
farm = "web"
policy = "turn"
ttl = "{}s"
[name."shares.example.test"]
farm = "web"
policy = "weighted"
ttl = "{}s"
[name."place.example.test"]
farm = "web"
{})",
                     to_text(server.endpoint()), even ? R"(["fra", "nrt"])" : R"(["nrt", "fra"])",
                     ttl_of_first + version, ttl_of_first + version,
                     tables_of_three_rooms(rooms, {even ? "weight = 9" : "weight = 0", "weight = 0",
                                                   even ? "weight = 0" : "weight = 9"}));
}

/// Every kind of answer that could suffer, with the part of the world that it tells the version of.
struct Question {
  const char* name;
  dns::Type type;
  const char* subnet;
};
constexpr std::array<Question, 9> questions = {{{"version", dns::Type::txt, nullptr},
                                                {"turn", dns::Type::a, "10.1.0.0/16"},
                                                {"shares", dns::Type::a, "10.3.0.0/16"},
                                                {"nothing", dns::Type::a, "10.1.0.0/16"},
                                                {"version", dns::Type::txt, "10.2.0.0/16"},
                                                {"turn", dns::Type::a, nullptr},
                                                {"shares", dns::Type::a, "2001:db8:1::/48"},
                                                {"place", dns::Type::a, "2a00::/128"},
                                                {"ns1", dns::Type::a, nullptr}}};

Bytes packet_of(const Question& question, std::size_t id) {
  auto ask = dns::testing::ask(std::string(question.name) + ".example.test", question.type);
  ask.id = static_cast<std::uint16_t>(id);
  if (question.subnet != nullptr) ask.subnet(question.subnet);
  return ask.packet();
}

/// Queries without end from several sockets, in a thread of its own. The queries of one socket all
/// go to one thread of the server, whose versions only ever rise: what a socket has seen is the
/// oldest that it may see from then on.
class Load {
 public:
  explicit Load(const Endpoint& server) {
    for (std::size_t i = 0; i < sockets_count; ++i) {
      sockets_.emplace_back(server, i == 0 ? DnsSocket::Over::tcp : DnsSocket::Over::udp);
    }
    thread_ = std::thread([this] { run(); });
  }
  ~Load() { stop(); }

  /// From now on this version is valid, too.
  void allow(Part part, int version) { newest_[part] = version; }
  /// True at once if something is wrong: then there is nothing to wait for.
  bool everybody_has(const Versions& versions) const {
    return ended_ || std::ranges::all_of(
                         all_parts, [&](Part part) { return oldest_[part] == versions[part]; });
  }
  /// So many more whole rounds, unless something is wrong.
  bool goes_on(int rounds) const {
    const int from = rounds_;
    return eventually(soon, [&] { return ended_ || rounds_ >= from + rounds; });
  }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Once it is stopped:
  std::uint64_t asked() const { return asked_; }
  std::uint64_t answered() const { return answered_; }
  const std::string& wrong() const { return wrong_; }

 private:
  struct Socket {
    Socket(const Endpoint& server, DnsSocket::Over over) : socket(server, over) {}
    DnsSocket socket;
    Versions seen{};
  };

  void run();
  void ask_and_judge(Socket& socket);
  std::string judge(Socket& socket, const Question& question, const Reply& reply) const;
  std::string judge_version(Socket& socket, Part part, int version) const;

  std::vector<Socket> sockets_;
  std::array<std::atomic<int>, parts> newest_{};
  std::array<std::atomic<int>, parts> oldest_{};
  std::atomic<int> rounds_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> ended_{false};
  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0;
  std::string wrong_;
  std::thread thread_;
};

void Load::run() {
  while (!stopping_ && wrong_.empty()) {
    for (Socket& socket : sockets_) {
      for (std::size_t i = 0; i < questions.size(); ++i) {
        socket.socket.send(packet_of(questions[i], i));
        ++asked_;
      }
    }
    for (Socket& socket : sockets_) ask_and_judge(socket);
    for (const Part part : all_parts) {
      int oldest = newest_[part];
      for (const Socket& socket : sockets_) oldest = std::min(oldest, socket.seen[part]);
      oldest_[part] = oldest;
    }
    ++rounds_;
    poll(nullptr, 0, pause_ms);
  }
  ended_ = true;
}

void Load::ask_and_judge(Socket& socket) {
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Bytes packet = socket.socket.receive(patience);
    if (packet.empty()) {
      wrong_ += "no answer\n";
      return;
    }
    ++answered_;
    const Reply reply = dns::testing::parse_reply(packet);
    const std::string wrong = reply.id < questions.size()
                                  ? judge(socket, questions[reply.id], reply)
                                  : "an id that nobody asked with";
    if (!wrong.empty()) wrong_ += wrong + ": " + reply.question + "\n";
  }
}

std::string Load::judge(Socket& socket, const Question& question, const Reply& reply) const {
  const std::string name = question.name;
  if (name == "nothing") return reply.rcode == 3 ? "" : "not NXDOMAIN";
  const std::string data = reply.only_data();
  if (reply.answer.size() != 1) return data;
  if (name == "ns1") return data == "192.0.2.53" ? "" : data;
  if (name == "version") {
    return judge_version(socket, zone, std::stoi(data.substr(1)));
  }
  if (name == "place") {
    const int version = reply.scope().value_or(0) - scope_of_first;
    return data == place_of(version) ? judge_version(socket, database, version) : data;
  }
  // "turn.example.test. 1007 IN A 198.51.100.3"
  const std::string& record = reply.answer[0];
  const int version = std::stoi(record.substr(record.find(' ') + 1)) - ttl_of_first;
  if (data != address_of(version)) return record;
  return judge_version(socket, description, version);
}

std::string Load::judge_version(Socket& socket, Part part, int version) const {
  const int newest = newest_[part];
  if (version < socket.seen[part] || version > newest) {
    return fmt::format("version {}, valid are {} to {}", version, socket.seen[part], newest);
  }
  socket.seen[part] = version;
  return "";
}

class Reload : public testing::Test {
 protected:
  Reload() : rooms({"fra", "iad", "nrt"}, "web"), server(2) {}

  void SetUp() override {
    for (const Part part : all_parts) write(part, 0);
    ASSERT_TRUE(server.start()) << server.output();
  }
  void write(Part part, int version) {
    if (part == zone) server.folder().write("example.test.zone", zone_text(version));
    if (part == database) server.folder().write("places.mmdb", database_bytes(version));
    if (part == description) {
      server.folder().write("world.toml", description_text(server, rooms, version));
    }
    now[part] = version;
  }
  nlohmann::json reload_status() {
    const auto status = nlohmann::json::parse(server.status(), nullptr, false);
    return status.is_object() ? status["reload"] : nlohmann::json::object();
  }

  StandInRooms rooms;
  LiveDns server;
  Versions now{};
};

TEST_F(Reload, AHundredUnderLoadLoseNoQueryAndGiveNoWrongAnswer) {
  Load load(server.endpoint());

  for (int version = 1; version <= reloads; ++version) {
    for (const Part part : all_parts) {
      if (!changes(version, part)) continue;
      load.allow(part, version);
      write(part, version);
    }
    // The others are left to be found.
    if (version % 5 != 0) server.program().signal(SIGHUP);
    ASSERT_TRUE(eventually(soon, [&] { return load.everybody_has(now); }))
        << "version " << version << "\n"
        << server.output();
    ASSERT_TRUE(load.goes_on(2)) << "version " << version;
    if (version != bad_version_after) continue;

    server.folder().write("example.test.zone", zone_text(-1) + "version IN CNAME ns1\n");
    ASSERT_TRUE(eventually(soon, [&] { return reload_status()["refused"] >= 1; }))
        << server.output();
    const std::string mistakes = reload_status()["mistakes"].dump();
    EXPECT_NE(mistakes.find("example.test.zone:"), std::string::npos) << mistakes;
    EXPECT_TRUE(load.goes_on(20)) << "the old version serves on";
  }
  load.stop();

  EXPECT_EQ(load.wrong(), "");
  EXPECT_EQ(load.answered(), load.asked());
  EXPECT_GT(load.asked(), 2U * reloads * sockets_count * questions.size());
  const auto status = reload_status();
  EXPECT_GE(status["done"], reloads);
  EXPECT_GE(status["refused"], 1) << "its files may have been looked at twice";
  EXPECT_EQ(status["mistakes"].size(), 0U) << status;
}

}  // namespace
}  // namespace hither::test::reload_test
