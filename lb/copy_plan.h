// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hither::lb {

/// What makes a copy the one it is: another name, address or sticky token is another copy.
struct CopyIdentity {
  std::string name;         ///< "web-2"
  std::string address;      ///< "127.10.0.1:20001"
  std::uint64_t token = 0;  ///< what a sticky cookie names it by; 0: the farm has none
  std::string set_cookie;   ///< the field that sets that cookie

  friend bool operator==(const CopyIdentity&, const CopyIdentity&) = default;
};

/// A copy that the balancer has, or had: it keeps its place for as long as the program runs, so
/// that a number once given never means another.
struct KnownCopy {
  CopyIdentity identity;
  bool present = false;  ///< it is one of the farm now
};

/// How a farm gets from the copies it has to those it should have. Places are those in `known`, and
/// behind its end for copies that were never there.
struct CopyPlan {
  /// A copy that was not present. Its place is behind the end of `known` if it was never seen.
  struct Join {
    std::size_t place = 0;
    CopyIdentity identity;
    /// The place of a present copy at the same address, if there is one: what is known of its
    /// health is true of this one as well.
    std::optional<std::size_t> heir_of;
  };
  std::vector<std::size_t> order;   ///< the place of each copy that should be there
  std::vector<Join> joins;          ///< new places in their order
  std::vector<std::size_t> leaves;  ///< present, and not wanted any more
};

/// Pure. `wanted` in the order of the description.
CopyPlan plan_copies(std::span<const KnownCopy> known, std::span<const CopyIdentity> wanted);

}  // namespace hither::lb
