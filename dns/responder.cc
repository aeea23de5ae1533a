// SPDX-License-Identifier: Apache-2.0
#include "dns/responder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "dns/encode.h"
#include "dns/protocol.h"
#include "dns/query.h"

namespace hither::dns {
namespace {

constexpr std::byte truncated{0x02};  // in the third octet of a message

/// RFC 7828 s3.1: tenths of a second in sixteen bits.
std::uint16_t keepalive_of(Duration time) {
  const auto tenths = time / std::chrono::milliseconds(100);
  return static_cast<std::uint16_t>(std::clamp<std::int64_t>(tenths, 0, 65535));
}

/// What the OPT record of the answer says that does not depend on the answer.
void add_options(const Edns& asked, const Protocol& protocol, const Arrival& arrival,
                 EdnsAnswer& edns) {
  if (asked.wants_nsid) edns.nsid = as_bytes(protocol.nsid);
  if (asked.wants_keepalive && arrival.transport == Transport::tcp) {
    edns.keepalive = keepalive_of(arrival.keepalive);
  }
}

/// Beyond a rate limit. What is wrong with a query is said in few octets, too; TC would make the
/// asker come back over TCP for it.
Answer cut_answer(const Query& query, CookieVerdict cookie) {
  Answer answer;
  answer.rcode = query.problem;
  if (query.problem == Rcode::noerror && cookie != CookieVerdict::none) {
    answer.rcode = Rcode::badcookie;
  }
  return answer;
}

/// A query without a question asks for a cookie (RFC 7873 s5.4).
Answer answer_cookie(CookieVerdict cookie) {
  Answer answer;
  if (cookie == CookieVerdict::bad) answer.rcode = Rcode::badcookie;
  return answer;
}

Answer answer_of(const Query& query, const Snapshot& snapshot, const Address& client,
                 CookieVerdict cookie, const std::optional<TransferDecision>& transfer) {
  if (transfer) return answer_transfer(*transfer, query, *snapshot.directory);
  if (query.problem == Rcode::noerror && snapshot.protocol != nullptr) {
    if (!query.has_question) return answer_cookie(cookie);
    if (query.class_of == Class::ch) return answer_about_server(query, *snapshot.protocol);
  }
  return make_answer(query, snapshot, client);
}

}  // namespace

Responder::Responder(std::shared_ptr<const Snapshot> snapshot) {
  set_snapshot(std::move(snapshot));
}

void Responder::set_snapshot(std::shared_ptr<const Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
  const Protocol* protocol = snapshot_->protocol.get();
  log_.set_one_in(protocol != nullptr ? protocol->query_log_one_in : 0);
  if (protocol == nullptr || protocol->rate_limit.per_second == 0) {
    limiter_.reset();
  } else if (!limiter_ || !limiter_->is_of(protocol->rate_limit, protocol->rates)) {
    limiter_.emplace(protocol->rate_limit, protocol->rates);
  }
}

/// What its cookie shows, and what to answer it with.
CookieAnswer Responder::judge_cookie(const Query& query, const Arrival& arrival) {
  if (!query.edns || !query.edns->cookie || snapshot_->protocol == nullptr) return {};
  const CookieAnswer cookie = snapshot_->protocol->cookies.answer(
      *query.edns->cookie, arrival.client, arrival.unix_seconds);
  counters_.by_cookie[static_cast<std::size_t>(cookie.verdict)].add();
  return cookie;
}

RateLimiter::Verdict Responder::limit(const Arrival& arrival, CookieVerdict cookie) {
  if (!limiter_ || arrival.transport == Transport::tcp || cookie == CookieVerdict::good) {
    return RateLimiter::Verdict::send;
  }
  const RateLimiter::Verdict verdict = limiter_->check(arrival.client, arrival.at);
  if (verdict == RateLimiter::Verdict::cut) counters_.rate_cut.add();
  if (verdict == RateLimiter::Verdict::drop) counters_.rate_dropped.add();
  return verdict;
}

/// For the log; `size` 0: nothing was sent.
void Responder::note(const Query& query, const Answer& answer, const Arrival& arrival,
                     std::size_t size) {
  QueryRecord record{.client = arrival.client,
                     .scope = answer.edns.scope,
                     .has_question = query.has_question,
                     .name = query.name,
                     .type = query.type,
                     .class_of = query.class_of,
                     .rcode = answer.rcode,
                     .transport = arrival.transport,
                     .size = static_cast<std::uint16_t>(size)};
  if (query.edns) record.subnet = query.edns->subnet;
  for (const std::uint16_t room : answer.rooms.all()) {
    record.rooms.push_back(static_cast<std::uint16_t>(snapshot_->slot_of(room)));
  }
  if (!log_.add(record)) counters_.log_dropped.add();
}

std::optional<TransferDecision> Responder::judge_transfer(const Query& query,
                                                          const Arrival& arrival) {
  if (!wants_transfer(query)) return std::nullopt;
  const TransferDecision decision =
      decide_transfer(query, *snapshot_->directory, arrival.client, arrival.transport);
  counters_.by_transfer[static_cast<std::size_t>(decision.verdict)].add();
  return decision;
}

/// Writes the first message, which for most zones is the only one.
std::size_t Responder::begin_transfer(std::uint32_t zone, const Query& query, const Address& client,
                                      const EdnsAnswer& edns, std::span<std::byte> out) {
  transfer_ = std::make_unique<Transfer>(snapshot_, zone, query, client, edns);
  return transfer_->next(out);
}

std::size_t Responder::respond(ByteView packet, const Arrival& arrival, std::span<std::byte> out) {
  const std::size_t payload = udp_payload_of(snapshot_->protocol.get());
  ASSERT(out.size() >= payload);
  transfer_.reset();
  Query query;
  if (!decode(packet, query)) {
    counters_.ignored.add();
    return 0;
  }
  const CookieAnswer cookie = judge_cookie(query, arrival);
  const RateLimiter::Verdict verdict = limit(arrival, cookie.verdict);
  if (verdict == RateLimiter::Verdict::drop) {
    if (log_.due()) note(query, Answer(), arrival, 0);
    return 0;
  }
  const bool cut = verdict == RateLimiter::Verdict::cut;
  const auto transfer = cut ? std::nullopt : judge_transfer(query, arrival);
  Answer answer = cut ? cut_answer(query, cookie.verdict)
                      : answer_of(query, *snapshot_, arrival.client, cookie.verdict, transfer);
  if (query.edns && snapshot_->protocol != nullptr) {
    add_options(*query.edns, *snapshot_->protocol, arrival, answer.edns);
    if (cookie.verdict != CookieVerdict::none) answer.edns.cookie = cookie.cookie;
  }
  answer.edns.payload = static_cast<std::uint16_t>(payload);
  const std::size_t size =
      transfer && transfer->verdict == TransferVerdict::whole
          ? begin_transfer(transfer->zone, query, arrival.client, answer.edns, out)
          : encode(query, answer, answer_size_max(query, arrival.transport, payload), out);
  if (cut && answer.rcode == Rcode::noerror) out[2] |= truncated;
  counters_.count(query, answer, arrival.transport, arrival.at, *snapshot_);
  if ((out[2] & truncated) != std::byte{0}) counters_.truncated.add();
  if (log_.due()) note(query, answer, arrival, size);
  return size;
}

}  // namespace hither::dns
