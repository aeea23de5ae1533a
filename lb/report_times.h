// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "base/metrics.h"
#include "lb/report.h"

namespace hither::lb {

/// How long requests take, for the pages of lb/report.h: the main thread's, as all there.

/// {"response": {"count": 12, "p50_ms": 1.5, "p90_ms": 2, "p99_ms": 9}, ...}: a member for each
/// stage, with null for the quantiles of nothing.
nlohmann::ordered_json to_json(const std::function<HistogramView(Stage)>& times);

/// The same of all farms of the room together, lately.
nlohmann::ordered_json recent_times_json(const RoomView& room);

/// A log-linear histogram for each stage: of the room and of every farm four steps to a doubling,
/// from 0.25 ms to 33 s; of every copy, without the queue, two steps, up to 4 s. A farm has 72
/// series in each, a copy 32: copies are many, and one that is worse than the others is seen in
/// coarse steps as well.
void add_times(const RoomView& room, Metrics& metrics);

}  // namespace hither::lb
