// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace hither::io {

/// Gives up what a server no longer needs once its sockets are open: becomes `user` (with its
/// groups) if one is named, and in any case loses every capability and may never gain any again
/// (no_new_privs). Only root can become somebody else; naming the user one already is does no harm.
/// The signal that comes when the parent dies, if there is one, stays.
/// Call it before other threads are started: capabilities belong to threads. The error is one line
/// with its cure, and the process must then end.
[[nodiscard]] Result<void> drop_privileges(const std::string& user);

}  // namespace hither::io
