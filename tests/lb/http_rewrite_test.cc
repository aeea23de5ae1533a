// SPDX-License-Identifier: Apache-2.0
#include "lb/http_rewrite.h"

#include <gtest/gtest.h>

#include <string>

namespace hither::lb {
namespace {

std::string rewritten_request(std::string_view text) {
  RequestHead head;
  HeadScan scan;
  const HeadResult result = parse_request_head(as_bytes(text), {}, scan, head);
  EXPECT_EQ(result.kind, HeadResult::Kind::complete) << result.reason;
  BlockPool pool;
  Buffer out(pool);
  const ClientIdentity client = identity_of(*parse_address("2001:db8::7"), {});
  EXPECT_EQ(write_request_head(head, as_bytes(text), {.client = client, .request_id = "abc"}, out),
            HeadWritten::whole);
  return std::string(as_text(out.data()));
}

std::string rewritten_response(std::string_view text, const ResponseShape& shape) {
  ResponseHead head;
  HeadScan scan;
  const HeadResult result = parse_response_head(as_bytes(text), "GET", {}, scan, head);
  EXPECT_EQ(result.kind, HeadResult::Kind::complete) << result.reason;
  BlockPool pool;
  Buffer out(pool);
  EXPECT_EQ(write_response_head(head, as_bytes(text), shape, out), HeadWritten::whole);
  return std::string(as_text(out.data()));
}

constexpr std::string_view ours =
    "Via: 1.1 hither\r\n"
    "X-Forwarded-For: 2001:db8::7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.test\r\n"
    "Forwarded: for=\"[2001:db8::7]\";proto=http;host=a.test\r\nX-Request-Id: abc\r\n"
    "Hither-Attempt: 1\r\n\r\n";

struct Row {
  const char* name;
  std::string_view fields;  ///< of the request, besides Host
  std::string_view stay;
};

class RequestFields : public testing::TestWithParam<Row> {};

TEST_P(RequestFields, AreFilteredAsTheRuleSays) {
  const Row& row = GetParam();
  const std::string text =
      "GET /x?y HTTP/1.1\r\nHost: a.test\r\n" + std::string(row.fields) + "\r\n";

  EXPECT_EQ(rewritten_request(text),
            "GET /x?y HTTP/1.1\r\nHost: a.test\r\n" + std::string(row.stay) + std::string(ours));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RequestFields,
    testing::Values(
        Row{"PlainOnesStayAsTheyCame", "Accept: */*\r\nx-a:  b \r\n",
            "Accept: */*\r\nx-a:  b \r\n"},
        Row{"ConnectionAndWhatItNames", "X-A: 1\r\nConnection: X-A, x-b\r\nX-B: 2\r\nX-C: 3\r\n",
            "X-C: 3\r\n"},
        Row{"SeveralConnectionFields", "Connection: x-a\r\nX-A: 1\r\nConnection: x-b\r\nX-B: 2\r\n",
            ""},
        Row{"HopByHop",
            "Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: gzip\r\nTrailer: X\r\n"
            "Accept: a\r\nUpgrade: h2c\r\n",
            "Accept: a\r\n"},
        Row{"WhatAnybodyCouldWrite",
            "X-Forwarded-For: 1.2.3.4\r\nx-forwarded-proto: https\r\nForwarded: for=x\r\n"
            "X-FORWARDED-HOST: evil\r\nX-Request-Id: 1\r\nhither-attempt: 4\r\n",
            ""},
        Row{"HopByHopAsCgiReadsIt",
            "Keep_Alive: 5\r\nProxy_Connection: close\r\nTransfer_Encoding: chunked\r\n", ""},
        Row{"ViaIsAddedTo", "Via: 1.1 a, 1.0 b\r\n", "Via: 1.1 a, 1.0 b\r\n"},
        Row{"MaxForwardsOfAnotherMethod", "Max-Forwards: 0\r\n", "Max-Forwards: 0\r\n"},
        Row{"FourConnectionFieldsAndMore",
            "Connection: a\r\nConnection: b\r\nConnection: close\r\nConnection: c\r\n"
            "Connection: d\r\nConnection: keep-alive\r\nA: 1\r\nD: 4\r\nE: 5\r\n",
            "E: 5\r\n"},
        Row{"LengthStays", "Content-Length: 5\r\n", "Content-Length: 5\r\n"},
        Row{"ChunkedIsWrittenAnew", "transfer-encoding: Chunked\r\n",
            "Transfer-Encoding: chunked\r\n"},
        Row{"ExpectStays", "Expect: 100-continue\r\n", "Expect: 100-continue\r\n"}),
    [](const auto& row) { return row.param.name; });

TEST(RequestHead, BecomesOriginFormWithItsAuthorityAsHost) {
  EXPECT_EQ(rewritten_request("GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n"),
            "GET /x HTTP/1.1\r\nHost: a.test\r\n" + std::string(ours));
}

TEST(RequestHead, WhatWeWriteIsReadBackTheSame) {
  const std::string text = rewritten_request(
      "POST /x HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nTransfer-Encoding: chunked\r\n\r\n");
  RequestHead head;
  HeadScan scan;

  const HeadResult result = parse_request_head(as_bytes(text), {}, scan, head);

  ASSERT_EQ(result.kind, HeadResult::Kind::complete) << result.reason;
  EXPECT_EQ(head.size, text.size());
  EXPECT_EQ(head.path, "/x");
  EXPECT_EQ(head.framing, BodyFraming::chunked);
  EXPECT_EQ(head.fields.find("x-forwarded-for"), "2001:db8::7");
}

TEST(RequestHead, IsNotWrittenWhereItDoesNotFit) {
  const std::string text =
      "GET / HTTP/1.1\r\nHost: a.test\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n";
  RequestHead head;
  HeadScan scan;
  ASSERT_EQ(parse_request_head(as_bytes(text), {}, scan, head).kind, HeadResult::Kind::complete);
  BlockPool pool;
  Buffer out(pool);
  const std::string before(10'000, 'b');
  out.append(before);

  const ClientIdentity client;
  EXPECT_EQ(write_request_head(head, as_bytes(text), {.client = client}, out),
            HeadWritten::too_long);
  EXPECT_EQ(as_text(out.data()), before);
}

TEST(RequestHead, IsNotWrittenWithMoreConnectionFieldsThanWeReadAtOnce) {
  const std::string text =
      "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: a\r\nConnection: b\r\nConnection: c\r\n"
      "Connection: d\r\nConnection: e\r\n\r\n";
  RequestHead head;
  HeadScan scan;
  ASSERT_EQ(parse_request_head(as_bytes(text), {}, scan, head).kind, HeadResult::Kind::complete);
  BlockPool pool;
  Buffer out(pool);

  const ClientIdentity client;
  EXPECT_EQ(write_request_head(head, as_bytes(text), {.client = client}, out),
            HeadWritten::too_many_connection_fields);
  EXPECT_TRUE(out.empty());
}

TEST(RequestHead, SaysInViaWhichVersionItCameIn) {
  EXPECT_NE(rewritten_request("GET / HTTP/1.0\r\n\r\n").find("\r\nVia: 1.0 hither\r\n"),
            std::string::npos);
}

TEST(ResponseHead, LosesHopByHopFieldsAndGetsTheFraming) {
  EXPECT_EQ(rewritten_response("HTTP/1.0 200 Fine\r\nServer: x\r\nConnection: close\r\n"
                               "Keep-Alive: 5\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
                               {.framing = BodyFraming::chunked, .connection = "close"}),
            "HTTP/1.1 200 Fine\r\nServer: x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
}

TEST(ResponseHead, KeepsALengthUnlessTheStatusForbidsIt) {
  constexpr std::string_view text = "HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n";

  EXPECT_EQ(rewritten_response(text, {}), text);
  EXPECT_EQ(rewritten_response(text, {.bodiless_status = true}), "HTTP/1.1 204 \r\n\r\n");
}

TEST(Chunk, IsItsSizeInHexAndItsData) {
  BlockPool pool;
  Buffer out(pool);

  write_chunk(as_bytes(std::string(300, 'x')), out);

  EXPECT_EQ(as_text(out.data()), "12c\r\n" + std::string(300, 'x') + "\r\n");
}

}  // namespace
}  // namespace hither::lb
