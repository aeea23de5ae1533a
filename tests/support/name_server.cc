// SPDX-License-Identifier: Apache-2.0
#include "tests/support/name_server.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace hither::test {
namespace {

constexpr std::size_t head_octets = 12;

void put(Bytes& bytes, std::initializer_list<unsigned> octets) {
  for (const unsigned octet : octets) bytes.push_back(static_cast<std::byte>(octet));
}

}  // namespace

NameServer::NameServer() {
  Result<io::Fd> fd = io::bind_udp({.address = Address::v4(0x7f000001), .port = 0}, false);
  EXPECT_TRUE(fd);
  if (!fd) return;
  fd_ = std::move(*fd);
  endpoint_ = *io::local_endpoint(fd_.get());
  thread_ = std::thread([this] {
    io::FdWatch watch(loop_, fd_.get(), [this] { on_readable(); });
    watch.want_read(true);
    loop_.run();
  });
}

NameServer::~NameServer() {
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

void NameServer::answer(std::vector<Address> addresses, std::uint32_t ttl_seconds) {
  const std::lock_guard<std::mutex> hold(lock_);
  addresses_ = std::move(addresses);
  ttl_ = ttl_seconds;
  code_ = 0;
  ipv4_code_ = 0;
}

void NameServer::fail(std::uint8_t code) {
  const std::lock_guard<std::mutex> hold(lock_);
  code_ = code;
}

void NameServer::fail_ipv4(std::uint8_t code) {
  const std::lock_guard<std::mutex> hold(lock_);
  ipv4_code_ = code;
}

void NameServer::on_readable() {
  std::array<std::byte, 512> buffer;
  Endpoint from;
  const io::IoResult result = io::receive_from(fd_.get(), buffer, from);
  if (result.kind != io::IoResult::Kind::ok || result.size < head_octets + 5) return;
  ++questions_;
  io::send_to(fd_.get(), from, reply_to(ByteView(buffer).first(result.size)));
}

/// RFC 1035 s4: the head, the question as it came, and an A or AAAA record for each address.
Bytes NameServer::reply_to(ByteView query) {
  std::size_t end = head_octets;
  while (end + 5 < query.size() && query[end] != std::byte{0}) {
    end += 1 + std::to_integer<std::size_t>(query[end]);
  }
  end += 5;  // The root label, type and class.
  const bool ipv4 = end <= query.size() && query[end - 3] == std::byte{1};
  const std::lock_guard<std::mutex> hold(lock_);
  const std::uint8_t code = ipv4 && ipv4_code_ != 0 ? ipv4_code_ : code_;
  std::vector<Address> found;
  for (const Address& address : addresses_) {
    if (code == 0 && address.is_v4() == ipv4) found.push_back(address);
  }
  Bytes reply(query.begin(), query.begin() + 2);
  put(reply, {0x84, code, 0, 1, 0, static_cast<unsigned>(found.size()), 0, 0, 0, 0});
  const ByteView question = query.subspan(head_octets, std::min(end, query.size()) - head_octets);
  append(reply, question);
  for (const Address& address : found) {
    put(reply, {0xc0, head_octets, 0, ipv4 ? 1U : 28U, 0, 1});
    put(reply, {ttl_ >> 24 & 0xff, ttl_ >> 16 & 0xff, ttl_ >> 8 & 0xff, ttl_ & 0xff, 0});
    const ByteView octets = std::as_bytes(address.wire());
    put(reply, {static_cast<unsigned>(octets.size())});
    append(reply, octets);
  }
  return reply;
}

}  // namespace hither::test
