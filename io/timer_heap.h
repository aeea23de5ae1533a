// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "base/time.h"

namespace hither::io {

/// Which of many instants comes first: a binary heap of nodes that others own, each of which knows
/// its place, so that it can be moved or taken out without a search. O(log n) for each change,
/// nothing for first(). Pure; belongs to one thread.
class TimerHeap {
 public:
  struct Node {
    static constexpr std::size_t nowhere = ~std::size_t{0};
    Instant at = never;
    std::size_t place = nowhere;
  };

  bool empty() const { return nodes_.empty(); }
  std::size_t size() const { return nodes_.size(); }
  /// The earliest; undefined if there is none.
  Node* first() const { return nodes_.front(); }
  /// Puts the node in, or moves it if it is in.
  void set(Node& node, Instant at);
  /// Takes it out, if it is in.
  void remove(Node& node);

 private:
  void put(Node& node, std::size_t place) {
    nodes_[place] = &node;
    node.place = place;
  }
  void rise(Node& node);
  void sink(Node& node);

  std::vector<Node*> nodes_;
};

}  // namespace hither::io
