// SPDX-License-Identifier: Apache-2.0
#include "lb/handover.h"

#include <gtest/gtest.h>

#include <string>

namespace hither::lb {
namespace {

using Step = HandoverMessage::Step;
using Use = HandoverMessage::Use;
using Gives = HandoverGiver::Does;
using Takes = HandoverTaker::Does;

Bytes framed(const std::string& json) {
  Bytes bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    bytes.push_back(static_cast<std::byte>(json.size() >> shift & 0xFFU));
  }
  append(bytes, as_bytes(json));
  return bytes;
}

Endpoint web() { return *parse_endpoint("127.10.0.1:8080"); }

TEST(Handover, MessagesComeOutAsTheyWentInHoweverTheyAreCut) {
  const HandoverMessage sockets{
      .step = Step::sockets,
      .passed = {{.use = Use::clients, .endpoint = web()},
                 {.use = Use::admin, .endpoint = *parse_endpoint("[::1]:7070")},
                 {.use = Use::handover, .endpoint = {}}}};
  const HandoverMessage offer{.step = Step::offer, .memory = R"({"room":"fra"})", .sockets = 3};
  const HandoverMessage ready{.step = Step::ready, .taken = {web()}};
  const std::string stream = to_frame(offer) + to_frame(sockets) + to_frame(ready);

  HandoverStream reader;
  std::vector<HandoverMessage> messages;
  for (const char octet : stream) {
    reader.take(as_bytes(std::string_view(&octet, 1)));
    while (auto message = reader.next()) messages.push_back(*message);
  }

  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[0].step, Step::offer);
  EXPECT_EQ(messages[0].memory, offer.memory);
  EXPECT_EQ(messages[0].sockets, 3U);
  EXPECT_EQ(messages[1].passed, sockets.passed);
  EXPECT_EQ(messages[2].taken, ready.taken);
  EXPECT_FALSE(reader.broken());
}

TEST(Handover, UnknownKeysAreOfOtherVersionsAndDoNoHarm) {
  HandoverStream reader;

  reader.take(framed(R"({"handover":"hello","room":"fra","since":"9.9","more":{"a":[1]}})"));
  const auto message = reader.next();

  ASSERT_TRUE(message);
  EXPECT_EQ(message->room, "fra");
}

TEST(Handover, NonsenseBreaksTheStreamForGood) {
  const Bytes cases[] = {framed("no json"),
                         framed("[]"),
                         framed(R"({"handover":"dance"})"),
                         framed(R"({"handover":"sockets","passed":[{"use":"tea"}]})"),
                         framed(R"({"handover":"ready","taken":[7]})"),
                         Bytes(4, std::byte{0xFF})};
  for (const Bytes& bytes : cases) {
    HandoverStream reader;
    reader.take(bytes);

    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.broken());
    reader.take(as_bytes(to_frame({.step = Step::go})));
    EXPECT_FALSE(reader.next());
  }
}

TEST(Handover, TheOldOneGoesStepByStep) {
  HandoverGiver old("fra");

  EXPECT_EQ(old.on_message({.step = Step::hello, .room = "fra"}), Gives::offer);
  EXPECT_EQ(old.on_message({.step = Step::ready, .taken = {web()}}), Gives::pause);
  EXPECT_EQ(old.on_message({.step = Step::go}), Gives::leave);
  EXPECT_EQ(old.taken(), std::vector<Endpoint>{web()});
  EXPECT_EQ(old.on_failure(), Gives::nothing) << "it is over";
}

TEST(Handover, TheOldOneGoesOnAsIfNothingHadBeen) {
  HandoverGiver elsewhere("fra");
  EXPECT_EQ(elsewhere.on_message({.step = Step::hello, .room = "iad"}), Gives::refuse);
  EXPECT_EQ(elsewhere.reason(), "this is room fra, not iad");

  HandoverGiver hasty("fra");
  EXPECT_EQ(hasty.on_message({.step = Step::go}), Gives::refuse) << "before anything was given";

  HandoverGiver left("fra");
  EXPECT_EQ(left.on_message({.step = Step::hello, .room = "fra"}), Gives::offer);
  EXPECT_EQ(left.on_failure(), Gives::refuse);

  HandoverGiver paused("fra");
  EXPECT_EQ(paused.on_message({.step = Step::hello, .room = "fra"}), Gives::offer);
  EXPECT_EQ(paused.on_message({.step = Step::ready}), Gives::pause);
  EXPECT_EQ(paused.on_failure(), Gives::resume);
  EXPECT_EQ(paused.on_message({.step = Step::go}), Gives::nothing) << "too late";
}

TEST(Handover, TheNewOneAcceptsOnlyWhenTheOldOneHasPaused) {
  HandoverTaker fresh;

  EXPECT_EQ(fresh.on_ready(), Takes::say_ready);
  EXPECT_EQ(fresh.on_ready(), Takes::nothing);
  EXPECT_EQ(fresh.on_message({.step = Step::paused}), Takes::take_over);
  EXPECT_EQ(fresh.on_end(), Takes::nothing) << "it leaves, as it should";
}

TEST(Handover, TheNewOneGivesUpWhereTheOldOneStays) {
  HandoverTaker refused;
  EXPECT_EQ(refused.on_message({.step = Step::off, .reason = "too late"}), Takes::give_up);
  EXPECT_EQ(refused.on_ready(), Takes::nothing);

  HandoverTaker unheard;
  EXPECT_EQ(unheard.on_ready(), Takes::say_ready);
  EXPECT_EQ(unheard.on_failure(), Takes::give_up);
}

TEST(Handover, TheNewOneGoesOnAloneWhereTheOldOneDied) {
  HandoverTaker early;
  EXPECT_EQ(early.on_end(), Takes::nothing) << "not before it knows its copies";
  EXPECT_EQ(early.on_ready(), Takes::be_alone);

  HandoverTaker late;
  EXPECT_EQ(late.on_ready(), Takes::say_ready);
  EXPECT_EQ(late.on_end(), Takes::be_alone);
}

}  // namespace
}  // namespace hither::lb
