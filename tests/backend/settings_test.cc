// SPDX-License-Identifier: Apache-2.0
#include "backend/settings.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hither::backend {
namespace {

using namespace std::chrono_literals;

ServiceTime service(std::string_view text) {
  const auto parsed = parse_service_time(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : ServiceTime{};
}

double mean_ms(const ServiceTime& service, int draws) {
  Rng rng(11);
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    sum += std::chrono::duration<double, std::milli>(service.draw(rng)).count();
  }
  return sum / draws;
}

TEST(ServiceTime, PrintsWhatItParsed) {
  for (const char* text : {"fixed 5ms", "fixed 0s", "exponential 20ms", "lognormal 20ms 1.5"}) {
    EXPECT_EQ(to_text(service(text)), text);
  }
}

TEST(ServiceTime, RefusesWhatIsNotOne) {
  for (const char* text : {"", "5ms", "fixed", "fixed 5", "fixed 5ms 1", "exponential",
                           "lognormal 20ms", "uniform 5ms", "lognormal 20ms -1", "lognormal 20ms x",
                           "lognormal 20ms 9", "fixed -5ms", "fixed 2h"}) {
    EXPECT_FALSE(parse_service_time(text)) << text;
  }
}

TEST(ServiceTime, TheMistakeTeachesTheThreeForms) {
  const auto parsed = parse_service_time("slow");

  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message,
            "'slow' is not a service time; write 'fixed 5ms', 'exponential 20ms' or "
            "'lognormal 20ms 1.0'");
}

TEST(ServiceTime, FixedIsAlwaysTheSame) {
  Rng rng(1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(service("fixed 5ms").draw(rng), Duration(5ms));
}

TEST(ServiceTime, ExponentialHasItsMean) {
  EXPECT_NEAR(mean_ms(service("exponential 20ms"), 100'000), 20, 0.4);
}

TEST(ServiceTime, LognormalHasItsMean) {
  EXPECT_NEAR(mean_ms(service("lognormal 20ms 1.0"), 100'000), 20, 0.8);
}

TEST(ServiceTime, ADrawIsNeverLongerThanAnHour) {
  Rng rng(1);
  const ServiceTime wild{.kind = ServiceTime::Kind::lognormal, .mean = 1h, .sigma = 5};
  for (int i = 0; i < 10'000; ++i) ASSERT_LE(wild.draw(rng), Duration(1h));
}

TEST(Share, IsANumberFromZeroToOne) {
  EXPECT_EQ(parse_share("0").value_or(-1), 0.0);
  EXPECT_EQ(parse_share("0.25").value_or(-1), 0.25);
  EXPECT_EQ(parse_share("1").value_or(-1), 1.0);
  for (const char* text : {"", "-0.1", "1.1", "50%", "nan", "inf", "1e-1", "x"}) {
    EXPECT_FALSE(parse_share(text)) << text;
  }
}

}  // namespace
}  // namespace hither::backend
