// SPDX-License-Identifier: Apache-2.0
#include "backend/fault.h"

#include <gtest/gtest.h>

namespace hither::backend {
namespace {

using namespace std::chrono_literals;

FaultOrder order(std::string_view query, std::string_view json = "") {
  const auto parsed = parse_fault_order(query, json);
  EXPECT_TRUE(parsed) << query << json;
  return parsed ? *parsed : FaultOrder{};
}

std::string mistake(std::string_view query, std::string_view json = "") {
  const auto parsed = parse_fault_order(query, json);
  return parsed ? "accepted" : parsed.error().message;
}

TEST(FaultOrder, ReadsAQuery) {
  const FaultOrder read = order("slow=200ms&error=0.5&sick=true&refuse=0");

  EXPECT_EQ(read.slow, Duration(200ms));
  EXPECT_EQ(read.error, 0.5);
  EXPECT_EQ(read.sick, true);
  EXPECT_EQ(read.refuse, false);
  EXPECT_FALSE(read.freeze.has_value());
  EXPECT_FALSE(read.heal);
}

TEST(FaultOrder, ABareWordMeansYes) { EXPECT_EQ(order("freeze").freeze, true); }

TEST(FaultOrder, ReadsAJsonObject) {
  const FaultOrder read = order("", R"({"slow": 250, "error": 1, "freeze": true, "heal": true})");

  EXPECT_EQ(read.slow, Duration(250ms));
  EXPECT_EQ(read.error, 1.0);
  EXPECT_EQ(read.freeze, true);
  EXPECT_TRUE(read.heal);
}

TEST(FaultOrder, ABareNumberForSlowIsMilliseconds) {
  EXPECT_EQ(order("slow=30").slow, Duration(30ms));
  EXPECT_EQ(order("", R"({"slow": "1s"})").slow, Duration(1s));
}

TEST(FaultOrder, CrashIsAbortOrAnExitStatus) {
  EXPECT_EQ(order("crash").crash, Crash{});
  EXPECT_EQ(order("crash=abort").crash, Crash{});
  EXPECT_EQ(order("crash=3").crash, Crash{.status = 3});
  EXPECT_EQ(order("", R"({"crash": 0})").crash, Crash{.status = 0});
}

TEST(FaultOrder, RefusesWrongValues) {
  for (const char* query : {"slow", "slow=x", "slow=-1", "slow=2h", "error=2", "error",
                            "freeze=maybe", "crash=256", "crash=x", "=", "&", "slow=1&"}) {
    EXPECT_FALSE(parse_fault_order(query, "")) << query;
  }
  for (const char* json :
       {"[]", "{", "1", R"({"slow": [1]})", R"({"slow": null})", R"({"error": -0.5})"}) {
    EXPECT_FALSE(parse_fault_order("", json)) << json;
  }
}

TEST(FaultOrder, MistakesTeach) {
  const std::string advice =
      "ask for slow, error, sick, freeze, refuse, crash or heal, as in POST /fault?slow=200ms";

  EXPECT_EQ(mistake("slowly=1"), "'slowly' is not a fault; " + advice);
  EXPECT_EQ(mistake(""), "nothing is asked for; " + advice);
  EXPECT_EQ(mistake("", " \n"), "nothing is asked for; " + advice);
}

TEST(Faults, AddUp) {
  Faults faults = apply(order("slow=10ms"), {});
  faults = apply(order("error=0.1"), faults);

  EXPECT_EQ(faults, (Faults{.slow = 10ms, .error = 0.1}));
}

TEST(Faults, HealTakesAllAwayBeforeWhatElseIsAsked) {
  const Faults sick{.slow = 1s, .error = 1.0, .sick = true, .freeze = true, .refuse = true};

  EXPECT_EQ(apply(order("heal"), sick), Faults{});
  EXPECT_EQ(apply(order("sick&heal"), sick), Faults{.sick = true});
}

TEST(Faults, OneCanBeTakenBackAlone) {
  const Faults both{.sick = true, .freeze = true};

  EXPECT_EQ(apply(order("freeze=false"), both), Faults{.sick = true});
}

TEST(Faults, PrintAllKeysInOneOrder) {
  EXPECT_EQ(to_json(Faults{}),
            R"({"slow":"0s","error":null,"sick":false,"freeze":false,"refuse":false})");
  EXPECT_EQ(to_json(Faults{.slow = 5ms, .error = 0.5, .refuse = true}),
            R"({"slow":"5ms","error":0.5,"sick":false,"freeze":false,"refuse":true})");
}

}  // namespace
}  // namespace hither::backend
