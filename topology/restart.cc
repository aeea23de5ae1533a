// SPDX-License-Identifier: Apache-2.0
#include "topology/restart.h"

#include <algorithm>

namespace hither::topology {

Duration Restart::on_exit(Duration ready_for, Rng& rng) {
  if (ready_for >= limits_.reset_after) strikes_ = 0;
  Duration delay = limits_.first;
  for (int i = 0; i < strikes_ && delay < limits_.most; ++i) delay *= 2;
  delay = std::min(delay, limits_.most);
  ++strikes_;
  const double extra = static_cast<double>(delay.count()) * limits_.jitter * rng.unit();
  return delay + Duration(static_cast<Duration::rep>(extra));
}

}  // namespace hither::topology
