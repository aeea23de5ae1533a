// SPDX-License-Identifier: Apache-2.0
#include "lb/http_upgrade.h"

#include <gtest/gtest.h>

#include <string>

namespace hither::lb {
namespace {

std::string offered(std::string_view fields) {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
  RequestHead head;
  HeadScan scan;
  EXPECT_EQ(parse_request_head(as_bytes(text), {}, scan, head).kind, HeadResult::Kind::complete);
  return std::string(protocol_to_offer(head));
}

TEST(HttpUpgrade, OffersOneProtocolThatIsNotHttp) {
  EXPECT_EQ(offered("Connection: upgrade\r\nUpgrade: websocket\r\n"), "websocket");
  EXPECT_EQ(offered("Connection: upgrade\r\nUpgrade: IRC/6.9\r\n"), "IRC/6.9");
  for (const char* value :
       {"h2c", "H2", "HTTP/3", "tls/1.2", "a, b", "a b", "", "a/", "/1", "a/b/c"}) {
    EXPECT_EQ(offered("Connection: upgrade\r\nUpgrade: " + std::string(value) + "\r\n"), "")
        << value;
  }
}

TEST(HttpUpgrade, KnowsWhoAuthenticatesConnections) {
  HttpFields fields;
  fields.add({"Authorization", "Basic TlRM"});
  fields.add({"WWW-Authenticate", "Basic"});
  EXPECT_FALSE(authenticates_connection(fields));

  fields.add({"www-authenticate", "negotiate abc"});
  EXPECT_TRUE(authenticates_connection(fields));
}

}  // namespace
}  // namespace hither::lb
