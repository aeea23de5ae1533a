// SPDX-License-Identifier: Apache-2.0
#include "io/timer_heap.h"

namespace hither::io {

void TimerHeap::set(Node& node, Instant at) {
  node.at = at;
  if (node.place == Node::nowhere) {
    node.place = nodes_.size();
    nodes_.push_back(&node);
  }
  rise(node);
  sink(node);
}

void TimerHeap::remove(Node& node) {
  if (node.place == Node::nowhere) return;
  const std::size_t place = node.place;
  node.place = Node::nowhere;
  Node& last = *nodes_.back();
  nodes_.pop_back();
  if (&last == &node) return;
  put(last, place);
  rise(last);
  sink(last);
}

void TimerHeap::rise(Node& node) {
  std::size_t place = node.place;
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (nodes_[parent]->at <= node.at) break;
    put(*nodes_[parent], place);
    place = parent;
  }
  put(node, place);
}

void TimerHeap::sink(Node& node) {
  std::size_t place = node.place;
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= nodes_.size()) break;
    if (child + 1 < nodes_.size() && nodes_[child + 1]->at < nodes_[child]->at) ++child;
    if (node.at <= nodes_[child]->at) break;
    put(*nodes_[child], place);
    place = child;
  }
  put(node, place);
}

}  // namespace hither::io
