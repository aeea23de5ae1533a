// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace hither::tools {

/// Where running worlds of this user are found: one unix socket per world, NAME.sock, on which its
/// supervisor shows its status pages. The folder is $HITHER_STATE, else $XDG_RUNTIME_DIR/hither,
/// else /tmp/hither-UID; it is made when a world starts and removed with the last one.

std::string state_folder();

/// The folder, made if it was not there; refused if it belongs to somebody else or others may
/// write.
[[nodiscard]] Result<std::string> make_state_folder();

/// The socket of a world, whether it runs or not.
std::string socket_of_world(const std::string& world);

/// What operators say over the probes of a world that runs here; it goes when the world stops.
std::string overrides_of_world(const std::string& world);

/// Names of the worlds that answer now, sorted; sockets that nobody answers on are not listed.
std::vector<std::string> running_worlds();

/// The socket of the one that is meant: `world`, or the only one that runs if `world` is empty.
/// Fails with what to do.
[[nodiscard]] Result<std::string> find_world(const std::string& world);

/// Makes sure that no world of that name runs: removes the socket of one that was killed, fails if
/// one answers. The folder need not exist.
[[nodiscard]] Result<void> claim_world(const std::string& world);

/// Removes a world's socket, and the folder if it was the last.
void remove_world(const std::string& world);

}  // namespace hither::tools
