// SPDX-License-Identifier: Apache-2.0
#include "lb/server_names.h"

#include <optional>
#include <utility>

#include "io/clock.h"
#include "io/log_sink.h"
#include "lb/settings.h"

namespace hither::lb {

ServerNames::ServerNames(io::Loop& loop, io::Resolver& resolver, Farm& farm, Events events)
    : resolver_(resolver),
      farm_(farm),
      events_(std::move(events)),
      timer_(loop, [this] { ask_due(); }) {
  for (const std::size_t server : farm_.order()) add(server);
  wait();
}

void ServerNames::add(std::size_t server) {
  const Result<HostPort> parts = parse_host_port(farm_.server(server).address());
  if (!parts) return;  // The description has been checked; without an endpoint it stays down.
  if (const Result<Address> numeric = parse_address(parts->host)) {
    farm_.server(server).resolve({.address = *numeric, .port = parts->port});
    return;
  }
  // One that takes over from another at the same name, or in another process, is where that was.
  std::optional<Address> in_use;
  if (const auto endpoint = farm_.server(server).endpoint()) in_use = endpoint->address;
  named_.insert_or_assign(server,
                          Named{.watch = NameWatch(parts->host, io::monotonic_now(), in_use),
                                .port = parts->port,
                                .turn = ++turns_});
}

void ServerNames::change() {
  std::erase_if(named_, [this](const auto& one) { return !farm_.server(one.first).present(); });
  for (const std::size_t server : farm_.order()) {
    if (!named_.contains(server)) add(server);
  }
  wait();
}

void ServerNames::recall() {
  for (const std::size_t server : farm_.order()) {
    const NameWatch* watch = find(server);
    if (watch != nullptr && !watch->address()) add(server);
  }
  wait();
}

const NameWatch* ServerNames::find(std::size_t server) const {
  const auto found = named_.find(server);
  return found == named_.end() ? nullptr : &found->second.watch;
}

void ServerNames::wait() {
  Instant next = never;
  for (const auto& [server, named] : named_) next = std::min(next, named.watch.next());
  timer_.set(next);
}

/// An answer may be there before resolve() returns, so nothing is held across it.
void ServerNames::ask_due() {
  const Instant now = io::monotonic_now();
  std::vector<std::size_t> due;
  for (auto& [server, named] : named_) {
    if (named.watch.next() > now) continue;
    named.watch.asks();
    due.push_back(server);
  }
  for (const std::size_t server : due) {
    const auto found = named_.find(server);
    if (found == named_.end()) continue;
    const std::string host = found->second.watch.host();
    resolver_.resolve(
        host,
        [this, server, turn = found->second.turn](const Result<io::Resolved>& answer) {
          on_answer(server, turn, answer);
        },
        found->second.watch.address());
  }
  wait();
}

void ServerNames::on_answer(std::size_t server, std::uint64_t turn,
                            const Result<io::Resolved>& answer) {
  const auto found = named_.find(server);
  if (found == named_.end() || found->second.turn != turn) return;
  Named& named = found->second;
  const Instant now = io::monotonic_now();
  const std::optional<Address> before = named.watch.address();
  const NameWatch::News news = answer ? named.watch.on_answer(answer->addresses, answer->ttl, now)
                                      : named.watch.on_failure(answer.error().message, now);
  if (news.fails) log(log_warning("name-fails"), server, named);
  if (news.recovers) log(log_info("name-answers"), server, named);
  if (news.moved) {
    farm_.server(server).resolve({.address = *named.watch.address(), .port = named.port});
    if (before) {
      log(log_info("server-moves").with("from", to_text(*before)), server, named);
      events_.on_moved(server);
    }
  }
  events_.on_answer(server, named.watch);
  wait();
}

void ServerNames::log(LogRecord record, std::size_t server, const Named& named) const {
  record.with("farm", farm_.name())
      .with("server", farm_.server(server).name())
      .with("name", named.watch.host());
  if (named.watch.address()) record.with("address", to_text(*named.watch.address()));
  if (named.watch.failing()) record.with("reason", named.watch.failure());
  io::write_log(record);
}

}  // namespace hither::lb
