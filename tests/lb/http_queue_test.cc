// SPDX-License-Identifier: Apache-2.0
//
// Sessions in the queue of a farm, in mode http and in mode tcp.
#include <gtest/gtest.h>

#include "tests/lb/messages.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

topology::Farm one_at_a_time(int queue = 10) {
  topology::Farm farm = round_robin_farm();
  farm.concurrency = {.most = 1, .queue = queue, .queue_timeout = 1s};
  return farm;
}

std::uint64_t total(Story& story, Counter FarmTotals::*field) {
  return story.farm().sum(
      [field](const FarmTotals& totals) -> const Counter& { return totals.*field; });
}

/// A session, and another request that has a place at a copy until it is let go.
class Crowded : public testing::Test {
 protected:
  void start(Story::Settings settings) { story_ = std::make_unique<Story>(std::move(settings)); }
  void occupy(std::uint32_t server = 0) {
    held_ = Lease::of_claim(story_->farm().server(server), server, 0, story_->now(),
                            story_->farm().server(server).claim());
  }
  Story& let_go() {
    held_.release();
    return story_->time_passes(0s);
  }

  std::unique_ptr<Story> story_;
  Lease held_;
};

TEST_F(Crowded, ARequestWaitsUntilThereIsAPlace) {
  start({.farm = one_at_a_time()});
  occupy();
  story_->client_says(get);
  EXPECT_EQ(story_->connections_opened(), 0);
  story_->time_passes(300ms);

  let_go().backend_says(hello);

  EXPECT_EQ(story_->client_got(), hello);
  ASSERT_EQ(story_->records().size(), 1U);
  EXPECT_EQ(story_->records().front().queue, 300ms);
  EXPECT_EQ(story_->in_flight(), 0U);
}

TEST_F(Crowded, ItWaitsNoLongerThanItsTime) {
  start({.farm = one_at_a_time()});
  occupy();
  story_->client_says(get).time_passes(999ms);
  EXPECT_EQ(story_->client_got(), "");

  story_->time_passes(1ms);

  const std::string got = story_->client_got();
  EXPECT_TRUE(got.starts_with("HTTP/1.1 503 ")) << got;
  EXPECT_NE(got.find("\r\nRetry-After: 1\r\n"), std::string::npos) << got;
  EXPECT_NE(got.find("503: all copies of farm web have as much as they are given at once; none "
                     "got free in 1s\n"),
            std::string::npos)
      << got;
  EXPECT_EQ(story_->farm().admission().waiting(), 0U);
  EXPECT_EQ(story_->farm().admission().report(story_->now()).late, 1U);
  ASSERT_EQ(story_->records().size(), 1U);
  EXPECT_EQ(story_->records().front().queue, 1s);
  EXPECT_EQ(story_->records().front().reason, (EndReason{'R', 'Q'}));
}

TEST_F(Crowded, TheConnectionServesTheNextRequestAfterThat) {
  start({.farm = one_at_a_time()});
  occupy();
  story_->client_says(get).time_passes(1s);

  let_go().client_says(get).backend_says(hello);

  EXPECT_TRUE(story_->client_got().ends_with(hello));
}

TEST_F(Crowded, WhoIsOneTooManyHearsSoAtOnce) {
  start({.farm = one_at_a_time(0)});
  occupy();

  story_->client_says(get);

  const std::string got = story_->client_got();
  EXPECT_TRUE(got.starts_with("HTTP/1.1 503 ")) << got;
  EXPECT_NE(got.find("\r\nRetry-After: 1\r\n"), std::string::npos) << got;
  EXPECT_NE(got.find("given at once; none waits\n"), std::string::npos) << got;
}

TEST_F(Crowded, AClientThatEndsIsTakenOutWhateverHalfCloseSays) {
  start({.farm = one_at_a_time()});
  occupy();
  story_->client_says(get).client_half_closes_unread();

  EXPECT_EQ(story_->farm().admission().waiting(), 0U);
  EXPECT_TRUE(story_->client_got().starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(story_->closed());
  EXPECT_EQ(total(*story_, &FarmTotals::aborted), 1U);
  let_go();
  EXPECT_EQ(story_->in_flight(), 0U);
}

TEST_F(Crowded, AClientThatIsResetIsTakenOut) {
  start({.farm = one_at_a_time()});
  occupy();
  story_->client_says(get).client_resets();

  EXPECT_EQ(story_->farm().admission().waiting(), 0U);
  EXPECT_TRUE(story_->closed());
  ASSERT_EQ(story_->records().size(), 1U);
  EXPECT_EQ(story_->records().front().reason, (EndReason{'C', 'Q'}));
}

TEST_F(Crowded, NobodyIsStrandedWhenTheLastCopyGoes) {
  start({.farm = one_at_a_time()});
  occupy();
  story_->client_says(get);

  story_->farm().set_usable(0, false);
  story_->farm().step_queue();
  story_->time_passes(0s);

  EXPECT_NE(story_->client_got().find("503: no copy of farm web is up in room fra"),
            std::string::npos);
}

TEST_F(Crowded, ARequestThatNobodyTakesWaitsForAnother) {
  start({.servers = 2, .farm = one_at_a_time()});
  occupy(1);
  story_->connects("refused").client_says(get);
  EXPECT_EQ(story_->client_got(), "") << "web-1 refused, web-2 is full";

  story_->connects("taken");
  let_go().backend_says(hello);

  EXPECT_EQ(story_->client_got(), hello);
  EXPECT_EQ(story_->in_flight(), 0U);
}

TEST_F(Crowded, ABodyWaitsInTheKernel) {
  start({.farm = one_at_a_time()});
  occupy();
  story_->client_says("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 50000\r\n\r\n")
      .client_says(std::string(50000, 'x'));
  EXPECT_GT(story_->unread_by_session(), 30000U);

  let_go().backend_says(hello);

  EXPECT_EQ(story_->client_got(), hello);
  EXPECT_EQ(story_->unread_by_session(), 0U);
}

TEST_F(Crowded, AConnectionThatKnowsItsClientIsGivenUpForAPlace) {
  start({.farm = one_at_a_time()});
  const std::string authorized =
      "GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: NTLM TlRMTVNTUAA=\r\n\r\n";
  story_->client_says(authorized).backend_says(hello);
  ASSERT_TRUE(story_->connection_open(1));
  occupy();

  story_->client_says(authorized);
  EXPECT_EQ(story_->in_flight(), 1U) << "never more than the limit";
  let_go().backend_says(hello);

  EXPECT_EQ(story_->client_got(), std::string(hello) + std::string(hello));
  EXPECT_FALSE(story_->connection_open(1));
}

TEST_F(Crowded, AConnectionWaitsInModeTcp) {
  start({.tcp = true, .farm = one_at_a_time()});
  story_->client_resets();
  occupy();
  story_->next_client().client_says("ping");
  EXPECT_EQ(story_->backends_got(), "");

  let_go();

  EXPECT_EQ(story_->backends_got(), "ping");
}

TEST_F(Crowded, InModeTcpItIsClosedWhenItsTimeIsOver) {
  start({.tcp = true, .farm = one_at_a_time()});
  story_->client_resets();
  occupy();
  story_->next_client().client_says("ping").time_passes(1s);

  EXPECT_TRUE(story_->closed());
  EXPECT_EQ(story_->client_got(), "");
  EXPECT_EQ(total(*story_, &FarmTotals::unserved), 1U);
  EXPECT_EQ(story_->farm().admission().waiting(), 0U);
}

TEST_F(Crowded, InModeTcpWhoSaidNothingLeavesWithItsEnd) {
  start({.tcp = true, .farm = one_at_a_time()});
  story_->client_resets();
  occupy();
  story_->next_client().client_ends();

  EXPECT_TRUE(story_->closed());
  EXPECT_EQ(story_->farm().admission().waiting(), 0U);
}

TEST_F(Crowded, InModeTcpWhoSaidSomethingIsServedAfterItsEnd) {
  start({.tcp = true, .farm = one_at_a_time()});
  story_->client_resets();
  occupy();
  story_->next_client().client_says("ping").client_ends();

  let_go().backend_says("pong").backend_ends();

  EXPECT_EQ(story_->client_got(), "pong");
}

}  // namespace
}  // namespace hither::lb::test
