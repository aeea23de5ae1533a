// SPDX-License-Identifier: Apache-2.0
//
// One test or more per rule of docs/http.md, in its order; the number stands in the name.
#include "base/http_head.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/base/exact_bytes.h"

namespace hither {
namespace {

using Kind = HeadResult::Kind;

struct Request {
  explicit Request(std::string_view text, const HeadLimits& limits = {}) : memory(text) {
    HeadScan scan;
    result = parse_request_head(memory.bytes(), limits, scan, head);
  }
  bool complete() const { return result.kind == Kind::complete; }

  ExactBytes memory;
  RequestHead head;
  HeadResult result;
};

/// The status with which a request is refused; 0 if it is complete, 1 if more must come.
int status(std::string_view text, const HeadLimits& limits = {}) {
  const HeadResult result = Request(text, limits).result;
  if (result.kind == Kind::incomplete) return 1;
  if (result.kind == Kind::complete) return 0;
  EXPECT_FALSE(result.reason.empty()) << text;
  return result.status;
}

/// A GET with these further lines.
std::string get(std::string_view lines) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

/// A request line with the fields that HTTP/1.1 needs.
std::string line(std::string_view text) { return std::string(text) + "\r\nHost: a\r\n\r\n"; }

TEST(RequestHead, YieldsItsParts) {
  const Request request(
      "POST /a?b=c HTTP/1.1\r\nHost: www.example.test:8080\r\nContent-Length: 5\r\nX-Y:  z "
      "z\t\r\n\r\nhello");

  ASSERT_TRUE(request.complete()) << request.result.reason;
  EXPECT_EQ(request.head.method, "POST");
  EXPECT_EQ(request.head.target, "/a?b=c");
  EXPECT_EQ(request.head.path, "/a?b=c");
  EXPECT_EQ(request.head.authority, "www.example.test:8080");
  EXPECT_EQ(request.head.minor_version, 1);
  EXPECT_EQ(request.head.framing, BodyFraming::length);
  EXPECT_EQ(request.head.content_length, 5U);
  EXPECT_EQ(request.head.fields.all().size(), 3U);
  EXPECT_EQ(request.head.fields.find("x-y"), "z z");
  EXPECT_FALSE(request.head.fields.find("x-z").has_value());
  EXPECT_EQ(request.head.size, request.memory.bytes().size() - 5);
}

TEST(RequestHead, PointsIntoTheBytesItWasGiven) {
  const Request request(get(""));

  EXPECT_EQ(static_cast<const void*>(request.head.method.data()),
            static_cast<const void*>(request.memory.bytes().data()));
}

TEST(RequestHead, TheSameObjectCanBeUsedAgain) {
  const ExactBytes first(get("Connection: close\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"));
  const ExactBytes second("GET / HTTP/1.0\r\n\r\n");
  RequestHead head;
  HeadScan scan;
  parse_request_head(first.bytes(), {}, scan, head);

  scan = {};
  ASSERT_EQ(parse_request_head(second.bytes(), {}, scan, head).kind, Kind::complete);

  EXPECT_TRUE(head.fields.all().empty());
  EXPECT_TRUE(head.authority.empty());
  EXPECT_EQ(head.framing, BodyFraming::none);
  EXPECT_EQ(head.content_length, 0U);
  EXPECT_FALSE(head.expects_continue);
}

TEST(RequestHead, AnEmptyStreamIsIncomplete) { EXPECT_EQ(status(""), 1); }

TEST(RequestHead, IsTheSameInPiecesAsWhole) {
  const std::string texts[] = {"\r\n" + get("X: 1\r\nContent-Length: 4\r\n"),
                               get("X: 1\r\nBad Name: 2\r\nContent-Length: x\r\n"),
                               "GET / HTTP/2.0\r\n\r\n",
                               "GET /\nHost: a\r\n\r\n",
                               get("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
                               "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
                               "\r\r\n"};
  for (const std::string& text : texts) {
    const Request whole(text);
    RequestHead head;
    HeadScan scan;
    HeadResult result;
    for (std::size_t size = 0; size <= text.size() && result.kind == Kind::incomplete; ++size) {
      const ExactBytes piece(text.substr(0, size));
      result = parse_request_head(piece.bytes(), {}, scan, head);
    }
    EXPECT_EQ(result.kind, whole.result.kind) << text;
    EXPECT_EQ(result.status, whole.result.status) << text;
    EXPECT_EQ(result.reason, whole.result.reason) << text;
    if (result.kind != Kind::complete) continue;
    EXPECT_EQ(head.fields.all().size(), whole.head.fields.all().size()) << text;
  }
}

TEST(RequestHead, ABrokenLineIsToldBeforeTheHeadEnds) {
  const std::string text = "GET / HTTP/1.1\r\nHost : a\r\n";
  EXPECT_EQ(status(text.substr(0, text.size() - 1)), 1);
  EXPECT_EQ(status(text), 400);
}

TEST(RequestHead, ManyPiecesDoNotSearchAnyByteTwice) {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(9000, 'x');
  RequestHead head;
  HeadScan scan;
  const ByteView bytes = as_bytes(text);

  for (std::size_t size = 1; size <= bytes.size(); size += 100) {
    ASSERT_EQ(parse_request_head(bytes.first(size), {}, scan, head).kind, Kind::incomplete);
    ASSERT_EQ(scan.searched, size);
  }

  EXPECT_EQ(scan.line, text.find("X:"));
  EXPECT_EQ(scan.fields, 1U);
}

// ---- Lines

TEST(HttpRule, R1ALineEndsInCrlfAndNothingLess) {
  EXPECT_EQ(status("GET / HTTP/1.1\nHost: a\n\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\n\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\rHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status(get("X: a\rb\r\n")), 400);
  EXPECT_EQ(status(get("X: a\r\r\n")), 400);
  EXPECT_EQ(status(get("\rX: a\r\n")), 400);
}

TEST(HttpRule, R2OneEmptyLineBeforeTheRequestIsSkipped) {
  const Request request("\r\n" + get(""));

  ASSERT_TRUE(request.complete());
  EXPECT_EQ(request.head.method, "GET");
  EXPECT_EQ(request.head.size, request.memory.bytes().size());
}

TEST(HttpRule, R2TwoEmptyLinesOrABareOneAreRefused) {
  EXPECT_EQ(status("\r\n\r\n" + get("")), 400);
  EXPECT_EQ(status("\n" + get("")), 400);
  EXPECT_EQ(status("\r" + get("")), 400);
  EXPECT_EQ(status("\r\n"), 1);
}

TEST(HttpRule, R3WhatDoesNotBeginWithAMethodIsRefusedAtOnce) {
  EXPECT_EQ(status(std::string_view("\x16\x03\x01\x02\x00", 5)), 400);
  EXPECT_EQ(status(" "), 400);
  EXPECT_EQ(status(std::string_view("\0", 1)), 400);
  EXPECT_EQ(status("\xff"), 400);
}

// ---- The request line

TEST(HttpRule, R4TheRequestLineHasThreePartsAndSingleSpaces) {
  for (const char* text :
       {"GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET / a HTTP/1.1", "GET", "GET ", "GET / ",
        "GET HTTP/1.1", "G(T / HTTP/1.1", "GET:/ HTTP/1.1"}) {
    EXPECT_EQ(status(line(text)), 400) << text;
  }
}

TEST(HttpRule, R4AMethodIsAnyTokenWithItsCase) {
  const Request request(line("m-Search! / HTTP/1.1"));

  ASSERT_TRUE(request.complete());
  EXPECT_EQ(request.head.method, "m-Search!");
}

TEST(HttpRule, R5TheTargetIsVisibleAscii) {
  EXPECT_EQ(status(line("GET /a#b HTTP/1.1")), 400);
  EXPECT_EQ(status(line("GET /\xc3\xa4 HTTP/1.1")), 400);
  EXPECT_EQ(status(line("GET /\x7f HTTP/1.1")), 400);
  EXPECT_EQ(status(line(std::string("GET /\0 HTTP/1.1", 15))), 400);
}

TEST(HttpRule, R5WhatBrowsersLeaveUnescapedPasses) {
  const Request request(line("GET /?q={a|b}^`\"<>\\ HTTP/1.1"));

  ASSERT_TRUE(request.complete());
  EXPECT_EQ(request.head.path, "/?q={a|b}^`\"<>\\");
}

TEST(HttpRule, R6OtherVersionsAre505) {
  for (const char* text :
       {"GET / HTTP/2.0", "GET / HTTP/1.2", "GET / HTTP/0.9", "PRI * HTTP/2.0", "GET / HTTP/9.9"}) {
    EXPECT_EQ(status(line(text)), 505) << text;
  }
}

TEST(HttpRule, R6AMalformedVersionIs400) {
  for (const char* text :
       {"GET / http/1.1", "GET / HTTP/1", "GET / HTTP/11", "GET / HTTP/1.10", "GET / HTTP/+1.1",
        "GET / HTTP/1.x", "GET / HTTPS/1.1", "GET / HTTP/1.1x", "GET /", "GET / HTTP 1.1"}) {
    EXPECT_EQ(status(line(text)), 400) << text;
  }
}

TEST(HttpRule, R7ConnectIsNotServed) {
  EXPECT_EQ(status("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), 501);
  EXPECT_EQ(status("CONNECTS / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
}

TEST(HttpRule, R8AbsoluteFormYieldsAuthorityAndPath) {
  const Request request("GET http://a:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n");

  ASSERT_TRUE(request.complete());
  EXPECT_EQ(request.head.target, "http://a:80/x?y");
  EXPECT_EQ(request.head.authority, "a:80");
  EXPECT_EQ(request.head.path, "/x?y");
}

TEST(HttpRule, R8AUrlWithoutAPathHasTheRoot) {
  const Request request("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n");

  ASSERT_TRUE(request.complete());
  EXPECT_EQ(request.head.path, "/");
}

TEST(HttpRule, R8OptionsMayAskForTheWholeServer) {
  const Request star(line("OPTIONS * HTTP/1.1"));
  const Request url("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n");

  ASSERT_TRUE(star.complete());
  EXPECT_EQ(star.head.path, "*");
  ASSERT_TRUE(url.complete());
  EXPECT_EQ(url.head.path, "*");
}

TEST(HttpRule, R8OtherTargetsAreRefused) {
  for (const char* text :
       {"GET * HTTP/1.1", "GET a HTTP/1.1", "GET a:80 HTTP/1.1", "GET http:/a HTTP/1.1",
        "GET http:///x HTTP/1.1", "GET ftp://a/ HTTP/1.1", "GET http://u@a/ HTTP/1.1",
        "GET http://a?q HTTP/1.1", "GET x/http://a/ HTTP/1.1", "OPTIONS ** HTTP/1.1",
        "GET ? HTTP/1.1"}) {
    EXPECT_EQ(status(line(text)), 400) << text;
  }
}

TEST(HttpRule, R9ALongRequestLineIs414) {
  const HeadLimits limits = {.bytes_max = 100};

  EXPECT_EQ(status(line("GET /" + std::string(200, 'a') + " HTTP/1.1"), limits), 414);
  EXPECT_EQ(status("GET /" + std::string(95, 'a'), limits), 414) << "even before its end";
  EXPECT_EQ(status("GET /" + std::string(94, 'a'), limits), 1);
}

// ---- Fields

TEST(HttpRule, R10AFieldNameIsATokenAtOnceFollowedByAColon) {
  for (const char* lines :
       {"X : a\r\n", "X\t: a\r\n", "X Y: a\r\n", ": a\r\n", "X\r\n", "X(: a\r\n", "X@Y: a\r\n",
        "\xc3\xa4: a\r\n", "X\x7f: a\r\n", "X{}: a\r\n", "X/Y: a\r\n"}) {
    EXPECT_EQ(status(get(lines)), 400) << lines;
  }
  EXPECT_EQ(status(get("!#$%&'*+-.^_`|~09azAZ: a\r\n")), 0);
}

TEST(HttpRule, R11FoldedLinesAreRefused) {
  EXPECT_EQ(status(get("X: a\r\n b\r\n")), 400);
  EXPECT_EQ(status(get("X: a\r\n\tb\r\n")), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400) << "nor before the first field";
}

TEST(HttpRule, R12AValueHoldsNoControlCharacters) {
  for (int c = 0; c < 256; ++c) {
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    for (const std::size_t position :
         {0U, 3U, 8U, 13U}) {  // In every lane of the eight-octet search.
      std::string value(16, 'v');
      value[position] = static_cast<char>(c);
      EXPECT_EQ(status(get("X: " + value + "\r\n")), control ? 400 : 0) << c << " at " << position;
    }
  }
}

TEST(HttpRule, R12BlanksAroundAValueDoNotBelongToIt) {
  const Request request(get("A:x\r\nB: \t x y \t\r\nC:\r\nD: \t \r\n"));

  ASSERT_TRUE(request.complete());
  EXPECT_EQ(request.head.fields.find("A"), "x");
  EXPECT_EQ(request.head.fields.find("B"), "x y");
  EXPECT_EQ(request.head.fields.find("C"), "");
  EXPECT_EQ(request.head.fields.find("D"), "");
}

TEST(HttpRule, R13ALongHeadIs431) {
  const std::string text = get("X: " + std::string(200, 'x') + "\r\n");

  EXPECT_EQ(status(text, {.bytes_max = text.size()}), 0) << "the limit itself is allowed";
  EXPECT_EQ(status(text, {.bytes_max = text.size() - 1}), 431);
  EXPECT_EQ(status(text.substr(0, 50), {.bytes_max = 50}), 431) << "even before its end";
}

TEST(HttpRule, R13TooManyFieldsAre431) {
  std::string lines;
  for (int i = 1; i < 100; ++i) lines += "X: a\r\n";

  EXPECT_EQ(status(get(lines)), 0) << "100 with Host";
  EXPECT_EQ(status(get(lines + "X: a\r\n")), 431);
  for (int i = 0; i < 28; ++i) lines += "X: a\r\n";
  EXPECT_EQ(status(get(lines), {.fields_max = 1000}), 0) << "128, the size of the table";
  EXPECT_EQ(status(get(lines + "X: a\r\n"), {.fields_max = 1000}), 431);
}

// ---- For whom it is

TEST(HttpRule, R14Http11NeedsOneHost) {
  EXPECT_EQ(status("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nhOST: a\r\n\r\n"), 0);
}

TEST(HttpRule, R14TwoHostsAreRefusedEvenIfEqual) {
  EXPECT_EQ(status(get("Host: a\r\n")), 400);
  EXPECT_EQ(status(get("HOST: b\r\n")), 400);
  EXPECT_EQ(status("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
}

TEST(HttpRule, R14Http10NeedsNone) {
  const Request request("GET / HTTP/1.0\r\n\r\n");

  ASSERT_TRUE(request.complete());
  EXPECT_EQ(request.head.authority, "");
}

TEST(HttpRule, R15HostIsANameOrAddressWithAnOptionalPort) {
  for (const char* host : {"a", "WWW.example.test", "a:0", "a:65535", "127.0.0.1:8080", "[::1]",
                           "[::1]:80", "[2001:db8::1.2.3.4]", "a_b~c.d-e"}) {
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), 0) << host;
  }
}

TEST(HttpRule, R15AMalformedHostIsRefused) {
  for (const char* host :
       {"",      ":80",    "a:",  "a:x",  "a:-1",     "a:65536", "a:80:80", "u@a",
        "a/b",   "a,b",    "a b", "a, a", "[::1",     "::1",     "[]",      "[::1]x",
        "[::g]", "[::1]:", "a?b", "a%41", "http://a", "\xc3\xa4"}) {
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), 400) << host;
  }
}

TEST(HttpRule, R16TargetAndHostNameTheSameServer) {
  const auto both = [](std::string_view target, std::string_view host) {
    return status("GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) +
                  "\r\n\r\n");
  };

  EXPECT_EQ(both("http://a/", "A"), 0);
  EXPECT_EQ(both("http://a:80/", "a"), 0);
  EXPECT_EQ(both("HTTP://a/", "a:80"), 0);
  EXPECT_EQ(both("https://a/", "a:443"), 0);
  EXPECT_EQ(both("http://[::1]:8080/", "[::1]:8080"), 0);
  EXPECT_EQ(both("http://b/", "a"), 400);
  EXPECT_EQ(both("http://a:81/", "a"), 400);
  EXPECT_EQ(both("https://a/", "a:80"), 400);
}

TEST(HttpRule, R16WithoutHostTheTargetSaysWho) {
  const Request request("GET http://a/ HTTP/1.0\r\n\r\n");

  ASSERT_TRUE(request.complete());
  EXPECT_EQ(request.head.authority, "a");
}

// ---- Where the body ends

TEST(HttpRule, R17TransferEncodingIsExactlyChunked) {
  EXPECT_EQ(status(get("Transfer-Encoding: chunked\r\n")), 0);
  EXPECT_EQ(status(get("transfer-encoding:  CHUNKED \r\n")), 0);
  for (const char* value : {"", "gzip", "identity", "chunked, chunked", "gzip, chunked",
                            "chunked, gzip", ",chunked", "chunked,", "chunked;q=1", "\"chunked\"",
                            "xchunked", "chunke", "chunked\x0b", "x chunked"}) {
    EXPECT_EQ(status(get("Transfer-Encoding: " + std::string(value) + "\r\n")), 400) << value;
  }
}

TEST(HttpRule, R17TwoTransferEncodingsAreRefused) {
  EXPECT_EQ(status(get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(status(get("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")), 400);
}

TEST(HttpRule, R17ChunkedIsSeenByTheReader) {
  const Request request(get("Transfer-Encoding: chunked\r\n"));

  EXPECT_EQ(request.head.framing, BodyFraming::chunked);
}

TEST(HttpRule, R18NoTransferEncodingInHttp10) {
  EXPECT_EQ(status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(HttpRule, R19ContentLengthIsDigits) {
  for (const char* value : {"", "+1", "-1", "-0", "0x5", "1_0", "5, 5", "5,", "1 0", "1.0", "5;",
                            "a", "\xd9\xa1", "9223372036854775808", "18446744073709551616",
                            "99999999999999999999", "00000000000000000005"}) {
    EXPECT_EQ(status(get("Content-Length: " + std::string(value) + "\r\n")), 400) << value;
  }
}

TEST(HttpRule, R19ContentLengthReachesTwoTo63MinusOne) {
  const Request request(get("Content-Length: 9223372036854775807\r\n"));

  ASSERT_TRUE(request.complete());
  EXPECT_EQ(request.head.content_length, 9223372036854775807U);
}

TEST(HttpRule, R19TwoContentLengthsAreRefusedEvenIfEqual) {
  EXPECT_EQ(status(get("Content-Length: 5\r\nContent-Length: 5\r\n")), 400);
  EXPECT_EQ(status(get("Content-Length: 5\r\ncontent-length: 6\r\n")), 400);
}

TEST(HttpRule, R20LengthAndChunksTogetherAreRefused) {
  EXPECT_EQ(status(get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(status(get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")), 400);
}

TEST(HttpRule, R21ARequestWithNeitherHasNoBody) {
  const Request request("POST / HTTP/1.1\r\nHost: a\r\n\r\n");

  EXPECT_EQ(request.head.framing, BodyFraming::none);
}

// ---- The connection

TEST(HttpRule, R22ConnectionMayNotDropWhatDecides) {
  for (const char* name : {"Host", "content-length", "Transfer-Encoding", "cookie", "Authorization",
                           "X-Forwarded-For"}) {
    EXPECT_EQ(status(get("Connection: close, " + std::string(name) + "\r\n")), 400) << name;
  }
  EXPECT_EQ(status(get("Connection: x-mine\r\n")), 0);
}

TEST(HttpRule, R22ConnectionOptionsAreTokens) {
  EXPECT_EQ(status(get("Connection: close;q=1\r\n")), 400);
  EXPECT_EQ(status(get("Connection: a b\r\n")), 400);
  EXPECT_EQ(status(get("Connection: ,, close ,\t\r\n")), 0) << "empty elements are allowed";
}

bool keeps(std::string_view version, std::string_view lines) {
  const Request request("GET / HTTP/" + std::string(version) + "\r\nHost: a\r\n" +
                        std::string(lines) + "\r\n");
  EXPECT_TRUE(request.complete()) << lines;
  return request.head.keep_alive;
}

TEST(HttpRule, R23TheVersionDecidesUnlessTold) {
  EXPECT_TRUE(keeps("1.1", ""));
  EXPECT_FALSE(keeps("1.1", "Connection: close\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: x\r\nConnection: y, CLOSE\r\n"));
  EXPECT_FALSE(keeps("1.0", ""));
  EXPECT_TRUE(keeps("1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("1.0", "Connection: keep-alive, close\r\n"));
}

// ---- What else the head says

TEST(HttpRule, R33AContinueIsExpectedInHttp11Only) {
  EXPECT_TRUE(Request(get("Expect: 100-Continue\r\n")).head.expects_continue);
  EXPECT_FALSE(Request(get("Expect: something\r\n")).head.expects_continue);
  EXPECT_FALSE(Request("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").head.expects_continue);
}

TEST(HttpRule, R34AnUpgradeNeedsBothFieldsAndHttp11) {
  EXPECT_TRUE(Request(get("Connection: Upgrade\r\nUpgrade: websocket\r\n")).head.wants_upgrade);
  EXPECT_FALSE(Request(get("Upgrade: websocket\r\n")).head.wants_upgrade);
  EXPECT_FALSE(Request(get("Connection: upgrade\r\n")).head.wants_upgrade);
  EXPECT_FALSE(
      Request("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").head.wants_upgrade);
}

// ---- Helpers

TEST(HttpFields, AFullTableRefusesMore) {
  HttpFields fields;
  for (std::size_t i = 0; i < http_fields_max; ++i) ASSERT_TRUE(fields.add({"a", "b"}));

  EXPECT_FALSE(fields.add({"a", "b"}));
  EXPECT_EQ(fields.all().size(), http_fields_max);
}

TEST(HttpFields, FindTakesTheFirst) {
  HttpFields fields;
  fields.add({"A", "1"});
  fields.add({"a", "2"});

  EXPECT_EQ(fields.find("a"), "1");
}

TEST(HttpList, FindsATokenWithoutCase) {
  EXPECT_TRUE(list_has_token("a, Close ,b", "close"));
  EXPECT_TRUE(list_has_token("close", "close"));
  EXPECT_FALSE(list_has_token("closed, clos", "close"));
  EXPECT_FALSE(list_has_token("a close", "close"));
  EXPECT_FALSE(list_has_token("", "close"));
  EXPECT_FALSE(list_has_token(",,", ""));
}

TEST(HttpToken, IsNotEmptyAndHoldsNoSeparator) {
  EXPECT_TRUE(is_token("GET"));
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token("a b"));
  EXPECT_FALSE(is_token("a:"));
}

}  // namespace
}  // namespace hither
