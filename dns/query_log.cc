// SPDX-License-Identifier: Apache-2.0
#include "dns/query_log.h"

#include <fmt/format.h>

namespace hither::dns {
namespace {

std::string to_text(const ClientSubnet& subnet) {
  const Address first = subnet.first();
  // An IPv4 address inside family 2 keeps the length it was sent with, so it keeps its form too.
  const bool mapped = first.is_v4() && subnet.family == ClientSubnet::Family::ipv6;
  return fmt::format("{}{}/{}", mapped ? "::ffff:" : "", hither::to_text(first),
                     subnet.source_length);
}

std::string class_text(Class class_of) {
  if (class_of == Class::ch) return "CH";
  if (class_of == Class::any) return "ANY";
  return fmt::format("CLASS{}", static_cast<unsigned>(class_of));  // RFC 3597 s5
}

std::string room_list(const QueryRecord& record, const std::vector<std::string>& rooms) {
  std::string text;
  for (const std::uint16_t slot : record.rooms.all()) {
    text += (text.empty() ? "" : ",") + (slot < rooms.size() ? rooms[slot] : "?");
  }
  return text;
}

}  // namespace

LogRecord to_log(const QueryRecord& record, const std::vector<std::string>& rooms) {
  LogRecord log = log_info("query");
  log.with("client", hither::to_text(record.client));
  if (record.subnet) log.with("subnet", to_text(*record.subnet)).with("scope", record.scope);
  if (record.has_question) {
    log.with("name", to_text(record.name));
    if (record.class_of != Class::in) log.with("class", class_text(record.class_of));
    log.with("type", to_text(record.type));
  }
  log.with("rcode", record.size == 0 ? "none" : to_text(record.rcode));
  if (!record.rooms.empty()) log.with("rooms", room_list(record, rooms));
  return log.with("transport", to_text(record.transport)).with("size", record.size);
}

void QueryLog::set_one_in(int one_in) {
  if (one_in == one_in_) return;
  one_in_ = one_in;
  counted_ = 0;
  if (made_ != nullptr) return;
  made_ = std::make_unique<QueryRing>();
  ring_.store(made_.get(), std::memory_order_release);
}

std::optional<QueryRecord> QueryLog::take() {
  QueryRing* ring = ring_.load(std::memory_order_acquire);
  return ring != nullptr ? ring->pop() : std::nullopt;
}

}  // namespace hither::dns
