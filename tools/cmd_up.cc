// SPDX-License-Identifier: Apache-2.0
#include "tools/cmd_up.h"

#include <fmt/format.h>

#include <cstdio>

#include "tools/guardian.h"
#include "tools/load_description.h"
#include "tools/preflight.h"
#include "tools/state_folder.h"
#include "tools/world.h"
#include "topology/plan.h"

namespace hither::tools {
namespace {

int supervise(topology::Description description) {
  // Before the ports are tried: a world that runs already would be a mistake for each of them.
  if (const auto free = claim_world(description.name); !free) {
    fmt::print(stderr, "{}\n", free.error().message);
    return 2;
  }
  auto plan = topology::make_plan(description);
  auto preflight = look_before_start(description, plan);
  if (!preflight.mistakes.empty()) {
    fmt::print(stderr, "{}", to_text(preflight.mistakes, description.file));
    return 2;
  }
  World world(std::move(description), std::move(plan), std::move(preflight.programs));
  if (auto opened = world.open(); !opened) {
    fmt::print(stderr, "{}\n", opened.error().message);
    return 2;
  }
  return world.run();
}

}  // namespace

int cmd_up(const std::string& file) {
  auto description = load_description(file);
  if (!description) return 2;
  print_warnings(*description);
  const std::string world = description->name;
  return run_guarded([&] { return supervise(std::move(*description)); },
                     [&] { remove_world(world); });
}

}  // namespace hither::tools
