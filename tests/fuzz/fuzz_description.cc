// SPDX-License-Identifier: Apache-2.0
// Any bytes as a description: either a value that a plan can be made of, or mistakes that can be
// printed.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "topology/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hither::topology;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Reading reading = read_description(text, "folder/world.toml");
  ASSERT(reading.description.has_value() == reading.mistakes.empty());
  ASSERT(reading.mistakes.size() <= mistakes_max);
  if (!reading.description) {
    ASSERT(to_text(reading.mistakes, "world.toml").find("nothing was started") !=
           std::string::npos);
    return 0;
  }
  const auto plan = make_plan(*reading.description);
  ASSERT(!plan.empty() && !to_text(plan).empty() && !to_json(plan).empty());
  for (const Process& process : plan) {
    for (const Process::Listen& listen : process.listen) ASSERT(listen.endpoint.port > 0);
  }
  return 0;
}
