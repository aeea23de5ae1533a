// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "topology/description.h"

namespace hither::topology {

/// A TOML text as a tree of plain values, in the order of the file and with the place of
/// everything: what the parser's library knows, without the library. Says nothing about which keys
/// make sense.

/// More text than this is refused before it is parsed; a world of a thousand rooms and ten thousand
/// networks is below it.
constexpr std::size_t text_bytes_max = 4U << 20U;
/// Tables and lists inside each other, and parts of a dotted key: far more than any description
/// has. Bounds the recursion of everything that walks the tree.
constexpr int depth_max = 32;
constexpr int key_parts_max = 16;

/// A value, and under which key it stands in its table.
struct Node {
  enum class Kind { string, integer, number, boolean, time, list, table };

  std::string key;  ///< empty in a list
  Position where_key;
  Position where;  ///< of the value
  Kind kind = Kind::table;
  std::string text;  ///< of a string
  std::int64_t integer = 0;
  double number = 0;  ///< of a number, and of an integer too
  bool boolean = false;
  std::vector<Node> items;  ///< of a list or table

  bool is(Kind other) const { return kind == other; }
  /// The value under a key; nullptr if this is no table or has no such key.
  const Node* find(std::string_view name) const;
  /// Where a message about this should point: its key, or itself where it has none.
  Position place() const { return where_key.line > 0 ? where_key : where; }
};

/// "a string", "an integer", ...: for messages.
std::string_view to_text(Node::Kind kind);

/// The tree, or the one mistake that keeps the text from being TOML. Never throws.
struct Document {
  Node root;
  std::vector<Mistake> mistakes;
};
Document read_document(std::string_view text);

}  // namespace hither::topology
