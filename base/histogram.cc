// SPDX-License-Identifier: Apache-2.0
#include "base/histogram.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/assert.h"

namespace hither {
namespace {

using histogram_scale::buckets;
using histogram_scale::upper_edge;

Duration middle_of(std::size_t bucket) {
  const Duration below = bucket == 0 ? Duration::zero() : upper_edge(bucket - 1);
  return below + (upper_edge(bucket) - below) / 2;
}

}  // namespace

void HistogramView::merge(const HistogramView& other) {
  for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
}

HistogramView HistogramView::since(const HistogramView& before) const {
  HistogramView view = *this;
  for (std::size_t i = 0; i < buckets; ++i) view.counts_[i] -= before.counts_[i];
  view.count_ -= before.count_;
  view.sum_ -= before.sum_;
  return view;
}

std::uint64_t HistogramView::at_most(Duration time) const {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < buckets && upper_edge(i) <= time; ++i) count += counts_[i];
  return count;
}

std::optional<Duration> HistogramView::quantile(double q) const {
  if (count_ == 0) return std::nullopt;
  const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t left = std::clamp<std::uint64_t>(rank, 1, count_);
  std::size_t bucket = 0;
  while (counts_[bucket] < left) left -= counts_[bucket++];
  return middle_of(bucket);
}

void Histogram::read_into(HistogramView& view) const {
  for (std::size_t i = 0; i < buckets; ++i) {
    const std::uint64_t count = counts_[i].total();
    view.counts_[i] += count;
    view.count_ += count;
  }
  view.sum_ += Duration(static_cast<std::int64_t>(sum_ns_.total()));
}

MetricSample to_sample(const HistogramView& view, std::span<const Duration> edges,
                       std::vector<std::pair<std::string, std::string>> labels) {
  MetricSample sample{.labels = std::move(labels), .value = in_seconds(view.sum())};
  sample.buckets.reserve(edges.size() + 1);
  for (const Duration edge : edges) {
    sample.buckets.push_back({.up_to = in_seconds(edge), .count = view.at_most(edge)});
  }
  sample.buckets.push_back(
      {.up_to = std::numeric_limits<double>::infinity(), .count = view.count()});
  return sample;
}

std::vector<Duration> edges_from(Duration first, int factor, std::size_t count) {
  std::vector<Duration> edges;
  edges.reserve(count);
  for (Duration edge = first; edges.size() < count; edge *= factor) edges.push_back(edge);
  return edges;
}

std::vector<Duration> log_linear_edges(Duration first, std::size_t octaves, unsigned steps) {
  ASSERT(steps > 0 && histogram_scale::split % steps == 0);
  std::vector<Duration> edges = {first};
  edges.reserve(octaves * steps + 1);
  for (Duration octave = first; edges.size() <= octaves * steps; octave *= 2) {
    for (unsigned step = 1; step <= steps; ++step) edges.push_back(octave + octave * step / steps);
  }
  return edges;
}

}  // namespace hither
