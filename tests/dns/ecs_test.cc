// SPDX-License-Identifier: Apache-2.0
#include "dns/ecs.h"

#include <gtest/gtest.h>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

using testing::subnet_data;

struct BadCase {
  const char* name;
  Bytes data;
  SubnetFault fault;
};
using Fault = SubnetFault;

class BadSubnet : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadSubnet, IsRefusedForWhatIsWrong) {
  SubnetFault fault = SubnetFault::twice;
  EXPECT_FALSE(parse_client_subnet(GetParam().data, &fault));
  EXPECT_EQ(fault, GetParam().fault);
  EXPECT_FALSE(parse_client_subnet(GetParam().data));
}

INSTANTIATE_TEST_SUITE_P(
    Rfc7871, BadSubnet,
    ::testing::Values(
        BadCase{"Empty", {}, Fault::too_short},
        BadCase{"ThreeOctets", {std::byte{0}, std::byte{1}, std::byte{0}}, Fault::too_short},
        BadCase{"FamilyZero", subnet_data(0, 0, 0, {}), Fault::family},
        BadCase{"FamilyThree", subnet_data(3, 8, 0, {10}), Fault::family},
        BadCase{"FamilyInTheWrongOrder", subnet_data(256, 8, 0, {10}), Fault::family},
        BadCase{"SourceBeyond32", subnet_data(1, 33, 0, {10, 0, 0, 1, 0}), Fault::source_length},
        BadCase{"SourceBeyond128", subnet_data(2, 129, 0, std::vector<unsigned>(17, 0)),
                Fault::source_length},
        BadCase{"ScopeInAQuery", subnet_data(1, 16, 16, {10, 1}), Fault::scope_not_zero},
        BadCase{"TooFewOctets", subnet_data(1, 17, 0, {10, 1}), Fault::address_length},
        BadCase{"TooManyOctets", subnet_data(1, 16, 0, {10, 1, 0}), Fault::address_length},
        BadCase{"OctetsBehindSourceZero", subnet_data(1, 0, 0, {0}), Fault::address_length},
        BadCase{"BitBehindSource", subnet_data(1, 15, 0, {10, 1}), Fault::trailing_bits},
        BadCase{"BitBehindSourceIpv6", subnet_data(2, 33, 0, {0x20, 1, 0xd, 0xb8, 1}),
                Fault::trailing_bits},
        BadCase{"AllOfIt", subnet_data(3, 200, 7, {1}), Fault::family},
        BadCase{"AllButTheFamily", subnet_data(1, 200, 7, {1}), Fault::source_length}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ClientSubnet, IsReadWithBothFamilies) {
  const auto ipv4 = parse_client_subnet(subnet_data(1, 17, 0, {10, 1, 128}));
  ASSERT_TRUE(ipv4);
  EXPECT_EQ(to_text(ipv4->first()), "10.1.128.0");
  EXPECT_FALSE(ipv4->opted_out());

  const auto ipv6 = parse_client_subnet(subnet_data(2, 32, 0, {0x20, 1, 0xd, 0xb8}));
  ASSERT_TRUE(ipv6);
  EXPECT_EQ(to_text(ipv6->first()), "2001:db8::");
}

TEST(ClientSubnet, SourceZeroIsAnOptOutInBothFamilies) {
  for (const std::uint16_t family : std::initializer_list<std::uint16_t>{1, 2}) {
    const auto subnet = parse_client_subnet(subnet_data(family, 0, 0, {}));
    ASSERT_TRUE(subnet);
    EXPECT_TRUE(subnet->opted_out());
  }
}

TEST(ClientSubnet, FullLengthsAreTaken) {
  EXPECT_TRUE(parse_client_subnet(subnet_data(1, 32, 0, {127, 0, 0, 1})));
  EXPECT_TRUE(parse_client_subnet(subnet_data(2, 128, 0, std::vector<unsigned>(16, 1))));
}

TEST(ClientSubnet, IsEchoedBitForBitWithItsScope) {
  const Bytes data = subnet_data(1, 17, 0, {10, 1, 128});
  std::array<std::byte, 64> buffer{};
  Writer out(buffer);

  write_client_subnet(*parse_client_subnet(data), 22, out);

  const Bytes wanted = subnet_data(1, 17, 22, {10, 1, 128});
  EXPECT_TRUE(std::ranges::equal(out.written(), wanted));
}

TEST(ClientSubnet, ScopesCountInTheFamilysBits) {
  EXPECT_EQ(parse_client_subnet(subnet_data(1, 0, 0, {}))->scope_of(112), 16);
  EXPECT_EQ(parse_client_subnet(subnet_data(1, 0, 0, {}))->scope_of(5), 0);
  EXPECT_EQ(parse_client_subnet(subnet_data(2, 0, 0, {}))->scope_of(48), 48);
}

}  // namespace
}  // namespace hither::dns
