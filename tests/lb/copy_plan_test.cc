// SPDX-License-Identifier: Apache-2.0
#include "lb/copy_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/rng.h"

namespace hither::lb::test {
namespace {

using Places = std::vector<std::size_t>;

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

  EXPECT_EQ(plan.order, (Places{0, 1}));
  EXPECT_TRUE(plan.joins.empty());
  EXPECT_TRUE(plan.leaves.empty());
}

TEST(CopyPlan, ANewCopyGetsThePlaceBehindAllOthers) {
  const CopyPlan plan = plan_copies(std::vector{present(a), gone(b)}, std::vector{a, c});

  ASSERT_EQ(plan.joins.size(), 1U);
  EXPECT_EQ(plan.joins[0].place, 2U);
  EXPECT_EQ(plan.joins[0].identity, c);
  EXPECT_EQ(plan.joins[0].heir_of, std::nullopt);
  EXPECT_EQ(plan.order, (Places{0, 2}));
}

TEST(CopyPlan, ACopyThatIsNotWantedLeavesAndMayReturnToItsPlace) {
  const CopyPlan leaving = plan_copies(std::vector{present(a), present(b)}, std::vector{b});
  EXPECT_EQ(leaving.leaves, (Places{0}));
  EXPECT_EQ(leaving.order, (Places{1}));

  const CopyPlan returning = plan_copies(std::vector{gone(a), present(b)}, std::vector{a, b});
  ASSERT_EQ(returning.joins.size(), 1U);
  EXPECT_EQ(returning.joins[0].place, 0U);
  EXPECT_EQ(returning.joins[0].heir_of, std::nullopt);
  EXPECT_TRUE(returning.leaves.empty());
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
  EXPECT_EQ(plan.leaves, (Places{0, 1}));
}

TEST(CopyPlan, ACopyThatReturnsInheritsFromThePresentCopyAtItsAddress) {
  const CopyIdentity renamed = copy("web-1", b.address);

  const CopyPlan plan = plan_copies(std::vector{gone(renamed), present(b)}, std::vector{renamed});

  ASSERT_EQ(plan.joins.size(), 1U);
  EXPECT_EQ(plan.joins[0].place, 0U);
  EXPECT_EQ(plan.joins[0].heir_of, 1U);
  EXPECT_EQ(plan.leaves, (Places{1}));
}

TEST(CopyPlan, AnotherStickySecretMakesAnotherCopyWithTheSameHealth) {
  const CopyIdentity other = copy("web-1", "10.0.0.1:80", 17);

  const CopyPlan plan = plan_copies(std::vector{present(a)}, std::vector{other});

  ASSERT_EQ(plan.joins.size(), 1U);
  EXPECT_EQ(plan.joins[0].heir_of, 0U);
  EXPECT_EQ(plan.leaves, (Places{0}));
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
    for (const CopyPlan::Join& join : plan.joins) {
      if (join.place == known.size()) known.push_back(gone(join.identity));
      ASSERT_LT(join.place, known.size());
      ASSERT_FALSE(known[join.place].present);
      known[join.place].present = true;
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
