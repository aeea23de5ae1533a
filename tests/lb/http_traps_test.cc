// SPDX-License-Identifier: Apache-2.0
//
// Traps 1 to 7, 10, 17 to 19 and 21: what a message is, and what of it goes on.
#include "tests/lb/http_traps.h"

namespace hither::lb::test {
namespace {

using namespace std::chrono_literals;

TEST(HttpTrap01, ContentLengthAndTransferEncoding) {
  for (const std::string_view fields :
       {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "transfer-encoding: chunked\r\nX: 1\r\nCONTENT-LENGTH: 0\r\n"}) {
    expect_refused(with_fields("POST /", fields) + "0\r\n\r\n", "400");
    expect_bad_response("HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n0\r\n\r\n");
  }
}

TEST(HttpTrap02, TransferEncodingIsExactlyChunked) {
  for (const std::string_view value :
       {"gzip", "chunked, gzip", "gzip, chunked", "chunked, chunked", "chunked, identity",
        "identity", "xchunked", "chunked;q=1", "\"chunked\"", "", ",chunked", "chu nked",
        "chunked\x0b", "\x00 chunked"}) {
    const std::string field = "Transfer-Encoding: " + std::string(value) + "\r\n";
    expect_refused(with_fields("POST /", field), "400");
    expect_bad_response("HTTP/1.1 200 OK\r\n" + field + "\r\n");
  }
  const std::string twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
  expect_refused(with_fields("POST /", twice), "400");
  expect_bad_response("HTTP/1.1 200 OK\r\n" + twice + "\r\n");
  expect_refused("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "400");
  expect_bad_response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST(HttpTrap03, ContentLengthIsDigits) {
  for (const std::string_view value :
       {"+1", "-1", "-0", "0x5", "1_0", "5, 5", "5,", "", "1 1", "1.0", "9223372036854775808",
        "18446744073709551617", "99999999999999999999", "٣", "1e3", "\"5\""}) {
    const std::string field = "Content-Length: " + std::string(value) + "\r\n";
    expect_refused(with_fields("POST /", field), "400");
    expect_bad_response("HTTP/1.1 200 OK\r\n" + field + "\r\n");
  }
  const std::string twice = "Content-Length: 5\r\nContent-Length: 5\r\n";
  expect_refused(with_fields("POST /", twice), "400");
  expect_bad_response("HTTP/1.1 200 OK\r\n" + twice + "\r\nhello");
}

TEST(HttpTrap04, ChunkSizesAreHexadecimalDigits) {
  for (const std::string_view chunk :
       {"0x4\r\nabcd\r\n", "+4\r\nabcd\r\n", " 4\r\nabcd\r\n", "4 \r\nabcd\r\n", "4_0\r\nabcd\r\n",
        "\r\nabcd\r\n", "4\nabcd\r\n", "4\rabcd\r\n", "4;a\nb\r\nabcd\r\n", "4;a\rb\r\nabcd\r\n",
        "fffffffffffffffff\r\n", "10000000000000004\r\nabcd\r\n", "-4\r\nabcd\r\n",
        "4\r\nabcdX\r\n", "4\r\nabcd\n", "4\r\nabc\r\n0\r\n\r\n"}) {
    Story up;
    up.client_says(with_fields("POST /", "Transfer-Encoding: chunked\r\n")).client_says(chunk);
    up.client_says("0\r\n\r\n").client_says(get);
    EXPECT_TRUE(up.client_got().starts_with("HTTP/1.1 400 ")) << chunk << up.client_got();
    EXPECT_FALSE(up.connection_open(1)) << chunk;
    EXPECT_EQ(up.connections_opened(), 1) << chunk;
    EXPECT_EQ(up.backends_got().find("0\r\n\r\n"), std::string::npos)
        << "never ended as if it were whole";

    Story down;
    down.client_says(get).backend_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    down.backend_says(chunk).backend_says("0\r\n\r\n");
    EXPECT_FALSE(down.client_got().ends_with("0\r\n\r\n")) << chunk << down.client_got();
    EXPECT_TRUE(down.closed()) << chunk;
    expect_at_rest(down);
  }
}

TEST(HttpTrap04, ExtensionsAreNeverForwarded) {
  Story story;

  story.client_says(with_fields("POST /", "Transfer-Encoding: chunked\r\n") +
                    "3;evil=\"1\"\r\nabc\r\n0;more\r\n\r\n");
  story.backend_says(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n003;x\r\nabc\r\n00;y\r\n\r\n");

  EXPECT_TRUE(story.backends_got().ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
  EXPECT_TRUE(story.client_got().ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
  expect_at_rest(story);
}

TEST(HttpTrap05, LinesEndInCrLfAndFieldsAreFields) {
  for (const std::string_view rest :
       {"Host: a\nX: 1\r\n\r\n", "Host: a\r\nX: 1\n\r\n", "Host: a\r\nX: a\rb\r\n\r\n",
        "Host: a\r\nX: 1\r\n folded\r\n\r\n", "Host: a\r\nX : 1\r\n\r\n",
        "Host: a\r\n X: 1\r\n\r\n", "Host: a\r\nX: \x01\r\n\r\n", "Host: a\r\nX\x7f: 1\r\n\r\n",
        "Host: a\r\n: 1\r\n\r\n", "Host: a\r\nno colon\r\n\r\n", "Host: a\r\nX: 1\x7f\r\n\r\n",
        "Host: a\r\nX(: 1\r\n\r\n", "Host: a\r\nX: 1\r\n\t\r\n\r\n"}) {
    expect_refused("GET / HTTP/1.1\r\n" + std::string(rest), "400");
    expect_bad_response("HTTP/1.1 200 OK\r\n" + std::string(rest));
  }
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1, '\0') + "\r\n\r\n", "400");
  expect_refused("GET / HTTP/1.1\nHost: a\r\n\r\n", "400");
  expect_refused(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  expect_refused("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  expect_bad_response("\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(HttpTrap06, HostIsOneAndPlain) {
  expect_refused("GET / HTTP/1.1\r\n\r\n", "400");
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400");
  expect_refused("GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", "400");
  for (const std::string_view host : {"", "u@a", "a/b", "a, b", "a b", "a:", "a:99999", "a:+1",
                                      "[::1", "::1", "a?b", "a#b", "[]", "a\\b"}) {
    expect_refused("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", "400");
  }
  expect_refused("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  expect_refused("GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  expect_refused("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400");

  Story story;
  story.client_says("GET http://A.test:80/x HTTP/1.1\r\nHost: a.test\r\n\r\n");
  EXPECT_TRUE(story.backends_got().starts_with("GET /x HTTP/1.1\r\nHost: A.test:80\r\n"));
}

TEST(HttpTrap07, HopByHopFieldsEndHere) {
  Story story;

  story.client_says(with_fields(
      "GET /",
      "Connection: keep-alive, X-Mine, Keep-Alive\r\nKeep-Alive: timeout=5\r\nX-Mine: 1\r\n"
      "Proxy-Connection: keep-alive\r\nTE: gzip\r\nTrailer: X\r\nUpgrade: h2c\r\nAccept: */*\r\n"));
  story.backend_says(
      "HTTP/1.1 200 OK\r\nConnection: X-Theirs\r\nX-Theirs: 1\r\nKeep-Alive: timeout=5\r\n"
      "Proxy-Connection: x\r\nTrailer: X\r\nUpgrade: h2c\r\nContent-Length: 0\r\nServer: "
      "s\r\n\r\n");

  EXPECT_EQ(story.backends_got(), forwarded("GET / HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n"));
  EXPECT_EQ(story.client_got(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: s\r\n\r\n");
  expect_at_rest(story);
}

TEST(HttpTrap07, ConnectionMayNotNameWhatOthersRelyOn) {
  for (const std::string_view name :
       {"Host", "Content-Length", "transfer-encoding", "X-Forwarded-For", "Cookie", "Authorization",
        "Forwarded", "x-forwarded-proto", "X-Request-Id"}) {
    const std::string field = "Connection: close, " + std::string(name) + "\r\n";
    expect_refused(with_fields("GET /", field), "400");
    expect_bad_response("HTTP/1.1 200 OK\r\n" + field + "Content-Length: 0\r\n\r\n");
  }
  expect_refused(with_fields("GET /", "Connection: close, \"x\"\r\n"), "400");
}

TEST(HttpTrap07, ConnectionFieldsAreFew) {
  std::string five;
  for (const char letter : {'a', 'b', 'c', 'd', 'e'}) {
    five += std::string("Connection: x-") + letter + "\r\n";
  }
  expect_refused(with_fields("GET /", five), "400");
  Story request;
  request.client_says(with_fields("GET /", five));
  EXPECT_NE(request.client_got().find("400: the request has too many Connection fields"),
            std::string::npos)
      << request.client_got();

  expect_bad_response("HTTP/1.1 200 OK\r\n" + five + "Content-Length: 0\r\n\r\n");
  Story response;
  response.client_says(get).backend_says("HTTP/1.1 200 OK\r\n" + five + "\r\n");
  EXPECT_NE(response.client_got().find("502: the response has too many Connection fields"),
            std::string::npos)
      << response.client_got();
  EXPECT_EQ(response.farm().server(0).totals(0).bad.total(), 1U) << "that is the server's fault";
}

/// A client may wait for the 100 before it sends anything more.
TEST(HttpTrap07, AnInterimResponseThatHasTooManyGoesOnWithoutItsFields) {
  std::string five;
  for (int i = 0; i < 5; ++i) five += "Connection: x-a\r\n";
  Story story;
  story.client_says(with_fields("POST /", "Expect: 100-continue\r\nContent-Length: 2\r\n"));

  story.backend_says("HTTP/1.1 100 Continue\r\n" + five + "\r\n");

  EXPECT_EQ(story.client_got(), "HTTP/1.1 100 Continue\r\n\r\n");
  story.client_says("ok").backend_says(hello);
  EXPECT_TRUE(story.client_got().ends_with(hello));
  expect_at_rest(story);
}

TEST(HttpTrap10, BodilessResponsesBorrowNoBytes) {
  struct Row {
    std::string_view request;
    std::string_view response;
    std::string_view expected;
  };
  const std::string head_request = with_fields("HEAD /", "");
  for (const Row& row : {Row{head_request, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
                         Row{head_request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                             "HTTP/1.1 200 OK\r\n\r\n"},
                         Row{get, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
                             "HTTP/1.1 204 No Content\r\n\r\n"},
                         Row{get, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
                             "HTTP/1.1 204 No Content\r\n\r\n"},
                         Row{get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
                             "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"},
                         Row{get, "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n",
                             "HTTP/1.1 103 Early Hints\r\n\r\n"}}) {
    Story story;
    // Both at once, so that the second would give its bytes to the first.
    story.client_says(std::string(row.request) + std::string(get)).backend_says(row.response);
    const bool interim = row.response.starts_with("HTTP/1.1 1");
    story.backend_says(hello);
    if (interim) story.backend_says(hello);

    EXPECT_EQ(story.client_got(),
              std::string(row.expected) + std::string(hello) + (interim ? std::string(hello) : ""));
    EXPECT_EQ(story.connections_opened(), 1);
    expect_at_rest(story);
  }
}

TEST(HttpTrap17, TrailersAreNeverMergedAndRarelyForwarded) {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::string body = "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n";
  const std::string response = "HTTP/1.1 200 OK\r\n" + chunked + "Trailer: X-Sum\r\n\r\n" + body;
  {
    Story story;
    story.client_says(with_fields("POST /", chunked + "Trailer: X-Sum\r\n") + body);
    story.backend_says(response);
    EXPECT_NE(story.backends_got().find("Trailer: X-Sum\r\n"), std::string::npos);
    EXPECT_TRUE(story.backends_got().ends_with("\r\n\r\n" + body)) << "HTTP/1.1 takes them";
    EXPECT_TRUE(story.client_got().ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n")) << "not asked for";
    EXPECT_EQ(story.client_got().find("X-Sum"), std::string::npos);
    EXPECT_EQ(story.idle_connections(), 1U);
    expect_at_rest(story);
  }
  {
    Story story;
    story.client_says(with_fields("GET /", "TE: gzip, trailers\r\nConnection: TE\r\n"));
    story.backend_says(response);
    EXPECT_EQ(story.backends_got(), forwarded("GET / HTTP/1.1\r\nHost: a.test\r\n", "a.test",
                                              "TE: trailers\r\nConnection: TE\r\n"));
    EXPECT_EQ(story.client_got(),
              "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\n" + chunked + "\r\n" + body);
    expect_at_rest(story);
  }
  {
    Story story;
    story.client_says("GET / HTTP/1.0\r\nHost: a\r\nTE: trailers\r\n\r\n").backend_says(response);
    EXPECT_TRUE(story.client_got().ends_with("\r\n\r\nabc")) << "HTTP/1.0 knows none";
    expect_at_rest(story);
  }
}

TEST(HttpTrap17, TrailersThatPoseAsTheHeadAreRefused) {
  for (const std::string_view field : {"Content-Length: 5",
                                       "Transfer-Encoding: chunked",
                                       "Host: b",
                                       "Connection: close",
                                       "Upgrade: x",
                                       "TE: x",
                                       "Trailer: x",
                                       "Cookie: a",
                                       "Authorization: b",
                                       "X-Forwarded-For: c",
                                       "Content-Type: d",
                                       "Set-Cookie: e",
                                       "Keep-Alive: 5",
                                       "bad name: 1",
                                       " folded",
                                       "X: \x01",
                                       "X_Forwarded_For: c",
                                       "X-Forwarded-Port: 1",
                                       "X-Real-IP: c",
                                       "x_request-ID: d",
                                       "Hither-Attempt: 1",
                                       "Via: 1.1 f",
                                       "Content_Length: 5"}) {
    const std::string body = "3\r\nabc\r\n0\r\nX: 1\r\n" + std::string(field) + "\r\n\r\n";
    Story up;
    up.client_says(with_fields("POST /", "Transfer-Encoding: chunked\r\n") + body);
    EXPECT_TRUE(up.client_got().starts_with("HTTP/1.1 400 ")) << field;
    EXPECT_EQ(up.backends_got().find("X: 1"), std::string::npos) << "all or none";
    up.client_ends();
    expect_at_rest(up);

    Story down;
    down.client_says(with_fields("GET /", "TE: trailers\r\n"));
    down.backend_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").backend_says(body);
    EXPECT_FALSE(down.client_got().ends_with("0\r\n\r\n")) << field;
    EXPECT_EQ(down.client_got().find("X: 1"), std::string::npos);
    EXPECT_TRUE(down.closed()) << "the response had begun: no 502 any more";
    expect_at_rest(down);
  }
  Story story;
  story.client_says(with_fields("POST /", "Transfer-Encoding: chunked\r\n") +
                    "0\r\nX: " + std::string(9000, 'x'));
  EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 400 ")) << "they are bounded";
}

TEST(HttpTrap18, HeadsAreBounded) {
  expect_refused("GET /" + std::string(17'000, 'x'), "414");
  expect_refused(with_fields("GET /", "X: " + std::string(17'000, 'x')), "431");
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X: 1\r\n";
  expect_refused(with_fields("GET /", many), "431");
  expect_bad_response("HTTP/1.1 200 OK\r\nX: " + std::string(17'000, 'x') + "\r\n\r\n");
  expect_bad_response("HTTP/1.1 200 OK\r\n" + many + "\r\n");
}

TEST(HttpTrap18, LimitsAreTheFarms) {
  topology::Farm farm = round_robin_farm();
  farm.limits.header_bytes = 1024;
  farm.limits.header_fields = 2;
  for (const auto& [request, status] :
       {std::pair(with_fields("GET /", "X: " + std::string(1000, 'x') + "\r\n"), "431"),
        std::pair(with_fields("GET /", "X: 1\r\nX: 2\r\n"), "431"),
        std::pair(with_fields("GET /" + std::string(1100, 'x'), ""), "414")}) {
    Story story({.farm = farm});
    story.client_says(request);
    EXPECT_TRUE(story.client_got().starts_with(std::string("HTTP/1.1 ") + status)) << request;
  }
}

TEST(HttpTrap18, BodiesAreBounded) {
  topology::Farm farm = round_robin_farm();
  farm.limits.body_bytes = 4;
  {
    Story story({.farm = farm});
    story.client_says(with_fields("POST /", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
    EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 413 "));
    EXPECT_EQ(story.connections_opened(), 0);
    story.client_says("hello").client_ends();
    expect_at_rest(story);
  }
  {
    Story story({.farm = farm});
    story.client_says(with_fields("POST /", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n");
    EXPECT_EQ(story.client_got(), "");
    story.client_says("2\r\nde\r\n");
    EXPECT_TRUE(story.client_got().starts_with("HTTP/1.1 413 "));
    EXPECT_FALSE(story.connection_open(1));
    story.client_ends();
    expect_at_rest(story);
  }
  Story story({.farm = farm});
  story.client_says(with_fields("POST /", "Content-Length: 4\r\n") + "four").backend_says(hello);
  EXPECT_EQ(story.client_got(), hello);
}

TEST(HttpTrap19, WhatClientsSayOfThemselvesIsReplaced) {
  const std::string spoofed = with_fields(
      "GET /",
      "X-Forwarded-For: 10.0.0.1\r\nx-forwarded-for: 10.0.0.2\r\nForwarded: for=10.0.0.1\r\n"
      "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Request-Id: mine\r\n");
  topology::Farm farm = round_robin_farm();
  farm.trusted_proxies = {*parse_prefix("198.51.100.0/24")};
  {
    Story story({.farm = farm});
    story.client_says(spoofed);
    EXPECT_EQ(story.backends_got(), got_get());
  }
  Story story({.farm = farm, .client = "198.51.100.7"});
  story.client_says(spoofed);
  EXPECT_EQ(story.backends_got(),
            "GET / HTTP/1.1\r\nHost: a.test\r\nVia: 1.1 hither\r\n"
            "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 198.51.100.7\r\nX-Forwarded-Proto: https\r\n"
            "X-Forwarded-Host: evil\r\n"
            "Forwarded: for=10.0.0.1, for=198.51.100.7;proto=http;host=a.test\r\n"
            "X-Request-Id: mine\r\nHither-Attempt: 1\r\n\r\n");
}

/// CGI, and what has its ways, makes one variable of "X-Forwarded-For" and "X_Forwarded_For".
TEST(HttpTrap19, WhatServersTakeForTheseFieldsIsDroppedToo) {
  topology::Farm farm = round_robin_farm();
  farm.trusted_proxies = {*parse_prefix("198.51.100.0/24")};
  for (const std::string_view name :
       {"X_Forwarded_For", "x_forwarded-for", "X-Forwarded_FOR", "X_Forwarded_Host",
        "X_Forwarded_Proto", "X_Request_Id", "X-Request_ID", "Hither_Attempt", "hither_attempt",
        "X_Real_IP", "X-Real_Ip", "X_Forwarded_Port", "X_Forwarded_Anything"}) {
    const std::string spoofed = with_fields("GET /", std::string(name) + ": 6\r\n");
    for (const char* client : {"192.0.2.7", "198.51.100.7"}) {
      Story story({.farm = farm, .client = client});
      story.client_says(spoofed);
      EXPECT_EQ(story.backends_got().find(name), std::string::npos) << name << " of " << client;
      EXPECT_EQ(story.connections_opened(), 1) << "it is no error";
    }
  }
}

TEST(HttpTrap19, WhatOnlyOtherProxiesSayIsTakenFromTheTrusted) {
  topology::Farm farm = round_robin_farm();
  farm.trusted_proxies = {*parse_prefix("198.51.100.0/24")};
  for (const std::string_view field :
       {"X-Real-IP: 10.0.0.1\r\n", "X-Forwarded-Port: 443\r\n", "x-forwarded-prefix: /a\r\n"}) {
    Story stranger({.farm = farm});
    stranger.client_says(with_fields("GET /", field));
    EXPECT_EQ(stranger.backends_got(), got_get()) << field;

    Story proxy({.farm = farm, .client = "198.51.100.7"});
    proxy.client_says(with_fields("GET /", field));
    EXPECT_NE(proxy.backends_got().find(field), std::string::npos) << field;
  }
  Story story;
  const std::string_view others = "X-Forwarded: 1\r\nX-Real-IPs: 1\r\nX_Mine: 1\r\n";
  story.client_says(with_fields("GET /", others));
  EXPECT_NE(story.backends_got().find(others), std::string::npos) << "these are nobody's";
}

TEST(HttpTrap21, RequestLinesAreExact) {
  for (const auto& [line, status] :
       {std::pair<std::string_view, std::string_view>{"GET / HTTP/2.0", "505"},
        {"GET / HTTP/1.2", "505"},
        {"GET / http/1.1", "400"},
        {"GET / HTTP/1.1 ", "400"},
        {"GET / HTTP/01.1", "400"},
        {"GET / HTTP/1.10", "400"},
        {"GET /", "400"},
        {"GET  / HTTP/1.1", "400"},
        {"GET /  HTTP/1.1", "400"},
        {"GET\t/ HTTP/1.1", "400"},
        {"G@T / HTTP/1.1", "400"},
        {"GET /a b HTTP/1.1", "400"},
        {"GET /\x01 HTTP/1.1", "400"},
        {"GET /\xc3\xa9 HTTP/1.1", "400"},
        {"GET /#x HTTP/1.1", "400"},
        {"GET x HTTP/1.1", "400"},
        {"GET * HTTP/1.1", "400"},
        {"CONNECT a:443 HTTP/1.1", "501"}}) {
    expect_refused(std::string(line) + "\r\nHost: a\r\n\r\n", status);
  }
  for (const std::string_view line :
       {"HTTP/1.1 99 X", "HTTP/1.1 600 X", "HTTP/1.1 20 X", "HTTP/1.1 2000 X", "HTTP/2 200 OK",
        "HTTP/1.1  200 OK", "http/1.1 200 OK", "HTTP/1.1 2xx OK", "200 OK"}) {
    expect_bad_response(std::string(line) + "\r\nContent-Length: 0\r\n\r\n");
  }
  Story story;
  story.client_says("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n");
  EXPECT_EQ(story.backends_got(), forwarded("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n"));
}

}  // namespace
}  // namespace hither::lb::test
