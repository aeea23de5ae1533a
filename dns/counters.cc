// SPDX-License-Identifier: Apache-2.0
#include "dns/counters.h"

#include <algorithm>
#include <functional>

namespace hither::dns {
namespace {

using Threads = std::vector<const Counters*>;

/// The place in Counters::types of each type, by its number; behind it for all that are not there.
constexpr auto places = [] {
  std::array<std::uint8_t, 258> all{};
  all.fill(static_cast<std::uint8_t>(Counters::types.size()));
  for (std::size_t i = 0; i < Counters::types.size(); ++i) {
    all[static_cast<std::size_t>(Counters::types[i])] = static_cast<std::uint8_t>(i);
  }
  return all;
}();

/// One load, whatever the type.
std::size_t place_of(Type type) {
  const auto number = static_cast<std::size_t>(type);
  return number < places.size() ? places[number] : Counters::types.size();
}

double sum(const Threads& threads, const std::function<const Counter&(const Counters&)>& which) {
  std::uint64_t total = 0;
  for (const Counters* counters : threads) total += which(*counters).total();
  return static_cast<double>(total);
}

MetricFamily family(std::string name, std::string help) {
  return {.name = std::move(name),
          .help = std::move(help),
          .type = MetricFamily::Type::counter,
          .samples = {}};
}

MetricFamily single(const Threads& threads, std::string name, std::string help,
                    const std::function<const Counter&(const Counters&)>& which) {
  MetricFamily result = family(std::move(name), std::move(help));
  result.samples.push_back({.labels = {}, .value = sum(threads, which)});
  return result;
}

MetricFamily by_type(const Threads& threads) {
  MetricFamily result = family("hither_dns_queries_total", "Queries by type.");
  for (std::size_t i = 0; i <= Counters::types.size(); ++i) {
    const std::string type = i < Counters::types.size() ? to_text(Counters::types[i]) : "other";
    result.samples.push_back(
        {.labels = {{"type", type}},
         .value = sum(threads, [i](const Counters& c) -> const Counter& { return c.by_type[i]; })});
  }
  return result;
}

MetricFamily by_rcode(const Threads& threads) {
  MetricFamily result = family("hither_dns_responses_total", "Responses by code.");
  for (const Rcode rcode :
       {Rcode::noerror, Rcode::formerr, Rcode::servfail, Rcode::nxdomain, Rcode::notimp,
        Rcode::refused, Rcode::yxdomain, Rcode::notauth, Rcode::badvers, Rcode::badcookie}) {
    const auto i = static_cast<std::size_t>(rcode);
    result.samples.push_back({.labels = {{"rcode", std::string(to_text(rcode))}},
                              .value = sum(threads, [i](const Counters& c) -> const Counter& {
                                return c.by_rcode[i];
                              })});
  }
  return result;
}

MetricFamily by_transport(const Threads& threads) {
  MetricFamily result = family("hither_dns_transport_total", "Queries answered by transport.");
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    const auto i = static_cast<std::size_t>(transport);
    result.samples.push_back({.labels = {{"transport", std::string(to_text(transport))}},
                              .value = sum(threads, [i](const Counters& c) -> const Counter& {
                                return c.by_transport[i];
                              })});
  }
  return result;
}

MetricFamily by_cookie(const Threads& threads) {
  constexpr std::array<std::string_view, 3> names = {"client_only", "bad", "good"};
  MetricFamily result = family("hither_dns_cookies_total", "Queries that brought a cookie.");
  for (std::size_t i = 0; i < names.size(); ++i) {
    result.samples.push_back({.labels = {{"kind", std::string(names[i])}},
                              .value = sum(threads, [i](const Counters& c) -> const Counter& {
                                return c.by_cookie[i + 1];
                              })});
  }
  return result;
}

MetricFamily by_scope(const Threads& threads) {
  MetricFamily result =
      family("hither_dns_client_subnet_scopes_total", "Queries with a client subnet by scope.");
  for (std::size_t f = 0; f < 2; ++f) {
    const std::size_t longest = f == 0 ? 32 : 128;
    for (std::size_t scope = 0; scope <= longest; ++scope) {
      result.samples.push_back(
          {.labels = {{"family", f == 0 ? "ipv4" : "ipv6"}, {"scope", std::to_string(scope)}},
           .value = sum(threads, [f, scope](const Counters& c) -> const Counter& {
             return c.by_scope[f][scope];
           })});
    }
  }
  return result;
}

MetricFamily by_subnet_fault(const Threads& threads) {
  MetricFamily result = family("hither_dns_client_subnet_malformed_total",
                               "Queries with a malformed client subnet by what is wrong with it.");
  for (std::size_t i = 0; i < subnet_faults.size(); ++i) {
    result.samples.push_back({.labels = {{"kind", std::string(subnet_faults[i])}},
                              .value = sum(threads, [i](const Counters& c) -> const Counter& {
                                return c.by_subnet_fault[i];
                              })});
  }
  return result;
}

MetricFamily rate_limited(const Threads& threads) {
  MetricFamily result = family("hither_dns_rate_limited_total", "Answers beyond a rate limit.");
  result.samples.push_back(
      {.labels = {{"result", "cut"}},
       .value = sum(threads, [](const Counters& c) -> const Counter& { return c.rate_cut; })});
  result.samples.push_back(
      {.labels = {{"result", "dropped"}},
       .value = sum(threads, [](const Counters& c) -> const Counter& { return c.rate_dropped; })});
  return result;
}

MetricFamily by_transfer(const Threads& threads) {
  MetricFamily result = family("hither_dns_transfers_total", "Queries for a zone by answer.");
  for (std::size_t i = 0; i < transfer_verdicts.size(); ++i) {
    result.samples.push_back({.labels = {{"result", std::string(transfer_verdicts[i])}},
                              .value = sum(threads, [i](const Counters& c) -> const Counter& {
                                return c.by_transfer[i];
                              })});
  }
  return result;
}

MetricFamily by_room(const Threads& threads, const std::vector<std::string>& rooms) {
  MetricFamily result = family("hither_dns_room_answers_total", "Answers that named a room.");
  for (std::size_t i = 0; i < rooms.size(); ++i) {
    result.samples.push_back(
        {.labels = {{"room", rooms[i]}},
         .value = sum(threads, [i](const Counters& c) -> const Counter& { return c.by_room[i]; })});
  }
  return result;
}

}  // namespace

void Counters::count(const Query& query, const Answer& answer, Transport transport, Instant at,
                     const Snapshot& snapshot) {
  by_transport[static_cast<std::size_t>(transport)].add();
  by_rcode[std::min(static_cast<std::size_t>(answer.rcode), rcodes - 1)].add();
  if (query.has_question) by_type[place_of(query.type)].add();
  if (query.edns && query.edns->subnet) {
    with_subnet.add();
    const bool ipv4 = query.edns->subnet->family == ClientSubnet::Family::ipv4;
    by_scope[ipv4 ? 0 : 1][std::min<std::size_t>(answer.edns.scope, 128)].add();
  }
  if (query.edns && query.edns->bad_subnet) {
    by_subnet_fault[static_cast<std::size_t>(*query.edns->bad_subnet)].add();
  }
  if (answer.rooms.empty()) return;
  const auto now = std::chrono::ceil<std::chrono::seconds>(at.time_since_epoch()).count();
  for (const std::uint16_t room : answer.rooms.all()) {
    by_room[snapshot.slot_of(room)].add();
    named_until_s[snapshot.slot_of(room)].raise_to(now + answer.answer[0].ttl);
  }
}

std::optional<Instant> named_until(const std::vector<const Counters*>& threads, std::size_t room) {
  std::int64_t latest = 0;
  for (const Counters* counters : threads) {
    latest = std::max(latest, counters->named_until_s[room].highest());
  }
  if (latest == 0) return std::nullopt;
  return Instant(std::chrono::seconds(latest));
}

Metrics to_metrics(const Threads& threads, const std::vector<std::string>& rooms) {
  Metrics metrics = {by_type(threads),        by_rcode(threads),    by_transport(threads),
                     by_room(threads, rooms), by_cookie(threads),   rate_limited(threads),
                     by_scope(threads),       by_transfer(threads), by_subnet_fault(threads)};
  metrics.push_back(single(threads, "hither_dns_ignored_total", "Packets that got no answer.",
                           [](const Counters& c) -> const Counter& { return c.ignored; }));
  metrics.push_back(single(threads, "hither_dns_truncated_total", "Answers with the TC bit.",
                           [](const Counters& c) -> const Counter& { return c.truncated; }));
  metrics.push_back(single(threads, "hither_dns_send_failed_total",
                           "Answers over UDP that the kernel did not take.",
                           [](const Counters& c) -> const Counter& { return c.send_failed; }));
  metrics.push_back(single(threads, "hither_dns_transfers_broken_total",
                           "Transfers that were not taken to the end.",
                           [](const Counters& c) -> const Counter& { return c.transfers_broken; }));
  metrics.push_back(single(threads, "hither_dns_client_subnet_total",
                           "Queries that brought a client subnet.",
                           [](const Counters& c) -> const Counter& { return c.with_subnet; }));
  metrics.push_back(single(threads, "hither_dns_query_log_dropped_total",
                           "Queries that the log could not take.",
                           [](const Counters& c) -> const Counter& { return c.log_dropped; }));
  return metrics;
}

}  // namespace hither::dns
