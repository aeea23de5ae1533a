// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topology/document.h"
#include "topology/keys.h"

namespace hither::topology {

/// Holds a document against the table of keys: unknown keys (with the nearest known one), missing
/// ones, wrong types, missing units, values out of range. What must agree with what is check.h's.
/// Appends every mistake; walks the whole document whatever it finds.
void check_shape(const Node& root, std::vector<Mistake>& mistakes);

/// The mistakes of one value of `key`, appended.
void check_value(const Key& key, const Node& node, std::vector<Mistake>& mistakes);

/// What `key` wants, for messages: "an integer between 1 and 65535".
std::string wanted(const Key& key);

/// A host name as the DNS compares it: lower case, without the last dot. nullopt if it is none:
/// labels of 1 to 63 letters, digits, hyphens and underscores, 253 octets in all (RFC 1035 s2.3.4).
std::optional<std::string> host_name_of(std::string_view text);

/// A country, two capital letters, or a network. nullopt if it is neither.
std::optional<Origin> origin_of(std::string_view text);

/// A name within hither, of a room or farm: 1 to 63 lower-case letters, digits and inner hyphens.
bool is_label(std::string_view text);

}  // namespace hither::topology
