// SPDX-License-Identifier: Apache-2.0
#include "dns/private_blocks.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hither::dns {
namespace {

TEST(PrivateBlocks, AreThoseOfTheirRfcs) {
  struct Row {
    const char* address;
    std::optional<int> length;
  };
  for (const Row& row : {Row{"10.0.0.0", 96 + 8},
                         Row{"10.255.255.255", 96 + 8},
                         Row{"172.16.0.1", 96 + 12},
                         Row{"172.31.255.255", 96 + 12},
                         Row{"192.168.7.7", 96 + 16},
                         Row{"127.0.0.1", 96 + 8},
                         Row{"169.254.1.1", 96 + 16},
                         Row{"100.64.0.1", 96 + 10},
                         Row{"100.127.255.255", 96 + 10},
                         Row{"fd00::1", 7},
                         Row{"fe80::1", 10},
                         Row{"::1", 128},
                         Row{"9.255.255.255", {}},
                         Row{"11.0.0.0", {}},
                         Row{"172.32.0.0", {}},
                         Row{"192.169.0.0", {}},
                         Row{"100.128.0.0", {}},
                         Row{"2001:db8::", {}},
                         Row{"::", {}},
                         Row{"fec0::", {}}}) {
    EXPECT_EQ(private_block_length(*parse_address(row.address)), row.length) << row.address;
  }
}

TEST(PrivateBlocks, APublicScopeHoldsNoPrivateAddressAndNoWiderOneIsFree) {
  Rng rng(3);
  for (int i = 0; i < 20'000; ++i) {
    const auto v4 = static_cast<std::uint32_t>(rng.next());
    std::array<std::byte, 16> octets{};
    for (std::byte& octet : octets) octet = static_cast<std::byte>(rng.below(256));
    const Address address = i % 2 == 0 ? Address::v4(v4) : Address::v6(octets);
    if (private_block_length(address)) continue;
    const int length = widest_public_length(address);
    const auto touches = [&](int other) {
      for (const char* block : {"10.0.0.0", "172.16.0.0", "192.168.0.0", "127.0.0.0", "169.254.0.0",
                                "100.64.0.0", "fc00::", "fe80::", "::1"}) {
        if (prefix_of(address, other).contains(*parse_address(block))) return true;
      }
      return false;
    };
    ASSERT_FALSE(touches(length)) << to_text(address);
    ASSERT_TRUE(touches(length - 1)) << to_text(address);
  }
}

}  // namespace
}  // namespace hither::dns
