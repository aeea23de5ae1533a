// SPDX-License-Identifier: Apache-2.0
#include "lb/drain.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

// 2^64 divided by the golden ratio, and by the square root of 2: steps around a circle that meet no
// point twice, of which any number in a row lie nearly evenly.
constexpr std::uint64_t connection_step = 0x9E3779B97F4A7C15;
constexpr std::uint64_t thread_step = 0xB504F333F9DE6484;

constexpr Duration stop_patience = 1500ms;
constexpr Duration stop_rest = 1500ms;  // for what is in flight, and to linger (lb/http_proxy.h)

}  // namespace

DrainRule rule_for_stop(Duration window) {
  const Duration window_max = stop_max - stop_patience - stop_rest;
  const Duration counted = std::min(window, window_max);
  return {.window_max = window_max,
          .patience = stop_patience,
          .limit = counted + stop_patience + stop_rest};
}

DrainRule rule_for_leaving(Duration window, std::optional<Duration> limit) {
  const Duration all = limit.value_or(window + rest_after_window);
  const Duration patience = std::min(patience_max, all / 2);
  return {.window_max = all - patience, .patience = patience, .limit = all};
}

Instant turn_of(const ConnectionNumber& connection, Instant begin, Duration window) {
  const std::uint64_t place = connection.number * connection_step + connection.thread * thread_step;
  const double share = static_cast<double>(place >> 11U) * 0x1p-53;
  return begin + Duration(static_cast<Duration::rep>(static_cast<double>(window.count()) * share));
}

std::vector<Stragglers> sum_up(const std::vector<Straggler>& cut, Instant now) {
  struct Sum {
    std::size_t count = 0;
    Instant oldest = never;
    std::map<Address, std::size_t> clients;
  };
  std::map<std::string, Sum> sums;
  for (const Straggler& one : cut) {
    Sum& sum = sums[one.farm];
    ++sum.count;
    sum.oldest = std::min(sum.oldest, one.since);
    ++sum.clients[one.client];
  }
  std::vector<Stragglers> farms;
  for (const auto& [farm, sum] : sums) {
    Stragglers& stragglers = farms.emplace_back();
    stragglers.farm = farm;
    stragglers.count = sum.count;
    stragglers.oldest = std::max(now - sum.oldest, Duration::zero());
    stragglers.most.assign(sum.clients.begin(), sum.clients.end());
    // Stable: where the numbers are equal the order of addresses stays.
    std::ranges::stable_sort(stragglers.most, std::ranges::greater{},
                             &std::pair<Address, std::size_t>::second);
    if (stragglers.most.size() > addresses_named) stragglers.most.resize(addresses_named);
  }
  return farms;
}

std::string to_text(const std::vector<std::pair<Address, std::size_t>>& addresses) {
  std::string text;
  for (const auto& [address, count] : addresses) {
    if (!text.empty()) text += ", ";
    text += to_text(address);
    if (count > 1) text += fmt::format(" ({})", count);
  }
  return text;
}

}  // namespace hither::lb
