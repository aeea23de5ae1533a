// SPDX-License-Identifier: Apache-2.0
//
// What a session does for the algorithms: the cookie that brings a client back, the hash of a
// request, and word of how the server did.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "lb/http_proxy.h"
#include "tests/lb/messages.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;
using topology::Balance;

topology::Farm farm_with(Balance balance, std::string_view sticky = "") {
  topology::Farm farm = round_robin_farm();
  farm.balance = balance;
  farm.sticky = sticky;
  return farm;
}

std::string get_with(std::string_view path, std::string_view field = "") {
  std::string text = "GET " + std::string(path) + " HTTP/1.1\r\nHost: a.test\r\n";
  if (!field.empty()) text += std::string(field) + "\r\n";
  return text + "\r\n";
}

/// "web-2": which server has the one request that is in flight.
std::string busy_server(Story& story) {
  for (std::size_t i = 0; i < story.farm().size(); ++i) {
    if (story.farm().server(i).in_flight().level() > 0) return story.farm().server(i).name();
  }
  return "none";
}

/// Asks, is answered, and says who had it.
std::string serve(Story& story, std::string_view request) {
  story.client_says(request);
  std::string server = busy_server(story);
  story.backend_says(hello);
  return server;
}

/// "at=0123456789abcdef" of the Set-Cookie field that came last.
std::string cookie_set(const Story& story) {
  const std::string got = story.client_got();
  const std::size_t at = got.rfind("Set-Cookie: ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + std::string_view("Set-Cookie: ").size();
  return got.substr(begin, got.find(';', begin) - begin);
}

TEST(HttpSticky, AClientComesBackWithTheCookieItWasGiven) {
  Story story({.servers = 5, .farm = farm_with(Balance::round_robin, "at")});
  const std::string server = serve(story, get);
  const std::string cookie = cookie_set(story);
  ASSERT_TRUE(cookie.starts_with("at=")) << story.client_got();
  const std::size_t said = story.client_got().size();

  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(serve(story, get_with("/", "Cookie: a=b; " + cookie)), server);
  }

  EXPECT_EQ(story.client_got().find("Set-Cookie", said), std::string::npos) << "it has it already";
}

TEST(HttpSticky, TheCookieDoesNotTellTheServer) {
  Story story({.servers = 2, .farm = farm_with(Balance::round_robin, "at")});

  serve(story, get);

  EXPECT_EQ(story.client_got().find("web-"), std::string::npos) << story.client_got();
  EXPECT_EQ(story.client_got().find("127."), std::string::npos) << story.client_got();
}

TEST(HttpSticky, AClientOfAServerThatIsGoneIsGivenToAnotherForGood) {
  Story story({.servers = 2, .farm = farm_with(Balance::round_robin, "at")});
  ASSERT_EQ(serve(story, get), "web-1");
  const std::string old_cookie = cookie_set(story);
  story.farm().set_usable(0, false);

  EXPECT_EQ(serve(story, get_with("/", "Cookie: " + old_cookie)), "web-2");

  const std::string new_cookie = cookie_set(story);
  EXPECT_NE(new_cookie, old_cookie);
  story.farm().set_usable(0, true);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(serve(story, get_with("/", "Cookie: " + new_cookie)), "web-2");
  }
}

TEST(HttpSticky, ARefusedConnectMovesTheClientAndItsCookie) {
  Story story({.servers = 2, .farm = farm_with(Balance::round_robin, "at")});
  serve(story, get);
  serve(story, get);  // web-2, whose cookie this is; both have an idle connection now.
  const std::string cookie = cookie_set(story);
  Story other({.servers = 2, .farm = farm_with(Balance::round_robin, "at")});
  other.connects("never").client_says(get_with("/", "Cookie: " + cookie));
  ASSERT_EQ(busy_server(other), "web-2");

  other.connects("taken").time_passes(3s);
  EXPECT_EQ(busy_server(other), "web-1");
  other.backend_says(hello);

  EXPECT_NE(cookie_set(other), "");
  EXPECT_NE(cookie_set(other), cookie);
}

TEST(HttpSticky, AnUpgradeSetsTheCookieToo) {
  Story story({.servers = 2, .farm = farm_with(Balance::round_robin, "at")});
  story.client_says(
      "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");

  story.backend_says(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");

  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 101 ")) << story.client_got();
  EXPECT_TRUE(cookie_set(story).starts_with("at=")) << story.client_got();
}

TEST(HttpSticky, OthersSetNoCookie) {
  Story story({.servers = 2});

  serve(story, get);

  EXPECT_EQ(story.client_got(), hello);
}

TEST(HttpHash, EqualPathsMeetOneServerAndDifferentOnesSpread) {
  Story story({.servers = 4, .farm = farm_with(Balance::maglev)});
  std::map<std::string, std::string> first;
  std::set<std::string> used;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 40; ++i) {
      const std::string path = "/page?number=" + std::to_string(i);
      const std::string server = serve(story, get_with(path));
      used.insert(server);
      EXPECT_EQ(first.try_emplace(path, server).first->second, server) << path;
    }
  }

  EXPECT_EQ(used.size(), 4U);
}

TEST(HttpHash, TheSourceIsOneServerWhateverIsAsked) {
  Story story({.servers = 4, .farm = farm_with(Balance::source)});
  const std::string server = serve(story, get);

  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(serve(story, get_with("/" + std::to_string(i))), server);
  }
}

class HttpFeedback : public testing::Test {
 protected:
  /// What the only server counts as, in seconds.
  double cost() {
    return std::chrono::duration<double>(story_.farm().server(0).feedback().peak(story_.now()))
        .count();
  }
  Story story_;
};

TEST_F(HttpFeedback, IsTheTimeToTheHeadOfTheResponse) {
  story_.client_says(get).time_passes(300ms);
  story_.backend_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe").time_passes(700ms);

  story_.backend_says("llo");

  EXPECT_NEAR(cost(), 0.3, 0.03);
}

TEST_F(HttpFeedback, DoesNotCountTheClientsOwnSlowness) {
  story_.client_says("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nab");
  story_.time_passes(9s).client_says("cd").time_passes(300ms);

  story_.backend_says(hello);

  EXPECT_NEAR(cost(), 0.3, 0.03);
}

TEST_F(HttpFeedback, AFastErrorIsExpensive) {
  story_.client_says(get).backend_says(
      "HTTP/1.1 503 No\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n");

  EXPECT_NEAR(cost(), 60, 0.1);
}

TEST_F(HttpFeedback, ABrokenConnectionIsExpensive) {
  story_.client_says(get).backend_resets();

  EXPECT_NEAR(cost(), 5, 0.01);
}

TEST_F(HttpFeedback, ARefusedConnectIsExpensive) {
  story_.connects("refused").client_says(get);

  EXPECT_NEAR(cost(), 5, 0.01);
}

TEST_F(HttpFeedback, AnAnswerThatNeverCameCountsAsLongAsItWasWaitedFor) {
  story_.client_says(get).time_passes(30s);

  ASSERT_NE(story_.client_got().find(" 504 "), std::string::npos);
  EXPECT_NEAR(cost(), 30, 0.1);
}

TEST(TcpFeedback, IsTheTimeOfTheConnect) {
  Story story({.tcp = true});

  EXPECT_GT(story.farm().server(0).feedback().peak(story.now()), Duration::zero());
}

}  // namespace
}  // namespace hither::lb::test
