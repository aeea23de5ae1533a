// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "dns/server_setup.h"

namespace hither::dns::testing {

/// A folder of its own with the description of a world of one room, as hither-dns reads it. It
/// goes with the object.
class WorldFolder {
 public:
  WorldFolder() {
    std::string pattern = ::testing::TempDir() + "/hither-dns-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no folder " << pattern;
    path_ = pattern;
    describe("");
  }
  WorldFolder(const WorldFolder&) = delete;
  WorldFolder& operator=(const WorldFolder&) = delete;
  ~WorldFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  /// With these lines in [dns], and these at the end.
  void describe(const std::string& lines, const std::string& end = "") const {
    write("world.toml", "schema = 1\nworld = \"w\"\n[dns]\nlisten = [\"127.0.0.1:5300\"]\n" +
                            lines +
                            "\n[zone.\"example.test\"]\n"
                            "[name.\"www.example.test\"]\nfarm = \"web\"\n"
                            "[farm.web]\nport = 8080\ncommand = [\"x\"]\n"
                            "[room.fra]\nlocation = [50.11, 8.68]\n" +
                            end);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
  }
  /// The path of a file in it.
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  /// On ports that the kernel chooses.
  Start start() const {
    return {.flags = {.topology = path_ + "/world.toml",
                      .listen = "127.0.0.1:0",
                      .admin_listen = "127.0.0.1:0"},
            .cores = 2,
            .lasting = make_lasting()};
  }

 private:
  std::string path_;
};

}  // namespace hither::dns::testing
