// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace hither::io {

/// A whole file as bytes; fails with "PATH: reason; cure". Refuses what is not a regular file, and
/// more than 1 GiB.
[[nodiscard]] Result<std::string> read_file(const std::string& path);

/// What changes when a file is written, replaced, or is another behind a link: compared, not read.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t changed_ns = 0;
  int error = 0;  ///< why it cannot be seen; all else is 0 then
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
/// nullopt where there is no such file. One that may be there and cannot be seen (a folder that may
/// not be searched, a link that leads to itself) has a stamp that says so, for it is not absent.
std::optional<FileStamp> stamp_of(const std::string& path);

/// Replaces a file as one step: readers see the old or the new content, never a part. The draft
/// beside it (".new") is always a file of its own: whoever else may write to the folder cannot lead
/// a writer with more rights to another place by a link. One writer at a time.
[[nodiscard]] Result<void> write_file(const std::string& path, const std::string& content);

/// $NAME, or `otherwise` where it is not set or empty.
std::string environment(const char* name, const std::string& otherwise = "");

}  // namespace hither::io
