// SPDX-License-Identifier: Apache-2.0
#include "dns/serial.h"

#include <gtest/gtest.h>

#include "tests/dns/support.h"

namespace hither::dns {
namespace {

TEST(Serial, IsNewerWithinHalfOfTheCircle) {  // RFC 1982 s3.2
  EXPECT_TRUE(is_newer(2, 1));
  EXPECT_FALSE(is_newer(1, 2));
  EXPECT_FALSE(is_newer(7, 7));
  EXPECT_TRUE(is_newer(0, 0xffffffff));
  EXPECT_FALSE(is_newer(0xffffffff, 0));
  EXPECT_TRUE(is_newer(0x7fffffff, 0));
  EXPECT_FALSE(is_newer(0x80000000, 0)) << "undefined there: neither is newer";
  EXPECT_FALSE(is_newer(0, 0x80000000));
}

std::shared_ptr<const Directory> directory_of(const std::string& serial, const std::string& more,
                                              bool transferred = true) {
  topology::Description description = testing::make_description();
  if (transferred) description.zones[0].transfer_to = {*parse_prefix("192.0.2.0/24")};
  const std::string zone = "$TTL 60\n@ SOA ns1 host " + serial + " 1 1 1 1\n@ NS ns1\n";
  return testing::World(description, zone + more).snapshot()->directory;
}

std::vector<std::string> events(const std::vector<LogRecord>& records) {
  std::vector<std::string> result;
  for (const LogRecord& record : records) result.push_back(record.event);
  return result;
}

using Events = std::vector<std::string>;

TEST(Serial, AChangeUnderTheSameSerialIsNamed) {
  const auto before = directory_of("5", "a A 192.0.2.1\nb A 192.0.2.2\n");
  EXPECT_EQ(events(judge_serials(*before, *directory_of("5", "a A 192.0.2.1\nb A 192.0.2.3\n"))),
            Events{"zone-serial-unchanged"});
  EXPECT_EQ(events(judge_serials(*before, *directory_of("5", "b A 192.0.2.2\na A 192.0.2.1\n"))),
            Events{})
      << "another order is no change";
  EXPECT_EQ(events(judge_serials(*before, *directory_of("6", "a A 192.0.2.9\n"))), Events{});
  EXPECT_EQ(events(judge_serials(*before, *directory_of("5", "", false))), Events{})
      << "nobody transfers it";
}

TEST(Serial, OneThatGoesBackIsNamed) {
  const auto before = directory_of("5", "");
  EXPECT_EQ(events(judge_serials(*before, *directory_of("4", ""))), Events{"zone-serial-older"});
}

TEST(Serial, ZonesWithSteeredNamesAreTransferredInPart) {
  const auto records = name_partial_transfers(*directory_of("5", ""));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(to_text(records[0]), "transfer-leaves-out zone=example.test. steered_names=3");
  EXPECT_TRUE(name_partial_transfers(*directory_of("5", "", false)).empty());
}

}  // namespace
}  // namespace hither::dns
