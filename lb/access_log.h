// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "lb/access_record.h"
#include "topology/description.h"

namespace hither::lb {

/// One record as the line that people or their tools read, with its line end; docs/access_log.md
/// says every field. Always one line, whatever a client sent: control characters and octets that
/// are not UTF-8 are escaped. `time` is UTC as text, of the record's end. Pure; allocates, so it is
/// for the writer of the log and not for who serves.
std::string to_line(const AccessRecord& record, std::string_view farm, std::string_view time,
                    topology::AccessLog form);

}  // namespace hither::lb
