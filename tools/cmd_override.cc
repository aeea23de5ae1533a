// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_override.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/socket.h"
#include "tools/ask_world.h"
#include "tools/console.h"
#include "tools/state_folder.h"
#include "topology/description.h"

namespace hither::tools {
namespace {

using Json = nlohmann::ordered_json;
using topology::Override;
using topology::Overrides;

/// The file of overrides, and that of the description which their rooms are held against.
struct Place {
  std::string file;
  std::string world_file;  ///< empty: none is known
};

Result<Place> find_place(const std::string& world) {
  if (world.empty()) {
    Place place{.file = io::environment("HITHER_OVERRIDES"),
                .world_file = io::environment("HITHER_TOPOLOGY")};
    if (!place.file.empty()) return place;
  }
  const auto status = ask_world(world);
  if (!status && world.empty() && running_worlds().empty()) {
    return fail(status.error().message +
                "; for a hither-dns that was started otherwise, set HITHER_OVERRIDES to its file "
                "of overrides (under systemd: /var/lib/hither/overrides.toml)");
  }
  if (!status) return tl::unexpected(status.error());
  return Place{.file = overrides_of_world((*status)["world"].get<std::string>()),
               .world_file = (*status)["file"].get<std::string>()};
}

Result<topology::Description> read_description(const std::string& file) {
  if (file.empty()) return fail("set HITHER_TOPOLOGY to the description");
  const auto text = io::read_file(file);
  if (!text) return tl::unexpected(text.error());
  topology::Reading reading = topology::read_description(*text, file);
  if (reading.description) return std::move(*reading.description);
  return fail(topology::to_text(reading.mistakes.front(), file));
}

/// Rooms that do not exist are refused. A description that cannot be read is no reason to leave
/// clients in a broken room: that is only said.
Result<void> check_room(const Override& one, const std::string& world_file) {
  const auto description = read_description(world_file);
  if (!description) {
    fmt::print(stderr, "hither: nobody checked that there is such a room: {}\n",
               description.error().message);
    return {};
  }
  const auto stranger = topology::find_stranger(one, *description);
  if (stranger) return fail(*stranger);
  return {};
}

Result<Overrides> parse(const std::string& text, const std::string& file) {
  auto reading = topology::read_overrides(text, file);
  if (!reading.overrides) return tl::unexpected(reading.mistakes.front());
  return std::move(*reading.overrides);
}

Result<Overrides> read(const std::string& file) {
  if (!io::stamp_of(file)) return Overrides{};
  const auto text = io::read_file(file);
  if (!text) return tl::unexpected(text.error());
  return parse(*text, file);
}

/// Reads, changes and writes with the folder locked, so that two commands at once both count. What
/// programs that steer could not read back (a reason that is no text, one override too many) is
/// never written.
Result<void> change_file(const std::string& file,
                         const std::function<Result<void>(Overrides&)>& change) {
  const std::size_t slash = file.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : file.substr(0, slash + 1);
  const io::Fd lock(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock || flock(lock.get(), LOCK_EX) != 0) {
    return fail(
        fmt::format("{}: {}; name a folder that can be written to", folder, io::error_text(errno)));
  }
  auto overrides = read(file);
  if (!overrides) return tl::unexpected(overrides.error());
  if (auto changed = change(*overrides); !changed) return changed;
  const std::string text = topology::to_toml(*overrides);
  if (const auto again = parse(text, file); !again) {
    return fail(fmt::format("this would not be read back: {}", again.error().message));
  }
  return io::write_file(file, text);
}

/// "fra" or "fra/web".
Result<Override> parse_target(const std::string& target) {
  const std::vector<std::string_view> parts = split(target, '/');
  const bool none_empty = std::ranges::none_of(parts, &std::string_view::empty);
  if (parts.size() > 2 || !none_empty) {
    return fail(fmt::format("'{}' is no room; write ROOM or ROOM/FARM, such as fra/web", target));
  }
  Override one;
  one.room = parts[0];
  if (parts.size() == 2) one.farm = parts[1];
  return one;
}

Result<Override> parse_request(const OverrideRequest& request) {
  auto one = parse_target(request.target);
  if (!one) return one;
  one->kind = request.kind;
  one->since = io::wall_now();
  one->reason = request.reason;
  if (request.over.empty()) return one;
  const auto over = parse_duration(request.over);
  if (!over) return fail("--over: " + over.error().message);
  one->over = *over;
  return one;
}

Json to_json(const Override& one) {
  return {{"room", one.room},
          {"farm", one.farm.empty() ? Json(nullptr) : Json(one.farm)},
          {"state", topology::to_text(one.kind)},
          {"since", topology::to_text(one.since)},
          {"over", one.over > Duration{} ? Json(hither::to_text(one.over)) : Json(nullptr)},
          {"reason", one.reason}};
}

}  // namespace

int cmd_override(const OverrideRequest& request) {
  const auto one = parse_request(request);
  if (!one) return complain(one.error());
  const auto place = find_place(request.world);
  if (!place) return complain(place.error());
  if (const auto known = check_room(*one, place->world_file); !known) {
    return complain(known.error());
  }
  const auto written = change_file(place->file, [&](Overrides& overrides) -> Result<void> {
    overrides.set(*one);
    return {};
  });
  if (!written) return complain(written.error());
  fmt::print("{}: {}{}; hither restore {} takes it back\n", request.target,
             topology::to_text(one->kind),
             one->over > Duration{} ? " over " + hither::to_text(one->over) : "", request.target);
  return 0;
}

int cmd_restore(const std::string& world, const std::string& target) {
  const auto one = parse_target(target);
  if (!one) return complain(one.error());
  const auto place = find_place(world);
  if (!place) return complain(place.error());
  const auto written = change_file(place->file, [&](Overrides& overrides) -> Result<void> {
    if (overrides.restore(one->room, one->farm)) return {};
    return fail(fmt::format("there is no override of {}; see hither overrides", target));
  });
  if (!written) return complain(written.error());
  fmt::print("{}: as its probes say\n", target);
  return 0;
}

int cmd_overrides(const std::string& world, bool json) {
  const auto place = find_place(world);
  if (!place) return complain(place.error());
  const auto overrides = read(place->file);
  if (!overrides) return complain(overrides.error());
  if (json) {
    Json list = Json::array();
    for (const Override& one : overrides->all) list.push_back(to_json(one));
    fmt::print("{}\n", Json({{"file", place->file}, {"overrides", list}}).dump(2));
    return 0;
  }
  if (overrides->all.empty()) {
    fmt::print("no overrides: every room is as its probes say\n");
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {
      {"ROOM", "FARM", "STATE", "SINCE", "OVER", "REASON"}};
  for (const Override& one : overrides->all) {
    rows.push_back({one.room, one.farm.empty() ? "all" : one.farm,
                    std::string(topology::to_text(one.kind)), topology::to_text(one.since),
                    one.over > Duration{} ? hither::to_text(one.over) : "", one.reason});
  }
  fmt::print("{}", format_table(rows));
  return 0;
}

}  // namespace hither::tools
