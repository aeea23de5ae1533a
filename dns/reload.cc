// SPDX-License-Identifier: Apache-2.0
#include "dns/reload.h"

#include <fmt/format.h>

#include <algorithm>

#include "dns/types.h"
#include "topology/warnings.h"

namespace hither::dns {
namespace {

std::string in_words(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (const Endpoint& endpoint : endpoints) {
    text += (text.empty() ? "" : ", ") + to_text(endpoint);
  }
  return text;
}

}  // namespace

std::vector<Error> find_fixed_changes(const Settings& now, const Settings& fresh) {
  std::vector<Error> changes;
  const auto note = [&](std::string_view what, const std::string& from, const std::string& to) {
    if (from == to) return;
    changes.push_back(
        {fmt::format("{}: {} cannot become {} while it runs; restart hither-dns, or "
                     "take the change back",
                     what, from, to)});
  };
  note("dns.listen", in_words(now.listen), in_words(fresh.listen));
  note("the status page", to_text(now.admin), to_text(fresh.admin));
  // Buffers of that size are made with the sockets.
  note("dns.udp_payload", std::to_string(now.description.dns.protocol.udp_payload),
       std::to_string(fresh.description.dns.protocol.udp_payload));
  note("threads", std::to_string(now.threads), std::to_string(fresh.threads));
  return changes;
}

std::vector<LogRecord> describe_warnings(const topology::Description& description,
                                         const topology::Description* before) {
  const auto warnings = topology::find_warnings(description);
  if (before != nullptr &&
      std::ranges::equal(warnings, topology::find_warnings(*before), {},
                         &topology::Mistake::message, &topology::Mistake::message)) {
    return {};
  }
  std::vector<LogRecord> records;
  for (const topology::Mistake& warning : warnings) {
    const auto [line, column] = warning.where;
    records.push_back(
        log_warning("description-warning")
            .with("place", line == 0 ? description.file
                                     : fmt::format("{}:{}:{}", description.file, line, column))
            .with("message", warning.message));
  }
  return records;
}

std::optional<std::vector<std::uint16_t>> RoomSlots::assign(const std::vector<std::string>& rooms) {
  std::vector<std::string> known = rooms_;
  std::vector<std::uint16_t> slots;
  for (const std::string& room : rooms) {
    const auto found = std::ranges::find(known, room);
    slots.push_back(static_cast<std::uint16_t>(found - known.begin()));
    if (found == known.end()) known.push_back(room);
  }
  if (known.size() > rooms_max) return std::nullopt;
  rooms_ = std::move(known);
  return slots;
}

}  // namespace hither::dns
