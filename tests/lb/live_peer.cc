// SPDX-License-Identifier: Apache-2.0
#include "tests/lb/live_peer.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <set>

namespace hither::lb::test {
namespace {

constexpr int patience_ms = 10'000;

/// Readiness of one descriptor within the patience.
bool ready(int fd, short events) {
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  return poll(&entry, 1, patience_ms) == 1;
}

Endpoint loopback(std::uint16_t port) { return {.address = Address::v4(0x7f000001), .port = port}; }

}  // namespace

Peer::Peer(io::Fd fd) : fd_(std::move(fd)) {}

void Peer::say(std::string_view text) {
  while (!text.empty()) {
    if (!ready(fd_.get(), POLLOUT)) FAIL() << "nobody takes what we say";
    const io::IoResult result = io::write_some(fd_.get(), as_bytes(text));
    if (result.kind == io::IoResult::Kind::failed) return;
    text.remove_prefix(result.size);
  }
}

std::size_t Peer::say_what_fits(std::string_view text) {
  constexpr int stuck_ms = 100;
  pollfd one{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
  std::size_t said = 0;
  while (said < text.size() && poll(&one, 1, stuck_ms) == 1) {
    said += io::write_some(fd_.get(), as_bytes(text.substr(said))).size;
  }
  return said;
}

void Peer::say_urgently(char octet) {
  EXPECT_EQ(send(fd_.get(), &octet, 1, MSG_OOB | MSG_NOSIGNAL), 1);
}

void Peer::reset() {
  io::reset_on_close(fd_.get());
  fd_ = io::Fd();
}

void Peer::end() { io::shutdown_write(fd_.get()); }

bool Peer::hear_more() {
  std::array<std::byte, 65536> buffer;
  if (!ready(fd_.get(), POLLIN)) {
    ADD_FAILURE() << "nothing came; so far: " << heard_.substr(0, 500);
    return false;
  }
  const io::IoResult result = io::read_some(fd_.get(), buffer);
  heard_ += as_text(ByteView(buffer).first(result.size));
  was_reset_ = was_reset_ || result.kind == io::IoResult::Kind::failed;
  return result.kind == io::IoResult::Kind::ok || result.kind == io::IoResult::Kind::would_block;
}

std::string Peer::hear_until(std::string_view last) {
  std::size_t at = 0;
  while ((at = heard_.find(last)) == std::string::npos) {
    if (!hear_more()) return std::exchange(heard_, {});
  }
  return hear(at + last.size());
}

std::string Peer::hear(std::size_t size) {
  while (heard_.size() < size && hear_more()) {
  }
  std::string text = heard_.substr(0, size);
  heard_.erase(0, text.size());
  return text;
}

std::string Peer::hear_all() {
  while (hear_more()) {
  }
  return std::exchange(heard_, {});
}

Peer connect_to(const Endpoint& endpoint) {
  Result<io::Fd> fd = io::connect_tcp(endpoint);
  if (!fd) {
    ADD_FAILURE() << fd.error().message;
    return Peer(io::Fd());
  }
  ready(fd->get(), POLLOUT);
  EXPECT_EQ(io::connect_error(fd->get()), 0);
  return Peer(std::move(*fd));
}

ScriptedServer::ScriptedServer() : ScriptedServer(loopback(0)) {}

ScriptedServer::ScriptedServer(const Endpoint& at) {
  Result<io::Fd> fd = io::listen_tcp(at);
  if (!fd) {
    ADD_FAILURE() << fd.error().message;
    return;
  }
  fd_ = std::move(*fd);
  endpoint_ = *io::local_endpoint(fd_.get());
}

Peer ScriptedServer::accept() {
  if (!ready(fd_.get(), POLLIN)) ADD_FAILURE() << "nobody connects";
  return Peer(io::accept_one(fd_.get()).fd);
}

Endpoint free_endpoint() {
  // An address of this process alone: nobody else takes the port before its user does, and clients'
  // own ports are on 127.0.0.1.
  const auto pid = static_cast<std::uint32_t>(getpid());
  const Address own = Address::v4(0x7f400000 | (pid & 0x3fffff));
  // Ports are given up at once, so the system may choose one again before it is used.
  static std::set<std::uint16_t> given;
  while (true) {
    const Result<io::Fd> fd = io::listen_tcp({.address = own, .port = 0});
    if (!fd) return {};
    const Endpoint found = *io::local_endpoint(fd->get());
    if (given.insert(found.port).second) return found;
  }
}

}  // namespace hither::lb::test
