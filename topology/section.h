// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/health.h"
#include "base/ip.h"
#include "base/time.h"
#include "topology/description.h"
#include "topology/document.h"
#include "topology/keys.h"

namespace hither::topology {

/// One table of the file seen through its keys: typed values, and the default of the table of keys
/// where the file says nothing, or something that check_shape() has reported. Where a room's farm
/// lies over the world's, the room's own keys win one by one. Views the nodes; owns nothing else.
/// Every `name` must be a key of the table: asking for another is a bug.
class Section {
 public:
  /// `path` is the table's pattern ("farm.*"); `node` and `under` may be null.
  Section(std::string path, const Node* node, const Node* under = nullptr);

  /// The table inside, such as health; empty if the file has none.
  Section inside(std::string_view name) const;
  /// The valid value in the file, or nullptr.
  const Node* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// Of the key's value; where there is none, of the table.
  Position where(std::string_view name) const;
  Position where() const;

  std::string text(std::string_view name) const;
  int integer(std::string_view name) const;
  /// Of a key that may be beyond an int, such as bytes. Never negative.
  std::uint64_t large(std::string_view name) const;
  double number(std::string_view name) const;
  Duration duration(std::string_view name) const;
  /// For a key whose default depends on others.
  Duration duration(std::string_view name, Duration fallback) const;
  Location location(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  std::vector<Endpoint> endpoints(std::string_view name) const;
  std::vector<Address> addresses(std::string_view name) const;
  std::vector<Prefix> prefixes(std::string_view name) const;
  std::vector<Origin> origins(std::string_view name) const;

 private:
  const Key& key(std::string_view name) const;

  std::string path_;
  const Node* node_;
  const Node* under_;
};

/// [dns.health] and [farm.*.health] with their defaults, some of which depend on interval.
HealthLimits dns_health_of(const Section& section);
/// What a probe does unless it is said depends on the farm's mode.
HealthRule farm_health_of(const Section& section, Mode mode);
/// `members` is what its key for their number is called; the window is by default as long as the
/// detection of a failure may take.
GuardRule guard_of(const Section& section, std::string_view members, const HealthLimits& health);
Panic panic_of(const Section& section);
/// [farm.*.timeouts] and [farm.*.limits].
Timeouts timeouts_of(const Section& section);
Limits limits_of(const Section& section);
OutlierRule outlier_of(const Section& section);
/// [farm.*.concurrency], and farm.*.capacity, whose default depends on it.
Concurrency concurrency_of(const Section& section);
int capacity_of(const Section& farm, const Concurrency& concurrency);

}  // namespace hither::topology
