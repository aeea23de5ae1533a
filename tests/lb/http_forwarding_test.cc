// SPDX-License-Identifier: Apache-2.0
#include "lb/http_forwarding.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace hither::lb {
namespace {

TEST(HttpForwarding, QuotesWhatIsNoToken) {
  const ClientIdentity client = identity_of(*parse_address("2001:db8::7"), {});
  RequestHead head;
  head.authority = "[::1]:8080";
  std::array<std::byte, 500> space{};
  Writer out(space);

  put_forwarding(out, head, {.client = client, .request_id = "1"});

  EXPECT_EQ(as_text(out.written()),
            "Via: 1.1 hither\r\nX-Forwarded-For: 2001:db8::7\r\nX-Forwarded-Proto: http\r\n"
            "X-Forwarded-Host: [::1]:8080\r\n"
            "Forwarded: for=\"[2001:db8::7]\";proto=http;host=\"[::1]:8080\"\r\n"
            "X-Request-Id: 1\r\nHither-Attempt: 1\r\n");
}

TEST(HttpForwarding, TrustsNetworksOnly) {
  const std::vector<Prefix> trusted = {*parse_prefix("10.0.0.0/8"), *parse_prefix("2001:db8::/32")};

  EXPECT_TRUE(identity_of(*parse_address("10.1.2.3"), trusted).trusted);
  EXPECT_TRUE(identity_of(*parse_address("2001:db8::1"), trusted).trusted);
  EXPECT_FALSE(identity_of(*parse_address("11.0.0.1"), trusted).trusted);
}

TEST(HttpForwarding, TakesAnIdOnlyFromTheTrustedAndOnlyIfItIsOne) {
  std::array<char, 16> space{};
  ClientIdentity client;
  HttpFields fields;
  fields.add({"X-Request-ID", "theirs-1"});
  EXPECT_EQ(request_id_of(fields, client, 0xabc, space), "0000000000000abc");

  client.trusted = true;
  EXPECT_EQ(request_id_of(fields, client, 0xabc, space), "theirs-1");
  for (const std::string& bad : {std::string("a b"), std::string("a\"b"), std::string(65, 'x')}) {
    fields.clear();
    fields.add({"X-Request-ID", bad});
    EXPECT_EQ(request_id_of(fields, client, 0xabc, space), "0000000000000abc") << bad;
  }
}

TEST(HttpForwarding, SpellingsAreComparedAsCgiReadsThem) {
  EXPECT_TRUE(is_spelling_of("X_Forwarded-FOR", "x-forwarded-for"));
  EXPECT_TRUE(is_spelling_of("x-real-ip", "x-real-ip"));
  EXPECT_FALSE(is_spelling_of("X-Forwarded-Fo", "x-forwarded-for"));
  EXPECT_FALSE(is_spelling_of("X-Forwarded-For-", "x-forwarded-for"));
  EXPECT_FALSE(is_spelling_of("XForwardedFor", "x-forwarded-for"));
}

TEST(HttpForwarding, MaxForwardsIsOneNumberOfTraceAndOptions) {
  const struct {
    const char* name;
    const char* method;
    std::vector<const char*> values;
    bool said;
    std::optional<std::uint64_t> number;
  } rows[] = {{"none", "TRACE", {}, false, {}},
              {"a number", "TRACE", {"7"}, true, 7},
              {"of OPTIONS", "OPTIONS", {"0"}, true, 0},
              {"the greatest", "OPTIONS", {"18446744073709551615"}, true, UINT64_MAX},
              {"greater", "OPTIONS", {"18446744073709551616"}, true, {}},
              {"negative", "OPTIONS", {"-1"}, true, {}},
              {"a list", "OPTIONS", {"1, 1"}, true, {}},
              {"two", "OPTIONS", {"1", "1"}, true, {}},
              {"three", "OPTIONS", {"1", "1", "1"}, true, {}},
              {"empty", "OPTIONS", {""}, true, {}},
              {"of another method", "GET", {"0"}, false, {}}};
  for (const auto& row : rows) {
    RequestHead head;
    head.method = row.method;
    for (const char* value : row.values) head.fields.add({"Max-Forwards", value});

    const MaxForwards found = max_forwards_of(head);

    EXPECT_EQ(found.said, row.said) << row.name;
    EXPECT_EQ(found.number, row.number) << row.name;
  }
}

TEST(HttpForwarding, AnotherAttemptIsWrittenOverTheFirst) {
  std::string head = "GET / HTTP/1.1\r\nX: Hither-Attempt: 7\r\nHither-Attempt: 1\r\n\r\nbody";
  const auto bytes = std::as_writable_bytes(std::span(head));

  set_attempt(bytes, 3);
  EXPECT_EQ(head, "GET / HTTP/1.1\r\nX: Hither-Attempt: 7\r\nHither-Attempt: 3\r\n\r\nbody");
  set_attempt(bytes, 12);
  EXPECT_EQ(head, "GET / HTTP/1.1\r\nX: Hither-Attempt: 7\r\nHither-Attempt: 9\r\n\r\nbody");
}

}  // namespace
}  // namespace hither::lb
