// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

namespace hither::tools {

/// The signals that a world heeds: SIGTERM and SIGCHLD, and of SIGINT and SIGHUP those that this
/// program was not started to ignore (nohup, `hither up &` of a script). Before any of them has a
/// handler.
std::vector<int> signals_of_world();

/// Runs `work` in a child process and stays behind as its guardian, so that nothing a world started
/// can outlive it, however it ends:
///  - the supervisor (the child) is killed with SIGKILL: its children get SIGKILL from the kernel
///    (parent-death signal), all that they had started are orphans and become the guardian's (it is
///    a subreaper); the guardian kills these and calls `clean_up`;
///  - the guardian is killed: the supervisor gets SIGTERM from the kernel and stops the world in
///  order.
/// Those of signals_of_world() that are sent to the guardian alone are passed on.
///
/// Returns the child's exit status, or 128 + the signal that killed it. Call it before any thread
/// or loop exists: it forks.
int run_guarded(const std::function<int()>& work, const std::function<void()>& clean_up);

}  // namespace hither::tools
