// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/time.h"

namespace hither::io {

/// The one real reading of the monotonic clock. Any thread; no system call (vDSO).
Instant monotonic_now();

/// Seconds since 1970, modulo 2^32: what DNS cookies are dated by. Any thread; no system call.
std::uint32_t unix_seconds();

/// UTC as "2026-11-23T03:02:59.123Z", for log lines and reports; never for decisions.
std::string wall_clock_text();
/// The same for the moment at which monotonic_now() was `when`.
std::string wall_clock_text(Instant when);

/// UTC in whole seconds, for times that outlive the program (overrides).
std::chrono::sys_seconds wall_now();

/// Time since 1970 less that of monotonic_now(): what turns an Instant into a date. It changes when
/// somebody sets the clock.
Duration wall_offset();

/// A seed from the kernel's random source, for generators that need not repeat.
std::uint64_t random_seed();

}  // namespace hither::io
