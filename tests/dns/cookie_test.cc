// SPDX-License-Identifier: Apache-2.0
#include "dns/cookie.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

SipKey secret_of(std::string_view digits) {
  const auto secrets = parse_cookie_secrets(digits, "cookie.key");
  EXPECT_TRUE(secrets);
  return secrets ? secrets->front() : SipKey{};
}

Cookie cookie_of(ByteView octets) {
  Cookie cookie;
  std::ranges::copy(octets, cookie.octets.begin());
  cookie.size = static_cast<std::uint8_t>(octets.size());
  return cookie;
}

Bytes from_hex(std::string_view digits) {
  Bytes octets;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    octets.push_back(
        static_cast<std::byte>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  }
  return octets;
}

/// The examples of RFC 9018, appendix A.
struct Example {
  std::string name;
  std::vector<std::string> secrets;  ///< the first signs
  std::string client;
  std::uint32_t now = 0;
  std::string cookie;
  CookieVerdict verdict = CookieVerdict::none;
  std::string answer;
};

const std::string secret = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const std::string old_secret = "dd3bdf9344b678b185a6f5cb60fca715";
const std::string new_secret = "445536bcd2513298075a5d379663c962";

const std::vector<Example> examples = {{"learning a new server cookie",
                                        {secret},
                                        "198.51.100.100",
                                        1559731985,
                                        "2464c4abcf10c957",
                                        CookieVerdict::client_only,
                                        "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
                                       {"the same client learning a renewed one",
                                        {secret},
                                        "198.51.100.100",
                                        1559734385,
                                        "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
                                        CookieVerdict::good,
                                        "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"},
                                       {"another client learning a renewed one",
                                        {secret},
                                        "203.0.113.203",
                                        1559734700,
                                        "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
                                        CookieVerdict::bad /* two hours old */,
                                        "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
                                       {"IPv6, with a secret rolled over",
                                        {new_secret, old_secret},
                                        "2001:db8:220:1:59de:d0f4:8769:82b8",
                                        1559741961,
                                        "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
                                        CookieVerdict::good,
                                        "22681ab97d52c298010000005cf7c609a6bb79d16625507a"}};

TEST(Cookie, InteroperatesAsRfc9018Shows) {
  for (const Example& example : examples) {
    std::vector<SipKey> keys;
    for (const std::string& digits : example.secrets) keys.push_back(secret_of(digits));
    const CookieAnswer answer = Cookies(keys).answer(cookie_of(from_hex(example.cookie)),
                                                     *parse_address(example.client), example.now);
    EXPECT_EQ(answer.verdict, example.verdict) << example.name;
    EXPECT_TRUE(std::ranges::equal(answer.cookie, from_hex(example.answer))) << example.name;
  }
}

TEST(Cookie, ReservedBitsAreHashedAsTheyCame) {  // RFC 9018 s4.2
  const CookieAnswer answer = Cookies({secret_of(secret)})
                                  .answer(cookie_of(from_hex(examples[2].cookie)),
                                          *parse_address(examples[2].client), 0x5cf78f71 + 60);
  EXPECT_EQ(answer.verdict, CookieVerdict::good);
}

/// A cookie that we made at noon, looked at some seconds later.
class Ageing : public ::testing::Test {
 protected:
  static constexpr std::uint32_t noon = 1'700'000'000;

  FullCookie made_at(std::uint32_t time) const {
    return cookies.answer(cookie_of(Bytes(8, std::byte{7})), client, time).cookie;
  }
  CookieAnswer seen_at(std::uint32_t made, std::uint32_t now) const {
    return cookies.answer(cookie_of(made_at(made)), client, now);
  }

  Cookies cookies{{secret_of(secret)}};
  Address client = *parse_address("192.0.2.1");
};

TEST_F(Ageing, AYoungCookieIsAnsweredWithItself) {
  for (const std::uint32_t age : {0U, 60U, 1800U}) {
    const CookieAnswer answer = seen_at(noon, noon + age);
    EXPECT_EQ(answer.verdict, CookieVerdict::good) << age;
    EXPECT_EQ(answer.cookie, made_at(noon)) << age;
  }
}

TEST_F(Ageing, AnOlderOneIsRenewedAndAVeryOldOneIsBad) {
  EXPECT_EQ(seen_at(noon, noon + 1801).verdict, CookieVerdict::good);
  EXPECT_EQ(seen_at(noon, noon + 1801).cookie, made_at(noon + 1801));
  EXPECT_EQ(seen_at(noon, noon + 3600).verdict, CookieVerdict::good);
  EXPECT_EQ(seen_at(noon, noon + 3601).verdict, CookieVerdict::bad);
  EXPECT_EQ(seen_at(noon, noon + 3601).cookie, made_at(noon + 3601));
}

TEST_F(Ageing, OneFromALittleAheadIsGoodAndOneFromTheFutureIsBad) {
  EXPECT_EQ(seen_at(noon, noon - 300).verdict, CookieVerdict::good);
  EXPECT_EQ(seen_at(noon, noon - 301).verdict, CookieVerdict::bad);
}

TEST_F(Ageing, TheClockOf32BitsGoesRound) {  // RFC 9018 s4.3, RFC 1982
  EXPECT_EQ(seen_at(0xffffff00U, 0x00000100U).verdict, CookieVerdict::good);
  EXPECT_EQ(seen_at(0xffffff00U, 0x00000e00U + 0x200U).verdict, CookieVerdict::bad);
}

TEST_F(Ageing, AnyChangeMakesItBad) {
  const FullCookie good = made_at(noon);
  for (std::size_t i = 0; i < good.size(); ++i) {
    FullCookie changed = good;
    changed[i] ^= std::byte{1};
    EXPECT_EQ(cookies.answer(cookie_of(changed), client, noon).verdict, CookieVerdict::bad) << i;
  }
  EXPECT_EQ(cookies.answer(cookie_of(good), *parse_address("192.0.2.2"), noon).verdict,
            CookieVerdict::bad)
      << "it belongs to its address";
}

TEST_F(Ageing, AnotherServersCookieIsBadWhateverItsLength) {
  for (std::size_t size = 16; size <= 40; ++size) {
    const CookieAnswer answer = cookies.answer(cookie_of(Bytes(size, std::byte{1})), client, noon);
    EXPECT_EQ(answer.verdict, CookieVerdict::bad) << size;
  }
}

TEST(CookieSecrets, AreReadLineByLine) {
  const auto secrets =
      parse_cookie_secrets("# ours\n" + secret + "  # new\n\n" + old_secret + "\r\n", "cookie.key");
  ASSERT_TRUE(secrets) << secrets.error().message;
  EXPECT_EQ(secrets->size(), 2U);
  EXPECT_EQ(secrets->at(1), secret_of(old_secret));
}

TEST(CookieSecrets, MistakesAreNamedWithoutTheSecret) {
  const auto error_of = [](const std::string& text) {
    const auto secrets = parse_cookie_secrets(text, "cookie.key");
    return secrets ? "none" : secrets.error().message;
  };
  const std::string advice = "write 32 hexadecimal digits, as from 'openssl rand -hex 16'";
  EXPECT_EQ(error_of(secret + "\n" + secret.substr(1)), "cookie.key:2:1: not a secret; " + advice);
  EXPECT_EQ(error_of("x" + secret.substr(1)), "cookie.key:1:1: not a secret; " + advice);
  EXPECT_EQ(error_of("# nothing\n").substr(0, 28), "cookie.key: holds no secret;");
  std::string many;
  for (int i = 0; i < 9; ++i) many += secret + "\n";
  EXPECT_EQ(error_of(many), "cookie.key:9:1: one secret too many; keep 8 at most");
}

}  // namespace
}  // namespace hither::dns
