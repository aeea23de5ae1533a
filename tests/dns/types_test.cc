// SPDX-License-Identifier: Apache-2.0
#include "dns/types.h"

#include <gtest/gtest.h>

namespace hither::dns {
namespace {

TEST(Types, UnknownOnesArePrintedByNumber) {
  EXPECT_EQ(to_text(Type::aaaa), "AAAA");
  EXPECT_EQ(to_text(static_cast<Type>(65280)), "TYPE65280");  // RFC 3597 s5
}

TEST(Types, RcodesAreSpelledAsDigSpellsThem) {
  EXPECT_EQ(to_text(Rcode::nxdomain), "NXDOMAIN");
  EXPECT_EQ(to_text(Rcode::badvers), "BADVERS");
}

}  // namespace
}  // namespace hither::dns
