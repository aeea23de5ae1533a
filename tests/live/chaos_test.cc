// SPDX-License-Identifier: Apache-2.0
// A real hither-lb between many clients and copies that are killed, frozen, that reset, drip, end
// early and answer garbage: every client gets a right answer or an honest 5xx, nobody waits for
// longer than the timeouts say, and in the end every gauge is zero and no descriptor is lost.
//
// It lasts HITHER_CHAOS_SECONDS (12) with the seed HITHER_CHAOS_SEED (1):
//   HITHER_CHAOS_SECONDS=60 build/dev/tests/live/balancer_live_test --gtest_filter='Chaos.*'
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/text.h"
#include "io/files.h"
#include "tests/support/child_program.h"
#include "tests/support/live_balancer.h"
#include "tests/support/live_world.h"
#include "tests/support/misbehaving_server.h"
#include "tests/support/web_client.h"

namespace hither::test::chaos_test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t seconds_max = 600;
constexpr int web_clients = 12;
constexpr int raw_clients = 4;
constexpr int line_clients = 2;
constexpr int processes_per_farm = 2;  ///< that are killed and frozen
constexpr int servers_per_farm = 4;    ///< that misbehave otherwise

// What the farms' keys below say. The first octet of a response may take three connects, a wait
// in the queue, and the response time twice: once on a connection that was idle, once on a new one.
constexpr Duration connect = 300ms, queue = 500ms, response = 1s, stall = 1500ms, tunnel = 2s;
// For a busy machine and sanitizers: what hangs, hangs for longer than this.
constexpr Duration allowance = 10s;
constexpr Patience web_patience = {.first = 3 * connect + queue + 2 * response + allowance,
                                   .next = stall + allowance};
constexpr Patience raw_patience = {.first = 3 * connect + tunnel + allowance,
                                   .next = tunnel + allowance};

constexpr const char* web_keys = R"(
timeouts = { connect = "300ms", response = "1s", stall = "1500ms", idle = "20s" }
concurrency = { most = 2, queue = 4, queue_timeout = "500ms" }
outlier = { failures = 20, backoff = "200ms", backoff_max = "500ms" }
health = { interval = "200ms", timeout = "200ms", fall = 2, rise = 1 }
servers = )";
constexpr const char* raw_keys = R"(
mode = "tcp"
timeouts = { connect = "300ms", tunnel = "2s" }
outlier = { failures = 20, backoff = "200ms", backoff_max = "500ms" }
health = { kind = "tcp", interval = "200ms", timeout = "200ms", fall = 2, rise = 1 }
servers = )";
// As many run it: a connection that is forgotten stays for ten minutes, and is seen.
constexpr const char* line_keys = R"(
mode = "tcp"
outlier = { failures = 20, backoff = "200ms", backoff_max = "500ms" }
health = { kind = "tcp", interval = "200ms", timeout = "200ms", fall = 2, rise = 1 }
servers = )";

std::uint64_t number_from(const char* variable, std::uint64_t usual, std::uint64_t most) {
  return std::min(parse_number(io::environment(variable, "")).value_or(usual), most);
}

/// What became of all requests of a farm. Any thread.
class Tally {
 public:
  void add(Outcome outcome) { counts_[static_cast<std::size_t>(outcome)].fetch_add(1); }
  void complain(const std::string& what) {
    const std::lock_guard lock(mutex_);
    if (complaints_.size() < 20) complaints_.push_back(what);
  }
  std::uint64_t count(Outcome outcome) const {
    return counts_[static_cast<std::size_t>(outcome)].load();
  }
  std::vector<std::string> complaints() const {
    const std::lock_guard lock(mutex_);
    return complaints_;
  }
  std::string to_text() const {
    std::string text;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      text += fmt::format("{}{} {}", i > 0 ? ", " : "", counts_[i].load(),
                          test::to_text(static_cast<Outcome>(i)));
    }
    return text;
  }

 private:
  std::array<std::atomic<std::uint64_t>, 7> counts_{};
  mutable std::mutex mutex_;
  std::vector<std::string> complaints_;
};

Asked draw_request(Rng& rng) {
  constexpr std::array<std::uint64_t, 4> sizes = {1, 100, 5000, 40'000};
  Asked asked{.target = fmt::format("/{}", rng.below(1'000'000'000))};
  const std::uint64_t kind = rng.below(6);
  if (kind < 2) return asked;
  asked.method = kind == 2 ? "HEAD" : kind == 3 ? "PUT" : "POST";
  if (asked.method == "HEAD") return asked;
  asked.chunked = kind == 5;
  asked.body.assign(rng.below(sizes[rng.below(sizes.size())]) + 1, 'b');
  return asked;
}

/// One client of mode http: connections with some requests each, one after the other or pipelined;
/// now and then it leaves in the middle of one.
class WebVisitor {
 public:
  WebVisitor(const Endpoint& endpoint, std::uint64_t seed, Tally& tally)
      : client_(endpoint, web_patience), rng_(seed), tally_(tally) {}

  void visit() {
    if (!client_.connect()) return tally_.complain("the balancer does not take a connection");
    first_ = true;
    for (std::uint64_t left = rng_.below(8) + 1; left > 0 && client_.open(); --left) {
      const std::uint64_t kind = rng_.below(20);
      if (kind == 0) return leave();
      if (kind < 4) {
        pipeline();
      } else {
        ask(draw_request(rng_));
      }
    }
  }

  /// Asks once more where the connection was closed in silence, which is how a client is told that
  /// it may do so; on a new connection there must be an answer.
  void ask(const Asked& asked) {
    client_.say(asked.text());
    if (hear(asked) == Outcome::closed && client_.connect()) {
      first_ = true;
      client_.say(asked.text());
      hear(asked);
    }
  }

 private:
  void pipeline() {
    std::vector<Asked> batch(rng_.below(4) + 2);
    std::string text;
    for (Asked& asked : batch) {
      asked.target = fmt::format("/{}", rng_.below(1'000'000'000));
      text += asked.text();
    }
    client_.say(text);
    for (const Asked& asked : batch) {
      if (client_.open()) hear(asked);  // else the answer before said that it is the last
    }
  }

  void leave() {
    const std::string text = draw_request(rng_).text();
    client_.say(text.substr(0, rng_.below(text.size()) + 1));
    client_.reset();
  }

  Outcome hear(const Asked& asked) {
    const Outcome outcome = client_.hear(asked);
    tally_.add(outcome);
    const bool unheard = outcome == Outcome::closed && first_;
    if (outcome == Outcome::wrong || outcome == Outcome::halved || outcome == Outcome::stuck ||
        unheard) {
      tally_.complain(fmt::format("{} {}: {}{} {}", asked.method, asked.target, to_text(outcome),
                                  unheard ? " on a new connection" : "", client_.wrong()));
    }
    first_ = false;
    return outcome;
  }

  WebClient client_;
  Rng rng_;
  Tally& tally_;
  bool first_ = true;  ///< nothing was answered on this connection
};

/// One of mode tcp: a right answer, or the beginning of one and an end.
void visit_raw(WebClient& client, Rng& rng, Tally& tally) {
  if (!client.connect()) return tally.complain("the balancer does not take a connection");
  const Asked asked = draw_request(rng);
  client.say(asked.text());
  if (rng.below(20) == 0) return client.reset();
  const Outcome outcome = client.hear(asked);
  tally.add(outcome);
  if (outcome == Outcome::stuck || outcome == Outcome::refused || outcome == Outcome::wrong) {
    tally.complain(fmt::format("tcp: {} {}", to_text(outcome), client.wrong()));
  }
}

/// One of mode tcp who goes on speaking, though the server may have ended, and listens to nothing.
void visit_stubbornly(WebClient& client, Rng& rng, Tally& tally) {
  if (!client.connect()) return tally.complain("the balancer does not take a connection");
  bool taken = client.say(draw_request(rng).text());
  for (std::uint64_t left = rng.below(5); taken && left > 0; --left) {
    eventually(2ms, [] { return false; });
    taken = client.say("and another thing");
  }
  if (rng.below(2) == 0) client.reset();
}

/// The copies of one farm: processes that can be killed and frozen, and servers that misbehave.
class Copies {
 public:
  Copies(const std::string& log, std::uint64_t seed, int processes = processes_per_farm)
      : log_(log) {
    for (int i = 0; i < processes; ++i) {
      places_.push_back(unused_endpoint());
      processes_.emplace_back();
      start(processes_.size() - 1);
    }
    for (std::uint64_t i = 0; i < servers_per_farm; ++i) {
      servers_.push_back(std::make_unique<MisbehavingServer>(unused_endpoint(), seed + 100 + i));
      places_.push_back(servers_.back()->endpoint());
    }
  }

  const std::vector<Endpoint>& places() const { return places_; }
  std::uint64_t answers(Manners manners) const {
    std::uint64_t sum = 0;
    for (const auto& server : servers_) sum += server->answers(manners);
    return sum;
  }

  /// One change by chance: of a process, or of a server's manners up to `worst`.
  void disturb(Rng& rng, Manners worst) {
    if (processes_.empty() || rng.below(3) > 0) {
      const auto manners = static_cast<Manners>(rng.below(static_cast<std::uint64_t>(worst) + 1));
      return servers_[rng.below(servers_.size())]->set_manners(manners);
    }
    const std::size_t i = rng.below(processes_.size());
    if (!processes_[i]) return start(i);
    switch (rng.below(3)) {
      case 0:
        processes_[i].reset();
        ++kills_;
        break;
      case 1:
        processes_[i]->signal(SIGSTOP);
        ++freezes_;
        break;
      default:
        processes_[i]->signal(SIGCONT);
    }
  }

  /// Or else an answer that drips would go on for hours.
  void behave() {
    for (const auto& server : servers_) server->set_manners(Manners::well);
  }

  /// All processes live, and none is frozen.
  void thaw() {
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      if (!processes_[i]) start(i);
      processes_[i]->signal(SIGCONT);
    }
  }

  void end() {
    processes_.clear();
    servers_.clear();
  }

  std::string to_text() const {
    return fmt::format(
        "{} kills, {} freezes; answers: {} well, {} reset, {} dripping, {} short, "
        "{} garbage",
        kills_, freezes_, answers(Manners::well), answers(Manners::resets), answers(Manners::drips),
        answers(Manners::closes_early), answers(Manners::answers_garbage));
  }
  int kills() const { return kills_; }
  int freezes() const { return freezes_; }

 private:
  struct Kill {
    void operator()(ChildProgram* program) const {
      program->kill();
      delete program;
    }
  };

  void start(std::size_t i) {
    processes_[i].reset(new ChildProgram({MISBEHAVING_COPY, hither::to_text(places_[i])}, log_));
  }

  std::string log_;
  std::vector<Endpoint> places_;
  std::vector<std::unique_ptr<ChildProgram, Kill>> processes_;
  std::vector<std::unique_ptr<MisbehavingServer>> servers_;
  int kills_ = 0;
  int freezes_ = 0;
};

class Chaos : public testing::Test {
 protected:
  Chaos()
      : seed(number_from("HITHER_CHAOS_SEED", 1, ~0ULL)),
        lasts(number_from("HITHER_CHAOS_SECONDS", 12, seconds_max)),
        web(folder.path("web"), seed),
        raw(folder.path("raw"), seed + 1000),
        line(folder.path("line"), seed + 2000, /*processes=*/0),
        balancer({.threads = 2}) {}

  bool all_up() const {
    return std::ranges::all_of(farms, [this](const char* farm) {
      const auto now = balancer.now(farm);
      return now && now->usable == static_cast<int>(now->copies.size());
    });
  }

  bool all_quiet() const {
    return std::ranges::all_of(farms, [this](const char* farm) {
      const auto now = balancer.now(farm);
      return now && now->quiet();
    });
  }

  std::string what_is() const {
    std::string text;
    for (const char* farm : farms) {
      const auto now = balancer.now(farm);
      text += fmt::format("{}: {}\n", farm, now ? now->to_text() : "no answer");
    }
    return text;
  }

  void start_clients() {
    for (int i = 0; i < web_clients; ++i) {
      clients.emplace_back([this, i] {
        WebVisitor visitor(balancer.port_of("web"), seed + static_cast<std::uint64_t>(i),
                           web_tally);
        while (!over) visitor.visit();
      });
    }
    for (int i = 0; i < raw_clients; ++i) {
      clients.emplace_back([this, i] {
        WebClient client(balancer.port_of("raw"), raw_patience);
        Rng rng(seed + 500 + static_cast<std::uint64_t>(i));
        while (!over) visit_raw(client, rng, raw_tally);
      });
    }
    for (int i = 0; i < line_clients; ++i) {
      clients.emplace_back([this, i] {
        WebClient client(balancer.port_of("line"), raw_patience);
        Rng rng(seed + 700 + static_cast<std::uint64_t>(i));
        while (!over) {
          visit_raw(client, rng, line_tally);
          visit_stubbornly(client, rng, line_tally);
        }
      });
    }
  }

  void visit_all(Tally& of_web, Tally& of_raw, Tally& of_line) {
    WebVisitor(balancer.port_of("web"), seed, of_web).visit();
    Rng rng(seed);
    for (const auto& [farm, tally] : {std::pair{"raw", &of_raw}, std::pair{"line", &of_line}}) {
      WebClient client(balancer.port_of(farm), raw_patience);
      visit_raw(client, rng, *tally);
    }
  }

  void end_clients() {
    over = true;
    for (std::thread& client : clients) client.join();
    clients.clear();
  }

  /// Something changes every 40 ms.
  void disturb() {
    Rng rng(seed);
    eventually(std::chrono::seconds(lasts), [&] {
      web.disturb(rng, Manners::answers_garbage);
      raw.disturb(rng, Manners::closes_early);  // garbage would reach the client, as it should
      line.disturb(rng, Manners::closes_early);
      eventually(30ms, [] { return false; });
      return false;
    });
  }

  static constexpr std::array farms = {"web", "raw", "line"};
  std::uint64_t seed;
  std::uint64_t lasts;
  ScratchFolder folder;
  Copies web;
  Copies raw;
  Copies line;  ///< without processes: for one that is frozen its clients would wait
  LiveBalancer balancer;
  Tally web_tally;
  Tally raw_tally;
  Tally line_tally;
  std::atomic<bool> over{false};
  std::vector<std::thread> clients;
};

TEST_F(Chaos, EveryClientGetsARightAnswerOrAnHonestErrorAndNothingIsLeftBehind) {
  SCOPED_TRACE(fmt::format("HITHER_CHAOS_SEED={}", seed));
  ASSERT_TRUE(balancer.start({{"web", web_keys + server_list(web.places())},
                              {"raw", raw_keys + server_list(raw.places())},
                              {"line", line_keys + server_list(line.places())}}))
      << balancer.output();
  ASSERT_TRUE(eventually(10s, [&] { return all_up(); })) << what_is();
  const int descriptors = balancer.descriptors();

  start_clients();
  disturb();
  const std::string story =
      fmt::format("seed {}, {} s\nweb: {}\n     {}\nraw: {}\n     {}\nline: {}\n     {}\n", seed,
                  lasts, web_tally.to_text(), web.to_text(), raw_tally.to_text(), raw.to_text(),
                  line_tally.to_text(), line.to_text());
  for (Copies* copies : {&web, &raw, &line}) copies->behave();
  end_clients();
  std::fputs(story.c_str(), stdout);

  EXPECT_EQ(web_tally.complaints(), std::vector<std::string>{}) << story << what_is();
  EXPECT_EQ(raw_tally.complaints(), std::vector<std::string>{}) << story << what_is();
  EXPECT_EQ(line_tally.complaints(), std::vector<std::string>{}) << story << what_is();
  for (const Tally* tally : {&web_tally, &raw_tally}) {
    EXPECT_GT(tally->count(Outcome::right), 5 * lasts) << story;  // or else nothing was shown
  }
  EXPECT_GT(web_tally.count(Outcome::refused), 0U) << story;
  EXPECT_GT(line_tally.count(Outcome::right), lasts) << story;
  for (const Copies* copies : {&web, &raw}) {
    EXPECT_GT(copies->kills(), 0) << story;
    EXPECT_GT(copies->freezes(), 0) << story;
  }
  for (const Copies* copies : {&web, &raw, &line}) {
    EXPECT_GT(copies->answers(Manners::resets), 0U) << story;
    EXPECT_GT(copies->answers(Manners::drips), 0U) << story;
    EXPECT_GT(copies->answers(Manners::closes_early), 0U) << story;
  }
  EXPECT_GT(web.answers(Manners::answers_garbage), 0U) << story;

  EXPECT_TRUE(eventually(20s, [&] { return all_quiet(); })) << what_is();
  web.thaw();
  raw.thaw();
  // Copies that were ejected come back by a request that goes well.
  EXPECT_TRUE(eventually(20s, [&] {
    visit_all(web_tally, raw_tally, line_tally);
    return all_up();
  })) << what_is();
  Tally calm;
  const auto bad = [&] { return calm.count(Outcome::refused) + calm.count(Outcome::cut); };
  EXPECT_TRUE(eventually(30s, [&] {  // Fifty in a row, on a machine that may stall.
    const std::uint64_t before = bad();
    for (int i = 0; i < 50; ++i) visit_all(calm, calm, calm);
    return bad() == before;
  })) << calm.to_text();
  EXPECT_EQ(calm.complaints(), std::vector<std::string>{});

  // Idle connections to copies are kept; they end with the copies.
  web.end();
  raw.end();
  line.end();
  EXPECT_TRUE(eventually(20s, [&] { return all_quiet() && balancer.descriptors() <= descriptors; }))
      << "descriptors before " << descriptors << ", after " << balancer.descriptors() << "\n"
      << what_is();
  EXPECT_TRUE(balancer.program().running());
  EXPECT_TRUE(balancer.program().stop());
  EXPECT_EQ(balancer.output().find("Sanitizer"), std::string::npos) << balancer.output();
}

}  // namespace
}  // namespace hither::test::chaos_test
