// SPDX-License-Identifier: Apache-2.0
#include "lb/affinity.h"

#include <gtest/gtest.h>

#include <set>

namespace hither::lb {
namespace {

using topology::Balance;
using topology::HashBy;

topology::Farm farm_with(Balance balance, std::optional<HashBy> hash = {}) {
  topology::Farm farm;
  farm.name = "web";
  farm.balance = balance;
  farm.hash = std::move(hash);
  return farm;
}

RequestHead head_with(std::string_view path, std::initializer_list<HttpField> fields = {}) {
  RequestHead head;
  head.path = path;
  for (const HttpField& field : fields) head.fields.add(field);
  return head;
}

std::uint64_t hash_of_request(const topology::Farm& farm, const RequestHead& head,
                              std::string_view client = "192.0.2.7") {
  return affinity_of(farm, head, client).hash;
}

/// In mode tcp.
std::uint64_t hash_of_connection(const topology::Farm& farm) {
  return affinity_of(farm, *parse_address("192.0.2.7")).hash;
}

TEST(Affinity, ThePathCountsWithItsQuery) {
  const auto farm = farm_with(Balance::maglev);
  const std::uint64_t hash = hash_of_request(farm, head_with("/a?b=1"));

  EXPECT_EQ(hash_of_request(farm, head_with("/a?b=1", {{"X", "y"}}), "192.0.2.8"), hash);
  EXPECT_NE(hash_of_request(farm, head_with("/a?b=2")), hash);
}

TEST(Affinity, TheSourceIsTheClientAlone) {
  for (const auto& farm :
       {farm_with(Balance::source),
        farm_with(Balance::maglev, HashBy{.kind = HashBy::Kind::source, .name = {}})}) {
    const std::uint64_t hash = hash_of_request(farm, head_with("/a"));

    EXPECT_EQ(hash_of_request(farm, head_with("/b")), hash);
    EXPECT_NE(hash_of_request(farm, head_with("/a"), "192.0.2.8"), hash);
    EXPECT_EQ(hash_of_connection(farm), hash);
  }
}

TEST(Affinity, AHeaderIsFoundWithoutCaseAndACookieByItsExactName) {
  const auto header = farm_with(Balance::maglev, topology::hash_by_of("header:X-User"));
  const auto cookie = farm_with(Balance::maglev, topology::hash_by_of("cookie:cart"));

  EXPECT_EQ(hash_of_request(header, head_with("/a", {{"x-user", "me"}}), "192.0.2.7"),
            hash_of_request(header, head_with("/b", {{"X-User", "me"}}), "192.0.2.8"));
  EXPECT_EQ(hash_of_request(cookie, head_with("/a", {{"Cookie", "cart=7"}}), "192.0.2.7"),
            hash_of_request(cookie, head_with("/b", {{"Cookie", "a=b; cart=7"}}), "192.0.2.8"));
  EXPECT_NE(hash_of_request(cookie, head_with("/a", {{"Cookie", "Cart=7"}}), "192.0.2.7"),
            hash_of_request(cookie, head_with("/a", {{"Cookie", "Cart=7"}}), "192.0.2.8"));
}

TEST(Affinity, WithoutTheHeaderTheClientCounts) {
  const auto farm = farm_with(Balance::maglev, topology::hash_by_of("header:X-User"));

  EXPECT_EQ(hash_of_request(farm, head_with("/a")), hash_of_connection(farm));
}

TEST(Affinity, NothingIsHashedForOthers) {
  EXPECT_EQ(hash_of_request(farm_with(Balance::least_request), head_with("/a")), 0U);
  EXPECT_EQ(hash_of_connection(farm_with(Balance::least_request)), 0U);
}

struct Cookies {
  std::string_view field;
  std::string_view value;
};

TEST(Cookie, IsReadAsBrowsersWriteIt) {
  for (const Cookies& row : {
           Cookies{"at=1", "1"},
           Cookies{"a=x; at=1; b=y", "1"},
           Cookies{"a=x;at=1", "1"},
           Cookies{"at=1; at=2", "1"},
           Cookies{"at=a=b", "a=b"},
           Cookies{"at=", ""},
           Cookies{"at", ""},
           Cookies{"bat=1", ""},
           Cookies{"AT=1", ""},
           Cookies{";;; at=1", "1"},
           Cookies{"", ""},
       }) {
    EXPECT_EQ(cookie_value(head_with("/", {{"Cookie", row.field}}).fields, "at"), row.value)
        << row.field;
  }
  EXPECT_EQ(cookie_value(head_with("/", {{"cookie", "a=1"}, {"Cookie", "at=2"}}).fields, "at"),
            "2");
}

TEST(Sticky, ACookieIsReadBackAsTheTokenItWasSetTo) {
  topology::Farm farm = farm_with(Balance::least_request);
  farm.sticky = "at";
  const std::uint64_t token = sticky_token(farm, "fra", "web-2");
  const std::string field = set_cookie_field("at", token);
  const std::string_view begin = "Set-Cookie: ";
  ASSERT_TRUE(field.starts_with(begin)) << field;
  const std::string pair = field.substr(begin.size(), field.find(';') - begin.size());

  EXPECT_EQ(affinity_of(farm, head_with("/", {{"Cookie", pair}}), "").sticky, token);
  EXPECT_TRUE(field.ends_with("; Path=/; HttpOnly; SameSite=Lax\r\n")) << field;
}

TEST(Sticky, TokensTellServersFarmsRoomsAndSecretsApart) {
  topology::Farm web = farm_with(Balance::least_request);
  topology::Farm api = web;
  api.name = "api";
  topology::Farm secret = web;
  secret.sticky_secret = "correct horse";

  const std::set<std::uint64_t> tokens = {
      sticky_token(web, "fra", "web-1"), sticky_token(web, "fra", "web-2"),
      sticky_token(web, "iad", "web-1"), sticky_token(api, "fra", "web-1"),
      sticky_token(secret, "fra", "web-1")};

  EXPECT_EQ(tokens.size(), 5U);
  EXPECT_FALSE(tokens.contains(0));
}

TEST(Sticky, WhatIsNoTokenIsNone) {
  topology::Farm farm = farm_with(Balance::least_request);
  farm.sticky = "at";
  for (const std::string_view cookie :
       {"at=", "at=1", "at=0123456789abcdefa", "at=0123456789abcdeg", "at=-123456789abcdef",
        "at=0x23456789abcdef", "at= 123456789abcdef"}) {
    EXPECT_EQ(affinity_of(farm, head_with("/", {{"Cookie", cookie}}), "").sticky, 0U) << cookie;
  }
}

}  // namespace
}  // namespace hither::lb
