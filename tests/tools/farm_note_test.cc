// SPDX-License-Identifier: Apache-2.0
#include "tools/farm_note.h"

#include <gtest/gtest.h>

#include <vector>

namespace hither::tools {
namespace {

using namespace std::chrono_literals;

struct Row {
  const char* title;
  FarmSeen seen;
  const char* note;
};

TEST(FarmNote, SaysWhatIsOutOfTheOrdinary) {
  const std::vector<Row> rows = {
      {"all is well", {.state = "up", .measured = "up", .named_for = 20s}, "Frankfurt"},
      {"down",
       {.state = "down", .measured = "down", .reason = "timed out"},
       "Frankfurt: timed out"},
      {"down, and still in caches",
       {.state = "down", .measured = "down", .reason = "timed out", .named_for = 17s},
       "named for 17s, Frankfurt: timed out"},
      {"a reason from long ago", {.state = "up", .measured = "up", .reason = "x"}, "Frankfurt"},
      {"sheds", {.state = "up", .measured = "up", .shed = 0.123}, "sheds 12 %, Frankfurt"},
      {"sheds very little",
       {.state = "up", .measured = "up", .shed = 1e-9},
       "sheds < 1 %, Frankfurt"},
      {"thin",
       {.state = "up", .measured = "up", .thin = true, .usable = 2, .copies = 6},
       "thin: 2/6 usable, Frankfurt"},
      {"held",
       {.state = "up", .measured = "down", .held = true},
       "held (probes say down), Frankfurt"},
      {"drains by order",
       {.state = "draining",
        .measured = "up",
        .override = "new switches",
        .drained = 0.4,
        .named_for = 30s},
       "by an operator: new switches (probes say up), 40 % drained, named for 30s, Frankfurt"},
      {"nearly drained",
       {.state = "draining", .measured = "up", .override = "", .drained = 0.999, .named_for = 1s},
       "by an operator (probes say up), > 99 % drained, named for 1s, Frankfurt"},
      {"drained and forgotten",
       {.state = "draining", .measured = "draining", .drained = 1},
       "100 % drained, named no more, Frankfurt"}};
  for (const Row& row : rows) {
    EXPECT_EQ(farm_note(row.seen, "Frankfurt"), row.note) << row.title;
  }
}

}  // namespace
}  // namespace hither::tools
