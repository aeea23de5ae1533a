// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_noise.h"

#include <algorithm>
#include <array>
#include <utility>

namespace hither::tools {
namespace {

constexpr std::size_t header_octets = 12;
constexpr std::byte answer_bit{0x80};  // QR, in the third octet

}  // namespace

bool is_due_answer(ByteView packet) {
  return packet.size() >= header_octets && (packet[2] & answer_bit) == std::byte{0};
}

BenchNoise::BenchNoise(io::Fd socket, Bytes query, std::uint64_t seed)
    : socket_(std::move(socket)), query_(std::move(query)), rng_(seed) {}

bool BenchNoise::send_one(Instant now) {
  if (in_flight_.size() >= in_flight_max) return false;
  Bytes packet = query_;
  for (std::uint64_t changes = 1 + rng_.below(4); changes > 0; --changes) {
    packet[rng_.below(packet.size())] = static_cast<std::byte>(rng_.below(256));
  }
  if (rng_.below(2) == 0) packet.resize(rng_.below(packet.size()) + 1);
  if (rng_.below(8) == 0) packet.resize(packet.size() + rng_.below(600));
  const auto id = static_cast<std::uint16_t>(sent_);
  packet[0] = static_cast<std::byte>(id >> 8U);
  if (packet.size() > 1) packet[1] = static_cast<std::byte>(id & 0xFFU);
  if (io::write_some(socket_.get(), packet).kind != io::IoResult::Kind::ok) return false;
  ++sent_;
  if (is_due_answer(packet)) {
    ++due_;
    in_flight_.push_back({.id = id, .at = now});
  }
  return true;
}

void BenchNoise::receive() {
  std::array<std::byte, 4096> buffer;
  while (true) {
    const io::IoResult got = io::read_some(socket_.get(), buffer);
    if (got.kind != io::IoResult::Kind::ok) return;
    take(ByteView(buffer.data(), got.size));
  }
}

void BenchNoise::take(ByteView answer) {
  const bool whole = answer.size() >= header_octets && (answer[2] & answer_bit) != std::byte{0};
  const auto asked = std::ranges::find_if(in_flight_, [&](const Asked& one) {
    return whole && answer[0] == static_cast<std::byte>(one.id >> 8U) &&
           answer[1] == static_cast<std::byte>(one.id & 0xFFU);
  });
  if (asked == in_flight_.end()) {
    ++stray_;
    return;
  }
  ++answered_;
  in_flight_.erase(asked);
}

void BenchNoise::expire(Instant now) {
  std::erase_if(in_flight_, [&](const Asked& one) { return now - one.at >= patience; });
}

}  // namespace hither::tools
