// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/metrics.h"

namespace hither::test {

/// A file of docs/grafana shows every metric that there is and no other, and every panel of it asks
/// for something.
void expect_dashboard_shows(const std::string& path, const Metrics& metrics);

}  // namespace hither::test
