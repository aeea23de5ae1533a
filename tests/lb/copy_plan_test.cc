// SPDX-License-Identifier: Apache-2.0
#include "lb/copy_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/rng.h"

namespace hither::lb::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

CopyIdentity copy(const std::string& name, const std::string& address, std::uint64_t token = 0) {
  return {.name = name, .address = address, .token = token, .set_cookie = ""};
}

KnownCopy present(const CopyIdentity& identity) { return {.identity = identity, .present = true}; }
KnownCopy gone(const CopyIdentity& identity) { return {.identity = identity, .present = false}; }

const CopyIdentity a = copy("web-1", "10.0.0.1:80");
const CopyIdentity b = copy("web-2", "10.0.0.2:80");
const CopyIdentity c = copy("web-3", "10.0.0.3:80");

TEST(CopyPlan, NothingChangesWhereNothingIsWanted) {
  const CopyPlan plan = plan_copies(std::vector{present(a), present(b)}, std::vector{a, b});

  EXPECT_THAT(plan.order, ElementsAre(0, 1));
  EXPECT_THAT(plan.joins, IsEmpty());
  EXPECT_THAT(plan.returns, IsEmpty());
  EXPECT_THAT(plan.leaves, IsEmpty());
}

TEST(CopyPlan, ANewCopyGetsThePlaceBehindAllOthers) {
  const CopyPlan plan = plan_copies(std::vector{present(a), gone(b)}, std::vector{a, c});

  ASSERT_EQ(plan.joins.size(), 1U);
  EXPECT_EQ(plan.joins[0].place, 2U);
  EXPECT_EQ(plan.joins[0].identity, c);
  EXPECT_EQ(plan.joins[0].heir_of, std::nullopt);
  EXPECT_THAT(plan.order, ElementsAre(0, 2));
}

TEST(CopyPlan, ACopyThatIsNotWantedLeavesAndMayReturnToItsPlace) {
  const CopyPlan leaving = plan_copies(std::vector{present(a), present(b)}, std::vector{b});
  EXPECT_THAT(leaving.leaves, ElementsAre(0));
  EXPECT_THAT(leaving.order, ElementsAre(1));

  const CopyPlan returning = plan_copies(std::vector{gone(a), present(b)}, std::vector{a, b});
  EXPECT_THAT(returning.returns, ElementsAre(0));
  EXPECT_THAT(returning.joins, IsEmpty());
}

TEST(CopyPlan, AnotherNameForAnAddressInheritsFromThePresentCopyThere) {
  const CopyIdentity first = copy("web-1", "10.0.0.2:80");
  const CopyIdentity older = copy("web-9", "10.0.0.2:80");
  EXPECT_EQ(plan_copies(std::vector{gone(older)}, std::vector{first}).joins[0].heir_of,
            std::nullopt)
      << "nobody has probed it since";

  const CopyPlan plan =
      plan_copies(std::vector{present(a), present(b), gone(older)}, std::vector{first});

  ASSERT_EQ(plan.joins.size(), 1U);
  EXPECT_EQ(plan.joins[0].heir_of, 1U);
  EXPECT_THAT(plan.leaves, ElementsAre(0, 1));
}

TEST(CopyPlan, AnotherStickySecretMakesAnotherCopyWithTheSameHealth) {
  const CopyIdentity other = copy("web-1", "10.0.0.1:80", 17);

  const CopyPlan plan = plan_copies(std::vector{present(a)}, std::vector{other});

  ASSERT_EQ(plan.joins.size(), 1U);
  EXPECT_EQ(plan.joins[0].heir_of, 0U);
  EXPECT_THAT(plan.leaves, ElementsAre(0));
}

/// Whatever the changes, what is present afterwards is what was wanted, and no place changes hands.
TEST(CopyPlan, ManyChangesEndWithWhatIsWantedAndNoPlaceChangesHands) {
  Rng rng(7);
  std::vector<KnownCopy> known;
  for (int round = 0; round < 2000; ++round) {
    std::vector<CopyIdentity> wanted;
    const std::uint64_t size = rng.below(6);
    for (std::uint64_t i = 1; i <= size; ++i) {
      wanted.push_back(copy("web-" + std::to_string(i),
                            "10.0.0." + std::to_string(rng.below(5)) + ":80", rng.below(2)));
    }
    const std::vector<KnownCopy> before = known;
    const CopyPlan plan = plan_copies(known, wanted);
    for (const std::size_t place : plan.leaves) known[place].present = false;
    for (const std::size_t place : plan.returns) known[place].present = true;
    for (const CopyPlan::Join& join : plan.joins) {
      ASSERT_EQ(join.place, known.size());
      known.push_back(present(join.identity));
    }

    ASSERT_EQ(plan.order.size(), wanted.size());
    std::set<std::size_t> expected;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_EQ(known[plan.order[i]].identity, wanted[i]);
      expected.insert(plan.order[i]);
    }
    for (std::size_t place = 0; place < known.size(); ++place) {
      ASSERT_EQ(known[place].present, expected.contains(place));
      if (place < before.size()) {
        ASSERT_EQ(known[place].identity, before[place].identity);
      }
    }
  }
}

}  // namespace
}  // namespace hither::lb::test
