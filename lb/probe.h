// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/health.h"
#include "base/time.h"
#include "lb/copy_plan.h"
#include "topology/description.h"

namespace hither::lb {

/// What a probe came to.
struct ProbeResult {
  bool passed = false;
  std::string reason;  ///< why not: "Connection refused", "status 503", "timed out"
};

/// Of an HTTP probe: any 2xx passes. `status` 0 means that no response came, and `error` says why.
ProbeResult judge_http(int status, std::string_view error);

/// Says which server of one farm to probe when, and what that means for it. All are probed at once
/// at the start; their second probes are spread over the interval, so that the load of probing is
/// even and servers do not fail in the same instant for our sake. While results disagree with the
/// state the fast interval of base/health.h holds. At most one probe of a server is under way.
/// Pure.
class Prober {
 public:
  Prober(const HealthLimits& limits, std::size_t servers, Instant now);

  /// Other limits and other servers, as Farm::change() makes them: heirs are as healthy as their
  /// predecessors, all others that come are probed at once.
  void change(const HealthLimits& limits, const CopyPlan& plan, Instant now);

  /// The servers to probe now; each must be answered by on_result(), unless it leaves before.
  std::vector<std::size_t> due(Instant now);
  std::optional<Health::Change> on_result(std::size_t server, const ProbeResult& result,
                                          Instant now);
  /// When due() next has something to say; `never` while all probes are under way.
  Instant next() const;

  /// Has every server been probed? Before that a room does not know itself.
  bool first_round_done() const;

  const HealthLimits& limits() const { return limits_; }
  const Health& health(std::size_t server) const { return probed_[server].health; }
  /// Why the last failed probe failed; empty if none did.
  const std::string& last_failure(std::size_t server) const { return probed_[server].failure; }
  std::size_t size() const { return probed_.size(); }

 private:
  struct Probed {
    Health health;
    Instant next;
    bool under_way = false;
    bool present = true;
    std::string failure;
  };

  Probed newcomer(Instant now) const;

  HealthLimits limits_;
  std::vector<Probed> probed_;
};

}  // namespace hither::lb
