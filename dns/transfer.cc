// SPDX-License-Identifier: Apache-2.0
#include "dns/transfer.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "dns/serial.h"

namespace hither::dns {
namespace {

constexpr std::size_t answer_count_at = 6;
constexpr std::uint16_t pointer = 0xc000;

bool is_allowed(const topology::Zone& zone, const Address& client) {
  return std::ranges::any_of(zone.transfer_to,
                             [&](const Prefix& prefix) { return prefix.contains(client); });
}

void write_head(const Query& query, bool with_opt, Writer& out) {
  unsigned flags = flag_response | flag_authoritative;
  if (query.recursion_desired) flags |= flag_recursion_desired;
  if (query.checking_disabled) flags |= flag_checking_disabled;
  out.u16(query.id);
  out.u16(static_cast<std::uint16_t>(flags));
  out.u16(1);  // question
  out.u16(0);  // answers: put when they are counted
  out.u16(0);
  out.u16(with_opt ? 1 : 0);
  out.bytes(query.name.wire());
  out.u16(static_cast<std::uint16_t>(query.type));
  out.u16(static_cast<std::uint16_t>(query.class_of));
}

}  // namespace

bool wants_transfer(const Query& query) {
  return query.problem == Rcode::noerror && query.has_question && query.class_of == Class::in &&
         (query.type == Type::axfr || query.type == Type::ixfr);
}

TransferDecision decide_transfer(const Query& query, const Directory& directory,
                                 const Address& client, Transport transport) {
  const auto zone = directory.zone_index.find(query.name.lower().wire());
  if (!zone) return {TransferVerdict::not_authority};
  if (!is_allowed(directory.description.zones[*zone], client)) {
    return {TransferVerdict::not_allowed};
  }
  if (query.type == Type::axfr) {
    return {transport == Transport::tcp ? TransferVerdict::whole : TransferVerdict::over_udp,
            *zone};
  }
  ASSERT(query.known_serial);  // or decode() has found it malformed
  // RFC 1995 s2: what does not fit a datagram is said by the SOA alone, and asked again over TCP.
  const bool news = is_newer(directory.zones[*zone].serial(), *query.known_serial);
  const bool whole = news && transport == Transport::tcp;
  return {whole ? TransferVerdict::whole : TransferVerdict::current, *zone};
}

Answer answer_transfer(const TransferDecision& decision, const Query& query,
                       const Directory& directory) {
  Answer answer;
  switch (decision.verdict) {
    case TransferVerdict::whole:
      answer.authoritative = true;
      break;
    case TransferVerdict::current: {
      const RrSet& soa = directory.zones[decision.zone].soa();
      const auto size = static_cast<std::uint8_t>(query.name.size());
      answer.authoritative = true;
      answer.answer.push_back(
          {.owner = {.in = Owner::In::question, .size = size}, .set = &soa, .ttl = soa.ttl});
      break;
    }
    case TransferVerdict::over_udp:
      answer.rcode = Rcode::notimp;
      answer.edns.ede = Ede::not_supported;
      break;
    case TransferVerdict::not_authority:
      answer.rcode = Rcode::notauth;
      answer.edns.ede = Ede::not_authoritative;
      break;
    case TransferVerdict::not_allowed:
      answer.rcode = Rcode::refused;
      answer.edns.ede = Ede::prohibited;
  }
  return answer;
}

LogRecord to_log(const TransferReport& report) {
  LogRecord record = report.complete ? log_info("transfer-sent") : log_warning("transfer-broken");
  return record.with("zone", to_text(report.zone))
      .with("serial", report.serial)
      .with("to", to_text(report.to))
      .with("type", report.incremental ? "IXFR" : "AXFR")
      .with("messages", report.messages)
      .with("records", report.records)
      .with("octets", report.octets);
}

Transfer::Transfer(std::shared_ptr<const Snapshot> snapshot, std::uint32_t zone, const Query& query,
                   const Address& client, const EdnsAnswer& edns)
    : snapshot_(std::move(snapshot)),
      zone_(snapshot_->directory->zones[zone]),
      query_(query),
      edns_(edns),
      report_({.zone = zone_.origin(),
               .serial = zone_.serial(),
               .to = client,
               .incremental = query.type == Type::ixfr}),
      current_({.owner = zone_.origin().wire(), .set = &zone_.soa()}) {}

/// Labels up to the zone's own name, and a pointer to that in the question.
void Transfer::write_owner(ByteView owner, Writer& out) {
  if (owner_at_ != 0) {
    out.u16(static_cast<std::uint16_t>(pointer | owner_at_));
    return;
  }
  const std::size_t labels_size = owner.size() - zone_.origin().size();
  if (labels_size > 0 && out.size() <= pointer_max) owner_at_ = out.size();
  out.bytes(owner.first(labels_size));
  out.u16(pointer | header_size);
}

bool Transfer::write_record(const Zone::OwnedSet& owned, ByteView data, Writer& out) {
  const std::size_t size_before = out.size();
  const std::size_t owner_before = owner_at_;
  write_owner(owned.owner, out);
  out.u16(static_cast<std::uint16_t>(owned.set->type));
  out.u16(static_cast<std::uint16_t>(Class::in));
  out.u32(owned.set->ttl);
  out.u16(static_cast<std::uint16_t>(data.size()));
  out.bytes(data);
  if (out.ok()) return true;
  out.truncate(size_before);
  owner_at_ = owner_before;
  return false;
}

/// To the next set: any but the SOA, and behind the last of them that once more.
void Transfer::advance() {
  const ByteView owner_before = current_.owner;
  if (opened_ && current_.set->type == Type::soa) {
    report_.complete = true;
    return;
  }
  opened_ = true;
  do {
    current_ = zone_.next(place_);
  } while (current_.set != nullptr && current_.set->type == Type::soa);
  if (current_.set == nullptr) current_ = {.owner = zone_.origin().wire(), .set = &zone_.soa()};
  data_start_ = 0;
  if (current_.owner.data() != owner_before.data()) owner_at_ = 0;
}

/// False: it does not fit.
bool Transfer::write_next_record(Writer& out) {
  Reader in(ByteView(current_.set->rdata).subspan(data_start_));
  const ByteView data = in.take(in.u16());
  if (!write_record(current_, data, out)) return false;
  data_start_ += in.position();
  ++report_.records;
  if (in.left() == 0) advance();
  return true;
}

std::size_t Transfer::next(std::span<std::byte> out) {
  ASSERT(!done() && out.size() >= message_size_max);
  const bool with_opt = report_.messages == 0 && query_.edns.has_value();
  const std::size_t opt_bytes = with_opt ? opt_size(*query_.edns, edns_) : 0;
  Writer body(out.first(message_size_max - opt_bytes));
  write_head(query_, with_opt, body);
  owner_at_ = 0;
  std::uint16_t count = 0;
  while (!done() && body.size() < message_full_bytes && write_next_record(body)) ++count;
  ASSERT(count > 0);  // The builder refuses sets that no message has room for.
  body.patch_u16(answer_count_at, count);
  Writer opt(out.subspan(body.size(), opt_bytes));
  if (with_opt) write_opt(*query_.edns, edns_, Rcode::noerror, opt);
  ++report_.messages;
  report_.octets += body.size() + opt.size();
  return body.size() + opt.size();
}

}  // namespace hither::dns
