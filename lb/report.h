// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/metrics.h"
#include "base/reload.h"
#include "base/room.h"
#include "base/time.h"
#include "lb/farm.h"
#include "lb/name_watch.h"
#include "lb/outlier.h"
#include "lb/probe.h"

namespace hither::lb {

/// What the balancer knows about its room, for those who ask: plain functions from the shared
/// numbers to texts. For the main thread, which owns the probers; the numbers may be a moment old.

struct FarmView {
  const Farm* farm = nullptr;
  const Prober* prober = nullptr;
  const Outliers* outliers = nullptr;
  /// Of a server that is described by a name; else null, and so for all if it is empty.
  std::function<const NameWatch*(std::size_t server)> name;
};

struct RoomView {
  std::string_view room;
  bool draining = false;
  std::span<const FarmView> farms;
  const ReloadReport* reloads = nullptr;  ///< null: nobody reloads
};

/// The body of GET /health.
RoomReport make_report(const RoomView& room, Instant now);
/// Has every farm a usable copy? Then /health is a 200, else a 503. That a room is about to stop is
/// said in the body.
bool is_serving(const RoomReport& report);

/// The body of GET /status: every farm and copy with its state, since when, why the last probe
/// failed, what is in flight and what became of all requests. One line of JSON.
std::string to_status_json(const RoomView& room, Instant now);

/// For GET /metrics.
Metrics make_metrics(const RoomView& room);

}  // namespace hither::lb
