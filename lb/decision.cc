// SPDX-License-Identifier: Apache-2.0
#include "lb/decision.h"

#include <fmt/format.h>

namespace hither::lb {
namespace {

using topology::Balance;

/// Words of one algorithm, where they are its own.
struct Words {
  const char* chosen;
  const char* chosen_after_others;  ///< some had no room
  const char* outdone;
  const char* passed;
  const char* unseen;
};

Words words_of(Balance balance) {
  switch (balance) {
    case Balance::round_robin:
      return {"its turn", "", "waits for its turn", "", "waits for its turn"};
    case Balance::least_request:
      return {"of two drawn, not the busier", "", "drawn, but not less busy", "", "not drawn"};
    case Balance::peak_ewma:
      return {"of two drawn, not the dearer: load times response time", "",
              "drawn, but not cheaper", "", "not drawn"};
    case Balance::hot_cold:
      return {"it would answer soonest", "it would answer soonest", "would answer later",
              "hot, and would answer later at twice its time", "not drawn"};
    case Balance::maglev:
    case Balance::source:
      return {"owner of the hash", "next owner of the hash with room", "not an owner of the hash",
              "owner of the hash, but above its bound", "not an owner of the hash"};
    case Balance::first:
      return {"the first", "the first with room", "stands behind it", "full", "stands behind it"};
  }
  return {};
}

}  // namespace

std::string Decision::why() const {
  const std::string why = why_picked();
  return panic && !nobody() ? why + "; in panic, all copies are candidates" : why;
}

std::string Decision::why_picked() const {
  switch (chosen) {
    case Chosen::none:
      return "no copy is left to pick";
    case Chosen::shed:
      return "shed: too few copies are usable, and these get no more than they can take";
    case Chosen::by_cookie:
      return "named by the client's cookie";
    case Chosen::on_probation:
      return "on probation: this request decides whether it comes back";
    case Chosen::by_algorithm:
      break;
  }
  if (alone) return "the only candidate";
  bool others = false;
  bool itself = false;
  for (std::uint32_t i = 0; i < copies; ++i) {
    others = others || copy[i].part == Part::passed;
    itself = itself || (copy[i].server == server && copy[i].crowded);
  }
  if (itself)
    return balance == Balance::hot_cold ? "hot, but would answer soonest even at twice its time"
                                        : "none has room: the least busy";
  const Words words = words_of(balance);
  return others ? words.chosen_after_others : words.chosen;
}

namespace {

/// Of a copy that panic makes a candidate.
constexpr const char* although = "; not usable, but there is panic";

}  // namespace

std::string Decision::why(const CopyInDecision& one) const {
  switch (one.part) {
    case Part::chosen:
      return why_picked() + (one.in_any_case ? although : "");
    case Part::tried:
      return "tried already for this request";
    case Part::full:
      return "has all it is ever given at once, or others wait for it";
    case Part::drained:
      return "weight 0";
    case Part::down:
      return "down by its probes";
    case Part::ejected:
      return "ejected for what became of its requests";
    case Part::probation:
      return "on probation, and tried by another request";
    case Part::outdone:
    case Part::passed:
    case Part::unseen:
      break;
  }
  const char* const more = one.in_any_case ? although : "";
  if (chosen != Chosen::by_algorithm) return std::string("a candidate, but nobody asked") + more;
  const Words words = words_of(balance);
  if (one.part == Part::unseen) return std::string(words.unseen) + more;
  return std::string(one.part == Part::passed ? words.passed : words.outdone) + more;
}

const char* to_text(Part part) {
  switch (part) {
    case Part::chosen:
      return "chosen";
    case Part::outdone:
      return "outdone";
    case Part::passed:
      return "passed";
    case Part::unseen:
      return "unseen";
    case Part::tried:
      return "tried";
    case Part::full:
      return "full";
    case Part::drained:
      return "drained";
    case Part::down:
      return "down";
    case Part::ejected:
      return "ejected";
    case Part::probation:
      return "probation";
  }
  return "";
}

}  // namespace hither::lb
