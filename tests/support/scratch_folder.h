// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hither::test {

/// A folder of its own in $TMPDIR, or else in /tmp. Gone with it.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  /// Writes a file as one step, as operators are asked to: readers see the old or the new one.
  /// The test fails if it cannot be written.
  void write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

}  // namespace hither::test
