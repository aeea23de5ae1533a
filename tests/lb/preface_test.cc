// SPDX-License-Identifier: Apache-2.0
#include "lb/preface.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace hither::lb {
namespace {

using Verdict = Preface::Verdict;

constexpr std::string_view header = "PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n";
/// A ClientHello for "a.test" and nothing else.
const std::string hello =
    std::string("\x16\x03\x01\x00\x3c\x01\x00\x00\x38\x03\x03", 11) + std::string(32, 'r') +
    std::string("\x00\x00\x02\x13\x01\x01\x00\x00\x0d\x00\x00\x00\x09\x00\x07\x00\x00\x04", 18) +
    "a.te";

class PrefaceTest : public testing::Test {
 protected:
  Verdict hear(Preface& preface, std::string_view text) {
    const std::span<std::byte> space = preface.space();
    std::ranges::copy(as_bytes(text), space.begin());
    preface.received(text.size());
    return preface.verdict();
  }

  BlockPool blocks_;
  Instant now_{std::chrono::hours(1)};
};

TEST_F(PrefaceTest, TakesTheHeaderAndLeavesTheRest) {
  for (std::size_t cut = 1; cut < header.size(); ++cut) {
    Preface preface(blocks_, {.proxy_header = true}, now_);
    ASSERT_EQ(hear(preface, header.substr(0, cut)), Verdict::waiting);
    ASSERT_EQ(hear(preface, std::string(header.substr(cut)) + "GET /"), Verdict::ready);
    EXPECT_EQ(as_text(preface.rest()), "GET /");
    EXPECT_EQ(to_text(preface.header().source), "192.0.2.7:40000");
  }
}

TEST_F(PrefaceTest, ReadsTheNameAndKeepsTheHello) {
  Preface preface(blocks_, {.server_name = true}, now_);
  ASSERT_EQ(hear(preface, hello), Verdict::ready) << preface.reason();
  EXPECT_EQ(preface.name(), "a.te");
  EXPECT_EQ(as_text(preface.rest()), hello);
}

TEST_F(PrefaceTest, TheHeaderComesBeforeTheHello) {
  Preface both(blocks_, {.proxy_header = true, .server_name = true}, now_);
  EXPECT_EQ(hear(both, header), Verdict::waiting);
  EXPECT_EQ(hear(both, hello), Verdict::ready);
  EXPECT_EQ(both.name(), "a.te");

  Preface wrong(blocks_, {.proxy_header = true, .server_name = true}, now_);
  EXPECT_EQ(hear(wrong, hello), Verdict::refused);
}

TEST_F(PrefaceTest, WhoeverLeavesOutOrBreaksItIsRefused) {
  Preface without(blocks_, {.proxy_header = true}, now_);
  EXPECT_EQ(hear(without, "GET / HTTP/1.1\r\n"), Verdict::refused);
  EXPECT_EQ(without.reason(), "no PROXY header");

  Preface gone(blocks_, {.server_name = true}, now_);
  EXPECT_EQ(hear(gone, hello.substr(0, 20)), Verdict::waiting);
  gone.ended();
  EXPECT_EQ(gone.verdict(), Verdict::refused);
}

TEST_F(PrefaceTest, HoldsABlockOnlyWhileItHoldsBytes) {
  {
    Preface preface(blocks_, {.proxy_header = true}, now_);
    preface.space();
    preface.received(0);
    EXPECT_EQ(blocks_.taken(), 0U);
    hear(preface, header.substr(0, 10));
    EXPECT_EQ(blocks_.taken(), 1U);
  }
  EXPECT_EQ(blocks_.taken(), 0U);
}

}  // namespace
}  // namespace hither::lb
