// SPDX-License-Identifier: Apache-2.0
#include "tests/lb/story.h"

#include <algorithm>

namespace hither::lb::test {
namespace {

/// Every request id as "ID".
std::string without_ids(std::string text) {
  constexpr std::string_view name = "X-Request-Id: ";
  constexpr std::size_t digits = 16;
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
    at += name.size();
    if (text.find("\r\n", at) == at + digits) text.replace(at, digits, "ID");
  }
  return text;
}

}  // namespace

std::unique_ptr<Farm> make_farm(std::size_t servers, topology::Balance balance) {
  topology::Farm settings = round_robin_farm();
  settings.balance = balance;
  return make_farm(servers, settings);
}

topology::Farm round_robin_farm() {
  topology::Farm farm;
  farm.name = "web";
  farm.balance = topology::Balance::round_robin;
  return farm;
}

std::unique_ptr<Farm> make_farm(std::size_t servers, const topology::Farm& settings) {
  std::vector<std::pair<std::string, std::string>> copies;
  for (std::size_t i = 1; i <= servers; ++i) {
    copies.emplace_back("web-" + std::to_string(i), "127.10.0.1:" + std::to_string(20000 + i));
  }
  auto farm = std::make_unique<Farm>("fra", settings, copies, 1);
  for (std::size_t i = 0; i < servers; ++i) farm->set_usable(i, true);
  return farm;
}

std::string forwarded(std::string_view head, std::string_view host, std::string_view more) {
  std::string text(head);
  // Only HTTP/1.0 comes without a host.
  text += host.empty() ? "Via: 1.0 hither\r\n" : "Via: 1.1 hither\r\n";
  text += "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n";
  if (!host.empty()) text += "X-Forwarded-Host: " + std::string(host) + "\r\n";
  text += "Forwarded: for=192.0.2.7;proto=http";
  if (!host.empty()) text += ";host=" + std::string(host);
  return text + "\r\nX-Request-Id: ID\r\nHither-Attempt: 1\r\n" + std::string(more) + "\r\n";
}

Story::Story(Settings settings)
    : settings_(settings),
      farm_(make_farm(settings.servers, settings.farm)),
      picker_(*farm_, 0, 1),
      tcp_{.picker = picker_, .blocks = blocks_, .times = settings.tcp_times, .log = &log_},
      context_{.picker = picker_, .blocks = blocks_, .log = &log_} {
  open_session();
}

void Story::open_session() {
  const Address client = *parse_address(settings_.client);
  if (settings_.tcp) {
    session_ = std::make_unique<TcpProxy>(tcp_, client, now_, settings_.preamble);
  } else {
    session_ = std::make_unique<HttpProxy>(context_, client, now_);
  }
  settle();
}

Story::~Story() = default;

Story& Story::client_says(std::string_view text) {
  from_client_ += text;
  return settle();
}

Story& Story::client_ends() {
  client_ended_ = true;
  return settle();
}

Story& Story::client_half_closes_unread() {
  session_->ended(Side::client, now_);
  return settle();
}

Story& Story::next_client() {
  from_client_.clear();
  client_ended_ = false;
  client_got_end_ = false;
  closed_ = false;
  open_session();
  return *this;
}

Story& Story::client_resets() {
  from_client_.clear();
  session_->broken(Side::client, now_);
  return settle();
}

Story& Story::backend_says(std::string_view text) {
  from_backend_ += text;
  return settle();
}

Story& Story::backend_ends() {
  backend_ended_ = true;
  return settle();
}

Story& Story::backend_resets() {
  from_backend_.clear();
  session_->broken(Side::backend, now_);
  return settle();
}

Story& Story::client_stops_reading(bool stopped) {
  client_deaf_ = stopped;
  return settle();
}

Story& Story::client_takes(int sends) {
  client_deaf_ = false;
  for (int i = 0; i < sends; ++i) flush(Side::client);
  client_deaf_ = true;
  return settle();
}

Story& Story::backend_stops_reading(bool stopped) {
  backend_deaf_ = stopped;
  return settle();
}

Story& Story::backend_refuses_bytes() {
  refusing_ = opened_;
  return *this;
}

Story& Story::time_passes(Duration time) {
  const Instant until = now_ + time;
  while (!closed_ && session_->deadline() <= until) {
    now_ = std::max(now_, session_->deadline());
    session_->on_deadline(now_);
    settle();
  }
  now_ = until;
  return settle();
}

Story& Story::connects(std::string_view outcome) {
  connects_ = outcome;
  return *this;
}

Story& Story::drain(Duration patience) {
  session_->drain(now_, patience);
  return settle();
}

Story& Story::cut_off() {
  session_->cut_off(now_);
  return settle();
}

void Story::Log::note(const AccessRecord& record) { records.push_back(record); }

/// Does what a driver does until nothing moves any more.
Story& Story::settle() {
  bool moved = true;
  while (moved && !closed_) {
    moved = take_calls();
    moved |= grant_wish();
    moved |= flush(Side::client);
    moved |= flush(Side::backend);
    if (session_->ends(Side::client)) client_got_end_ = true;
    if (session_->ends(Side::backend)) backend_got_end_ = true;
    if (session_->finished()) {
      close_current();
      closed_ = true;
      break;
    }
    moved |= deliver(Side::client, from_client_, client_ended_);
    if (current_ != 0) moved |= deliver(Side::backend, from_backend_, backend_ended_);
  }
  return *this;
}

bool Story::take_calls() {
  bool moved = false;
  for (const std::uint64_t called : farm_->admission().calls(0)) {
    if (called != owner) continue;
    session_->called(now_);
    moved = true;
  }
  return moved;
}

bool Story::grant_wish() {
  switch (session_->backend_wish()) {
    case BackendWish::leave:
      return false;
    case BackendWish::obtain:
      close_current();
      obtain();
      return true;
    case BackendWish::queue:
      close_current();
      session_->queued(owner, now_);
      return true;
    case BackendWish::give_back:
      connections_[current_].idle = true;
      current_ = 0;
      session_->parted(now_);
      return true;
    case BackendWish::discard:
      close_current();
      session_->parted(now_);
      return true;
  }
  return false;
}

void Story::obtain() {
  from_backend_.clear();
  backend_ended_ = false;
  if (!session_->wants_fresh()) {
    for (auto& [number, connection] : connections_) {
      if (!connection.idle || connection.server != session_->server()) continue;
      connection.idle = false;
      current_ = number;
      session_->connected(/*reused=*/true, now_);
      return;
    }
  }
  const std::uint32_t server = session_->server();
  if (connects_ == "impossible") {
    session_->connect_impossible("Too many open files", /*elsewhere=*/false, now_);
    return;
  }
  if (connects_ == "no port") {
    session_->connect_impossible("Cannot assign requested address", /*elsewhere=*/true, now_);
    return;
  }
  session_->connecting(now_);
  if (connects_ == "refused") {
    session_->connect_failed("Connection refused", now_);
  } else if (connects_ == "taken") {
    current_ = ++opened_;
    connections_[current_].server = server;
    session_->connected(/*reused=*/false, now_);
  }
}

void Story::close_current() {
  if (current_ != 0) connections_[current_].open = false;
  current_ = 0;
  from_backend_.clear();
  backend_ended_ = heard_end_ = refused_ = false;
}

bool Story::flush(Side to) {
  const ByteView pending = session_->pending(to);
  if (pending.empty() || (to == Side::client ? client_deaf_ : backend_deaf_)) return false;
  if (to == Side::backend && current_ == refusing_) {
    refused_ = true;
    session_->unwritable(to, now_);
    return true;
  }
  const std::string_view text = as_text(pending.first(std::min(pending.size(), settings_.piece)));
  if (to == Side::client) {
    to_client_ += text;
  } else {
    connections_[current_].got += text;
    to_backends_ += text;
  }
  session_->sent(to, text.size(), now_);
  return true;
}

bool Story::deliver(Side from, std::string& kernel, bool& ended) {
  if (!session_->wants(from)) return false;
  if (kernel.empty()) {
    if (!ended) return false;
    ended = false;
    if (from == Side::backend) heard_end_ = true;
    session_->ended(from, now_);
    return true;
  }
  const std::span<std::byte> space = session_->space(from);
  const std::size_t size = std::min({kernel.size(), settings_.piece, space.size()});
  std::copy_n(as_bytes(kernel).begin(), size, space.begin());
  kernel.erase(0, size);
  session_->received(from, size, now_);
  return true;
}

std::string Story::client_got() const { return to_client_; }

std::string Story::backend_got(int connection) const {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? "" : without_ids(found->second.got);
}

std::string Story::backends_got() const { return without_ids(to_backends_); }

bool Story::connection_open(int connection) const {
  const auto found = connections_.find(connection);
  return found != connections_.end() && found->second.open;
}

std::size_t Story::idle_connections() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      connections_, [](const auto& entry) { return entry.second.idle && entry.second.open; }));
}

std::uint32_t Story::in_flight() const {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < farm_->size(); ++i) sum += farm_->server(i).in_flight().level();
  return sum;
}

std::uint32_t Story::connecting() const {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < farm_->size(); ++i) sum += farm_->server(i).connecting().level();
  return sum;
}

}  // namespace hither::lb::test
