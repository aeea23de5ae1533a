// SPDX-License-Identifier: Apache-2.0
#include "lb/http_forwarding.h"

#include <gtest/gtest.h>

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
            "X-Forwarded-For: 2001:db8::7\r\nX-Forwarded-Proto: http\r\n"
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
