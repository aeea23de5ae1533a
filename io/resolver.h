// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "io/loop.h"

namespace hither::io {

/// What a name resolved to. The TTL is the smallest of the records, 0 for /etc/hosts.
struct Resolved {
  std::vector<Address> addresses;  ///< IPv4 first, each family sorted: equal answers compare equal
  Duration ttl{};
};

/// Host names to addresses through c-ares, on the given loop: never blocks. Reads /etc/resolv.conf
/// and /etc/hosts once, when it is made. Belongs to the loop's thread; the loop must outlive it.
/// Destroying it ends what is under way without calling back.
class Resolver {
 public:
  using Callback = std::function<void(Result<Resolved>)>;

  explicit Resolver(Loop& loop);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Both families. Calls back exactly once, possibly before it returns.
  void resolve(const std::string& host, Callback callback);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hither::io
