// SPDX-License-Identifier: Apache-2.0
#include "tests/lb/queueing.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <numeric>
#include <queue>

#include "base/rng.h"
#include "tests/lb/story.h"

namespace hither::lb::test {
namespace {

Instant instant_of(double time) {
  return Instant(std::chrono::hours(1)) +
         Duration(static_cast<std::int64_t>(time * static_cast<double>(service.count())));
}

class ByLot final : public Dispatcher {
 public:
  ByLot(std::size_t copies, std::uint64_t seed) : copies_(copies), rng_(seed) {}
  std::size_t pick(Instant) override { return static_cast<std::size_t>(rng_.below(copies_)); }
  void done(std::size_t, Instant) override {}

 private:
  std::size_t copies_;
  Rng rng_;
};

class ShortestQueue final : public Dispatcher {
 public:
  explicit ShortestQueue(std::size_t copies) : in_flight_(copies) {}
  std::size_t pick(Instant) override {
    const auto shortest = std::ranges::min_element(in_flight_);
    ++*shortest;
    return static_cast<std::size_t>(shortest - in_flight_.begin());
  }
  void done(std::size_t copy, Instant) override { --in_flight_[copy]; }

 private:
  std::vector<int> in_flight_;
};

class Ours final : public Dispatcher {
 public:
  Ours(topology::Balance balance, std::size_t copies, std::uint64_t seed)
      : farm_(make_farm(copies, balance)), picker_(*farm_, 0, seed), held_(copies) {
    ok_.status = 200;
  }
  std::size_t pick(Instant now) override {
    Lease lease = picker_.pick({.hash = picker_.draw()}, now);
    const std::size_t copy = lease.index();
    held_[copy].push_back(std::move(lease));
    return copy;
  }
  void done(std::size_t copy, Instant now) override {
    held_[copy].front().answered(ok_, now);
    held_[copy].pop_front();
  }

 private:
  std::unique_ptr<Farm> farm_;
  Picker picker_;
  ResponseHead ok_;
  std::vector<std::deque<Lease>> held_;
};

/// Arrivals and the work that each brings.
class Source {
 public:
  explicit Source(const Plant& plant)
      : gap_(1 / (plant.load * std::accumulate(plant.speeds.begin(), plant.speeds.end(), 0.0))),
        arrivals_(plant.seed),
        work_(plant.seed + 1'000'000) {}
  double next_arrival() { return time_ += arrivals_.exponential(gap_); }
  double work() { return work_.exponential(1); }

 private:
  double gap_;
  double time_ = 0;
  Rng arrivals_;
  Rng work_;
};

Times times_of(std::vector<float> responses) {
  responses.erase(responses.begin(),
                  responses.begin() + static_cast<std::ptrdiff_t>(responses.size() / 5));
  const double sum = std::accumulate(responses.begin(), responses.end(), 0.0);
  const auto p99 = responses.begin() + static_cast<std::ptrdiff_t>(responses.size() * 99 / 100);
  std::ranges::nth_element(responses, p99);
  return {.mean = sum / static_cast<double>(responses.size()), .p99 = double{*p99}};
}

}  // namespace

std::unique_ptr<Dispatcher> by_lot(std::size_t copies, std::uint64_t seed) {
  return std::make_unique<ByLot>(copies, seed);
}

std::unique_ptr<Dispatcher> shortest_queue(std::size_t copies) {
  return std::make_unique<ShortestQueue>(copies);
}

std::unique_ptr<Dispatcher> ours(topology::Balance balance, std::size_t copies,
                                 std::uint64_t seed) {
  return std::make_unique<Ours>(balance, copies, seed);
}

Times simulate(const Plant& plant, Dispatcher& dispatcher) {
  struct Departure {
    double at;
    std::size_t copy;
    bool operator>(const Departure& other) const { return at > other.at; }
  };
  // A copy serves in order, so when a request leaves is known when it comes.
  std::priority_queue<Departure, std::vector<Departure>, std::greater<>> departures;
  std::vector<double> free_at(plant.speeds.size());
  std::vector<float> responses;
  responses.reserve(plant.requests);
  Source source(plant);
  for (std::size_t i = 0; i < plant.requests; ++i) {
    const double now = source.next_arrival();
    for (; !departures.empty() && departures.top().at <= now; departures.pop()) {
      dispatcher.done(departures.top().copy, instant_of(departures.top().at));
    }
    const std::size_t copy = dispatcher.pick(instant_of(now));
    free_at[copy] = std::max(free_at[copy], now) + source.work() / plant.speeds[copy];
    departures.push({.at = free_at[copy], .copy = copy});
    responses.push_back(static_cast<float>(free_at[copy] - now));
  }
  return times_of(std::move(responses));
}

Times simulate_one_queue(const Plant& plant) {
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (std::size_t i = 0; i < plant.speeds.size(); ++i) free_at.push(0);
  std::vector<float> responses;
  responses.reserve(plant.requests);
  Source source(plant);
  for (std::size_t i = 0; i < plant.requests; ++i) {
    const double now = source.next_arrival();
    const double done = std::max(free_at.top(), now) + source.work();
    free_at.pop();
    free_at.push(done);
    responses.push_back(static_cast<float>(done - now));
  }
  return times_of(std::move(responses));
}

}  // namespace hither::lb::test
