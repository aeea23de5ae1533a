// SPDX-License-Identifier: Apache-2.0
#include "tools/state_folder.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/text.h"
#include "io/files.h"
#include "io/socket.h"

namespace hither::tools {
namespace {

constexpr std::string_view ending = ".sock";

bool answers(const std::string& path) { return static_cast<bool>(io::connect_unix(path)); }

}  // namespace

std::string state_folder() {
  if (auto folder = io::environment("HITHER_STATE"); !folder.empty()) return folder;
  if (auto folder = io::environment("XDG_RUNTIME_DIR"); !folder.empty()) return folder + "/hither";
  return fmt::format("/tmp/hither-{}", getuid());
}

Result<std::string> make_state_folder() {
  const std::string folder = state_folder();
  std::error_code error;
  if (const auto parent = std::filesystem::path(folder).parent_path(); !parent.empty()) {
    std::filesystem::create_directories(parent, error);
  }
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(fmt::format("{}: {}; set HITHER_STATE to a folder that can be made", folder,
                            io::error_text(errno)));
  }
  struct stat status {};
  if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
      status.st_uid != getuid() || (status.st_mode & 022U) != 0) {
    return fail(fmt::format(
        "{}: not a folder of yours that only you may write to; set HITHER_STATE to one", folder));
  }
  return folder;
}

std::string socket_of_world(const std::string& world) {
  return fmt::format("{}/{}{}", state_folder(), world, ending);
}

std::string overrides_of_world(const std::string& world) {
  return fmt::format("{}/{}.overrides.toml", state_folder(), world);
}

std::vector<std::string> running_worlds() {
  std::vector<std::string> worlds;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(state_folder(), error)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(ending) || !answers(entry.path().string())) continue;
    worlds.push_back(name.substr(0, name.size() - ending.size()));
  }
  std::ranges::sort(worlds);
  return worlds;
}

Result<std::string> find_world(const std::string& world) {
  const auto worlds = running_worlds();
  if (world.empty() && worlds.size() == 1) return socket_of_world(worlds.front());
  if (worlds.empty()) {
    return fail(fmt::format("no world runs here (looked in {}); start one with: hither up FILE",
                            state_folder()));
  }
  if (world.empty()) {
    return fail(fmt::format("{} worlds run here; choose with --world: {}", worlds.size(),
                            join_words(worlds)));
  }
  if (std::ranges::find(worlds, world) != worlds.end()) return socket_of_world(world);
  return fail(fmt::format("no world '{}' runs here; there is {}", world, join_words(worlds)));
}

Result<void> claim_world(const std::string& world) {
  const std::string path = socket_of_world(world);
  if (answers(path)) {
    return fail(
        fmt::format("world '{}' runs already ({}); stop it, or set HITHER_STATE to another folder",
                    world, path));
  }
  unlink(path.c_str());  // left behind by one that was killed
  unlink(overrides_of_world(world).c_str());
  return {};
}

void remove_world(const std::string& world) {
  unlink(socket_of_world(world).c_str());
  unlink(overrides_of_world(world).c_str());
  rmdir(state_folder().c_str());  // fails while others are in it, as it should
}

}  // namespace hither::tools
