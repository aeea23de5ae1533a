// SPDX-License-Identifier: Apache-2.0
//
// What is recorded of picks, and how it is said: through the pickers that record it.
#include "lb/decision.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/lb/start.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;
using topology::Balance;

class Recorded : public testing::Test {
 protected:
  void make(std::size_t servers, Balance balance = Balance::least_request) {
    topology::Farm settings = round_robin_farm();
    settings.balance = balance;
    make(servers, settings);
  }
  void make(std::size_t servers, const topology::Farm& settings) {
    farm_ = make_farm(servers, settings);
    picker_ = std::make_unique<Picker>(*farm_, 0, 1);
  }
  Lease pick(std::span<const std::uint32_t> tried = {}, const Affinity& affinity = {}) {
    return picker_->pick(affinity, start, tried, "a-request");
  }
  Decision last() {
    const std::vector<Decision> decisions = farm_->decisions(0).newest();
    EXPECT_FALSE(decisions.empty());
    return decisions.empty() ? Decision{} : decisions.front();
  }
  static std::string why_of(const Decision& decision, std::uint32_t server) {
    for (std::uint32_t i = 0; i < decision.copies; ++i) {
      if (decision.copy[i].server == server) return decision.why(decision.copy[i]);
    }
    return "not there";
  }
  static std::size_t count(const Decision& decision, Part part) {
    return static_cast<std::size_t>(
        std::count_if(decision.copy.begin(), decision.copy.begin() + decision.copies,
                      [part](const CopyInDecision& one) { return one.part == part; }));
  }

  std::unique_ptr<Farm> farm_;
  std::unique_ptr<Picker> picker_;
};

class RecordedOfEach : public Recorded, public testing::WithParamInterface<Balance> {};

TEST_P(RecordedOfEach, NamesTheOnePickedAndSaysWhyOfAll) {
  make(4, GetParam());
  std::vector<Lease> held;
  for (int i = 0; i < 12; ++i) {
    held.push_back(pick());
    const Decision decision = last();

    EXPECT_EQ(decision.server, held.back().index());
    EXPECT_EQ(decision.chosen, Chosen::by_algorithm);
    EXPECT_EQ(decision.request.text(), "a-request");
    EXPECT_EQ(decision.attempt, 1);
    ASSERT_EQ(decision.copies, 4U);
    EXPECT_EQ(count(decision, Part::chosen), 1U);
    EXPECT_FALSE(decision.why().empty());
    std::uint32_t in_flight = 0;
    for (std::uint32_t server = 0; server < 4; ++server) {
      EXPECT_FALSE(why_of(decision, server).empty()) << server;
      in_flight += decision.copy[server].in_flight;
    }
    EXPECT_EQ(in_flight, held.size() - 1) << "before this one";
  }
}
INSTANTIATE_TEST_SUITE_P(Algorithms, RecordedOfEach,
                         testing::Values(Balance::round_robin, Balance::least_request,
                                         Balance::peak_ewma, Balance::hot_cold, Balance::maglev,
                                         Balance::source, Balance::first));

TEST_F(Recorded, TheTwoThatWereDrawnWithTheirLoads) {
  make(5);
  const std::vector<Lease> held = [this] {
    std::vector<Lease> leases;
    for (int i = 0; i < 9; ++i) leases.push_back(pick());
    return leases;
  }();

  const Decision decision = last();

  EXPECT_EQ(decision.why(), "of two drawn, not the busier");
  EXPECT_EQ(count(decision, Part::outdone), 1U);
  EXPECT_EQ(count(decision, Part::unseen), 3U);
  const CopyInDecision& chosen = decision.copy[decision.server];
  const auto outdone = std::ranges::find(decision.copy, Part::outdone, &CopyInDecision::part);
  EXPECT_LE(chosen.score, outdone->score);
  EXPECT_EQ(decision.why(*outdone), "drawn, but not less busy");
}

TEST_F(Recorded, WhyTheOthersWereNoCandidates) {
  make(6);
  farm_->set_usable(0, false);
  farm_->set_weight(1, 0);
  farm_->set_standing(2, Standing::ejected);
  const std::uint32_t tried[] = {3};

  const Lease lease = pick(tried);
  const Decision decision = last();

  EXPECT_EQ(why_of(decision, 0), "down by its probes");
  EXPECT_EQ(why_of(decision, 1), "weight 0");
  EXPECT_EQ(why_of(decision, 2), "ejected for what became of its requests");
  EXPECT_EQ(why_of(decision, 3), "tried already for this request");
  EXPECT_EQ(decision.attempt, 2);
  EXPECT_EQ(decision.retries_left, farm_->retry_budget().left());
}

TEST_F(Recorded, ThatAllAreCandidatesInPanic) {
  topology::Farm settings = round_robin_farm();
  settings.panic = {.below = 0.5, .mode = topology::Panic::Mode::spread};
  make(3, settings);
  farm_->set_usable(0, false);
  farm_->set_usable(1, false);
  farm_->step_allotments(start, /*known=*/true);

  pick();
  const Decision decision = last();

  EXPECT_EQ(decision.server, 0U);
  EXPECT_EQ(decision.why(), "its turn; in panic, all copies are candidates");
  EXPECT_EQ(why_of(decision, 0), "its turn; not usable, but there is panic");
  EXPECT_EQ(why_of(decision, 1), "waits for its turn; not usable, but there is panic");
  EXPECT_EQ(why_of(decision, 2), "waits for its turn");
}

TEST_F(Recorded, ThatARequestWasShed) {
  topology::Farm settings = round_robin_farm();
  settings.panic = {.below = 0.5, .mode = topology::Panic::Mode::shed};
  make(2, settings);
  farm_->set_usable(0, false);
  farm_->set_usable(1, false);
  farm_->step_allotments(start, /*known=*/true);

  EXPECT_FALSE(pick());
  const Decision decision = last();

  EXPECT_TRUE(decision.nobody());
  EXPECT_EQ(decision.why(),
            "shed: too few copies are usable, and these get no more than they can take");
  EXPECT_EQ(why_of(decision, 0), "down by its probes");
}

TEST_F(Recorded, TheRequestOnProbation) {
  make(3);
  farm_->set_standing(1, Standing::probation);

  const Lease trial = pick();
  EXPECT_EQ(last().server, 1U);
  EXPECT_EQ(last().why(), "on probation: this request decides whether it comes back");
  EXPECT_EQ(last().copy[1].in_flight, 0U) << "before this one";
  EXPECT_EQ(why_of(last(), 0), "a candidate, but nobody asked");

  const Lease next = pick();
  EXPECT_EQ(why_of(last(), 1), "on probation, and tried by another request");
}

TEST_F(Recorded, TheOneThatACookieNames) {
  topology::Farm settings = round_robin_farm();
  settings.sticky = "hither";
  settings.sticky_secret = "secret";
  make(3, settings);

  pick({}, {.sticky = farm_->server(2).token()});

  EXPECT_EQ(last().server, 2U);
  EXPECT_EQ(last().why(), "named by the client's cookie");
}

TEST_F(Recorded, TheOnlyOneAndNone) {
  make(2);
  farm_->set_usable(0, false);
  pick();
  EXPECT_EQ(last().why(), "the only candidate");

  farm_->set_usable(1, false);
  EXPECT_FALSE(pick());
  EXPECT_EQ(last().why(), "no copy is left to pick");
  EXPECT_EQ(count(last(), Part::chosen), 0U);
  EXPECT_EQ(count(last(), Part::down), 2U);
}

TEST_F(Recorded, AnOwnerAboveItsBoundIsPassedOver) {
  make(3, Balance::maglev);
  std::vector<Lease> held;
  held.push_back(pick());
  const std::uint32_t owner = last().server;
  EXPECT_EQ(last().why(), "owner of the hash");
  while (last().server == owner) held.push_back(pick());

  EXPECT_EQ(last().why(), "next owner of the hash with room");
  EXPECT_EQ(why_of(last(), owner), "owner of the hash, but above its bound");
}

TEST_F(Recorded, TheLeastBusyWhenAllAreFull) {
  topology::Farm settings = round_robin_farm();
  settings.balance = Balance::first;
  settings.capacity = 1;
  make(2, settings);

  const Lease one = pick();
  EXPECT_EQ(last().why(), "the first");
  EXPECT_EQ(why_of(last(), 1), "stands behind it");
  const Lease two = pick();
  EXPECT_EQ(last().why(), "the first with room");
  EXPECT_EQ(why_of(last(), 0), "full");
  const Lease three = pick();
  EXPECT_EQ(last().why(), "none has room: the least busy");
}

TEST_F(Recorded, OfManyThoseThatWereLookedAt) {
  make(60);
  for (int i = 0; i < 30; ++i) {
    const Lease lease = pick();
    const Decision decision = last();

    EXPECT_EQ(decision.copies + decision.left_out, 60U);
    EXPECT_LE(decision.copies, Decision::copies_max);
    EXPECT_EQ(count(decision, Part::chosen), 1U);
    EXPECT_EQ(count(decision, Part::outdone), 1U);
    EXPECT_TRUE(std::ranges::is_sorted(std::span(decision.copy).first(decision.copies), {},
                                       &CopyInDecision::server));
  }
}

TEST_F(Recorded, RequestsGoTheSameWayRecordedOrNot) {
  for (const Balance balance : {Balance::round_robin, Balance::least_request, Balance::peak_ewma,
                                Balance::hot_cold, Balance::maglev, Balance::first}) {
    const auto farm = make_farm(7, balance);
    const auto watched = make_farm(7, balance);
    Picker picker(*farm, 0, 3);
    Picker other(*watched, 0, 3);
    watched->record_decisions(start + 1h);
    std::vector<Lease> held;
    Rng rng(5);
    for (int i = 0; i < 500; ++i) {
      const Affinity affinity{.hash = rng.next()};
      held.push_back(picker.pick(affinity, start));
      held.push_back(other.pick(affinity, start));
      ASSERT_EQ(held[held.size() - 1].index(), held[held.size() - 2].index()) << to_text(balance);
      if (rng.below(3) == 0) held.erase(held.begin(), held.begin() + 2);
    }
  }
}

TEST(Story, NamesItsRequestsInWhatIsRecorded) {
  Story story({.servers = 2});
  story.connects("refused").client_says("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");

  const std::vector<Decision> decisions = story.farm().decisions(0).newest();

  ASSERT_EQ(decisions.size(), 3U) << "two copies, and then none";
  EXPECT_EQ(decisions[0].request.text().size(), 16U);
  for (const Decision& decision : decisions) {
    EXPECT_EQ(decision.request.text(), decisions[0].request.text());
  }
  EXPECT_EQ(decisions[0].attempt, 3);
  EXPECT_EQ(decisions[0].chosen, Chosen::none);
  EXPECT_EQ(decisions[2].attempt, 1);
}

}  // namespace
}  // namespace hither::lb::test
