// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"

namespace hither::io {

/// Where log records become lines on stdout, through spdlog; colour only on a terminal. Any thread.
/// Nobody waits for who reads them: lines that are not taken at once are lost, and the next one
/// that is comes behind `log-lines-lost` with their number (io/patient_writer.h).
/// Text: `2026-11-23T03:02:59.123Z info event key=value`. JSON: one object a line with time, level,
/// event and the fields.

/// Level ("debug" to "error") and format ("text" or "json"), as $HITHER_LOG and $HITHER_LOG_FORMAT
/// say them; empty means info and text. Call once, before threads start.
[[nodiscard]] Result<void> set_up_log(std::string_view level, std::string_view format);

/// Writes one record, if its level is wanted; nothing is kept in a buffer of ours.
void write_log(const LogRecord& record);

}  // namespace hither::io
