// SPDX-License-Identifier: Apache-2.0
#include "dns/tcp_session.h"

#include <gtest/gtest.h>

#include "dns/protocol.h"
#include "tests/dns/support.h"

namespace hither::dns::tcp_session_test {
namespace {

using namespace std::chrono_literals;
using testing::ask;

/// A session and what it needs.
struct Fixture {
  testing::World world;
  Responder responder{world.snapshot()};
  std::vector<std::byte> scratch = std::vector<std::byte>(message_size_max);
  TcpSession session{responder, scratch, {.address = *parse_address("10.3.0.1")}, 10s};
};

Bytes framed(const Bytes& message) {
  Bytes out = {static_cast<std::byte>(message.size() >> 8U),
               static_cast<std::byte>(message.size() & 0xffU)};
  append(out, message);
  return out;
}

/// Three pipelined queries.
Bytes make_stream() {
  Bytes stream;
  for (const std::string name : {"www.example.test", "example.test", "other.invalid"}) {
    append(stream, framed(ask(name).packet()));
  }
  return stream;
}

Bytes answers_in_pieces(std::size_t piece) {
  Fixture fixture;
  const Bytes stream = make_stream();
  Bytes out;
  for (std::size_t i = 0; i < stream.size(); i += piece) {
    const std::size_t size = std::min(piece, stream.size() - i);
    fixture.session.on_bytes(ByteView(stream).subspan(i, size), Instant{} + 1s, out);
  }
  EXPECT_FALSE(fixture.session.finished());
  return out;
}

TEST(TcpSession, AnswersPipelinedQueriesInOrder) {
  const Bytes out = answers_in_pieces(100'000);
  Reader in(out);
  EXPECT_EQ(testing::parse_reply(in.take(in.u16())).only_data(), "127.12.0.1");
  EXPECT_EQ(testing::parse_reply(in.take(in.u16())).rcode, 0);
  EXPECT_EQ(testing::parse_reply(in.take(in.u16())).rcode, 5);
  EXPECT_EQ(in.left(), 0U);
}

TEST(TcpSession, AnswersAreTheSameHoweverTheStreamIsCut) {
  const Bytes want = answers_in_pieces(100'000);
  for (std::size_t cut = 1; cut <= make_stream().size(); ++cut) {
    EXPECT_EQ(answers_in_pieces(cut), want) << "cut into pieces of " << cut;
  }
}

TEST(TcpSession, AWholeMessageMovesTheDeadlineAPieceDoesNot) {
  Fixture fixture;
  const Bytes message = framed(ask("www.example.test").packet());
  Bytes out;
  EXPECT_EQ(fixture.session.deadline(), Instant{} + 10s);

  fixture.session.on_bytes(ByteView(message).first(5), Instant{} + 4s, out);
  EXPECT_EQ(fixture.session.deadline(), Instant{} + 10s);

  fixture.session.on_bytes(ByteView(message).subspan(5), Instant{} + 5s, out);
  EXPECT_EQ(fixture.session.deadline(), Instant{} + 15s);
}

TEST(TcpSession, IsFinishedAtItsDeadlineAndNotBefore) {
  Fixture fixture;
  fixture.session.on_time(Instant{} + 9s);
  EXPECT_FALSE(fixture.session.finished());
  fixture.session.on_time(Instant{} + 10s);
  EXPECT_TRUE(fixture.session.finished());
}

TEST(TcpSession, WhatIsNoQueryEndsIt) {
  for (const Bytes& scrap : {Bytes{}, Bytes(5), Bytes(12, std::byte{0xff})}) {
    Fixture fixture;
    Bytes out;
    fixture.session.on_bytes(framed(scrap), Instant{}, out);
    EXPECT_TRUE(fixture.session.finished());
    EXPECT_TRUE(out.empty());
  }
}

TEST(TcpSession, WhileMuchWaitsToBeSentNothingMoreIsAnsweredOrRead) {
  Fixture fixture;
  Bytes stream;
  for (int i = 0; i < 5000; ++i) append(stream, framed(ask("example.test", Type::soa).packet()));
  Bytes out;
  fixture.session.on_bytes(stream, Instant{} + 1s, out);
  EXPECT_FALSE(fixture.session.wants_input());
  EXPECT_GE(out.size(), TcpSession::answers_bytes_max);
  EXPECT_LE(out.size(), TcpSession::answers_bytes_max + message_size_max);

  std::size_t answers = 0;
  fixture.session.on_end();
  EXPECT_FALSE(fixture.session.finished()) << "it is still answered";
  for (int turn = 0; turn < 1000 && !out.empty(); ++turn) {
    Reader in(out);
    for (; in.left() > 0; ++answers) in.skip(in.u16());
    out.clear();
    fixture.session.on_drained(Instant{} + 2s, out);
  }
  EXPECT_EQ(answers, 5000U);
  EXPECT_TRUE(fixture.session.wants_input());
  EXPECT_TRUE(fixture.session.finished());
}

TEST(TcpSession, ACookieIsDatedByTheWallClockOfTheMoment) {
  Fixture fixture;
  fixture.world.protocol = make_protocol({}, {.secrets = {SipKey{}}});
  fixture.responder.set_snapshot(fixture.world.snapshot());
  TcpSession session(fixture.responder, fixture.scratch,
                     {.address = *parse_address("10.3.0.1"), .opened_unix_seconds = 1000}, 10s);
  Bytes out;
  session.on_bytes(framed(ask("example.test").option(10, Bytes(8)).packet()), Instant{} + 7s, out);
  const testing::Reply reply = testing::parse_reply(ByteView(out).subspan(2));
  Reader cookie(reply.options.at(10));
  cookie.skip(12);
  EXPECT_EQ(cookie.u32(), 1007U);
}

TEST(TcpSession, TheClientsEndEndsIt) {
  Fixture fixture;
  fixture.session.on_end();
  EXPECT_TRUE(fixture.session.finished());
}

}  // namespace
}  // namespace hither::dns::tcp_session_test
