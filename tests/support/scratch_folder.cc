// SPDX-License-Identifier: Apache-2.0
#include "tests/support/scratch_folder.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "io/files.h"
#include "io/socket.h"

namespace hither::test {

ScratchFolder::ScratchFolder() : path_(io::environment("TMPDIR", "/tmp") + "/hither-live-XXXXXX") {
  EXPECT_NE(mkdtemp(path_.data()), nullptr) << path_ << ": " << io::error_text(errno);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void ScratchFolder::write(const std::string& name, const std::string& content) const {
  const auto written = io::write_file(path(name), content);
  EXPECT_TRUE(written) << written.error().message;
}

}  // namespace hither::test
