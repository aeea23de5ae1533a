// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>

#include "base/metrics.h"
#include "base/time.h"
#include "lb/report.h"

namespace hither::lb {

/// What probes, their guard and names say, for the pages of lb/report.h: the main thread's, as all
/// there.

/// Adds to one server's object: `held` (and then `state` is "up", for so it is taken), and for a
/// server that is described by a name `resolved`:
/// {"name": "web.internal", "address": "10.0.0.7", "addresses": ["10.0.0.7"], "age_s": 12.5,
///  "kept": false}, and with kept or without an address "failure".
void add_probe_facts(nlohmann::ordered_json& server, const FarmView& view, std::size_t place,
                     Instant now);

/// Of one farm: {"kind": "http", "holding": false, "held": 0, "ends_in_s": null, "holds_total": 0,
/// "repeated_total": 0}.
nlohmann::ordered_json probes_json(const FarmView& view, Instant now);

/// Of each farm the guard's state and what did not count; of each copy if it is held, or its name
/// fails.
void add_probe_metrics(const RoomView& room, Metrics& metrics);

}  // namespace hither::lb
