// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lb/settings.h"

namespace hither::lb {

/// Which farm a TLS client's server name leads to (RFC 6066 s3). A name that is written out wins
/// over a pattern "*.example.test", which stands for every name below it, and a longer pattern over
/// a shorter one. A plain value; any thread.
class NameRoutes {
 public:
  /// `pattern` is in lower case. The first farm that takes a pattern keeps it.
  void add(const std::string& pattern, std::size_t farm);
  /// For all names that nothing else is there for, and for clients that name none.
  void set_fallback(std::size_t farm) { fallback_ = farm; }

  bool empty() const { return names_.empty() && below_.empty(); }
  /// `name` in lower case; empty for none. Nullopt if nobody serves it.
  std::optional<std::size_t> find(std::string_view name) const;

 private:
  std::map<std::string, std::size_t, std::less<>> names_;
  std::map<std::string, std::size_t, std::less<>> below_;  ///< by what follows the asterisk's dot
  std::optional<std::size_t> fallback_;
};

/// A port of the balancer: one farm's, or that of several in TCP mode, told apart by server name.
struct Port {
  std::uint16_t port = 0;
  bool proxy_header = false;  ///< every connection must begin with a PROXY header
  NameRoutes routes;          ///< empty if there is nothing to tell apart
  std::vector<std::size_t> farms;
};

/// The ports of these farms, each once, in the order of the farms. A farm is named by its number in
/// `numbers`, of equal length.
std::vector<Port> ports_of(const std::vector<FarmSettings>& farms,
                           std::span<const std::size_t> numbers);

}  // namespace hither::lb
