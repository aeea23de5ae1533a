// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "io/loop.h"

namespace hither::io {

/// What a name resolved to. The TTL is the smallest of all records, those that lead from alias to
/// alias included; 0 for /etc/hosts.
struct Resolved {
  std::vector<Address> addresses;  ///< IPv4 first, each family sorted: equal answers compare equal
  Duration ttl{};
};

/// Host names to addresses through c-ares, on the given loop: never waits for the network. Reads
/// /etc/resolv.conf once, when it is made, and /etc/hosts for each name. Belongs to the loop's
/// thread; the loop must outlive it. Destroying it ends what is under way without calling back.
class Resolver {
 public:
  using Callback = std::function<void(Result<Resolved>)>;

  /// Asks `servers` instead of those of /etc/resolv.conf, if there are any; /etc/hosts comes first
  /// all the same.
  explicit Resolver(Loop& loop, std::span<const Endpoint> servers = {});
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Both families. Calls back exactly once, possibly before it returns.
  ///
  /// One family that answers makes the lookup good, so what is not there may only have been lost.
  /// If that is the family of `in_use`, it is asked for once more, alone: it is gone only if a
  /// server says so (no such name, no such record), and any other end is a failure of the whole.
  void resolve(const std::string& host, Callback callback,
               std::optional<Address> in_use = std::nullopt);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hither::io
