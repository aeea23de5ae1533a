// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/time.h"

namespace hither::lb {

/// How clients are asked to leave: when the balancer stops, when it has handed over to a successor,
/// and when their farm is gone. Pure: workers ask when it is whose turn, and tell who stayed.
///
/// Each client connection has its turn, evenly spread over the farm's window
/// (`farm.*.timeouts.drain`), so that those who come back somewhere else do not come all at once.
/// Before its turn it is served as ever. From its turn on the next response says `Connection:
/// close`; one that asks nothing for as long as the patience lasts is closed in silence. What is
/// then still there, in the middle of a request, in a tunnel or in mode tcp, is a straggler: it is
/// cut at the limit, and told about in the log.
struct DrainRule {
  Duration window_max{};  ///< no farm's window counts for more than that
  Duration patience{};    ///< in which an idle connection whose turn has come may ask once more
  Duration limit{};       ///< from the beginning; then whoever is left is cut

  friend bool operator==(const DrainRule&, const DrainRule&) = default;
};

/// All in all a stop takes less than the 10 s after which a supervisor kills.
constexpr Duration stop_max = std::chrono::seconds(9);
/// For the last connections to end, behind the longest window, where nobody waits for us to go.
constexpr Duration rest_after_window = std::chrono::seconds(60);
/// Longer than most clients are silent between two requests.
constexpr Duration patience_max = std::chrono::seconds(30);

/// When told to stop, where no farm's window is longer than `window`: it counts up to 6 s, idle
/// connections have 1.5 s after their turn, and as long is left for what is in flight.
DrainRule rule_for_stop(Duration window);
/// When a successor or nobody serves what comes: `window` and a minute more, or `limit` in all.
DrainRule rule_for_leaving(Duration window, std::optional<Duration> limit = std::nullopt);

/// A client connection, numbered by its thread in the order they came.
struct ConnectionNumber {
  std::uint64_t thread = 0;
  std::uint64_t number = 0;
};
/// When its turn is: the same for the same number. Any run of numbers is spread nearly evenly
/// (steps of the golden ratio, Weyl's equidistribution), and so are the threads' together.
Instant turn_of(const ConnectionNumber& connection, Instant begin, Duration window);

/// A client connection that was cut.
struct Straggler {
  std::string farm;  ///< empty: it had not come so far
  Address client;
  Instant since{};  ///< when it was accepted
};
/// Those of one farm.
struct Stragglers {
  std::string farm;
  std::size_t count = 0;
  Duration oldest{};
  std::vector<std::pair<Address, std::size_t>> most;  ///< addresses with most of them, most first
};
/// So many addresses are named for each farm.
constexpr std::size_t addresses_named = 5;

/// By farm, in the order of their names.
std::vector<Stragglers> sum_up(const std::vector<Straggler>& cut, Instant now);
/// "10.0.0.7 (3), 10.0.0.9".
std::string to_text(const std::vector<std::pair<Address, std::size_t>>& addresses);

}  // namespace hither::lb
