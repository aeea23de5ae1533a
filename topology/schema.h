// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hither::topology {

/// The table of keys as JSON Schema (2020-12), for editors and other tools: types, words, ranges,
/// defaults and one sentence per key. What a description may say without regard to what must agree
/// with what is exactly what the schema takes (tests/topology/schema_test.py), apart from what JSON
/// Schema has no words for: ranges of durations stand in the annotations `x-minimum` and
/// `x-maximum`, forms of addresses in `format`.
std::string schema_json();

}  // namespace hither::topology
