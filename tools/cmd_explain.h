// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hither::tools {

/// `hither explain NAME --from CLIENT`: asks the running DNS to answer as it would answer that
/// client, and to say why: matched network, ranking with distances, what was skipped, TTL and
/// scope. `from` is an address, or a network in prefix notation. Exit status 0, or 2 with one clear
/// line.
int cmd_explain(const std::string& world, const std::string& name, const std::string& from,
                bool json);

}  // namespace hither::tools
