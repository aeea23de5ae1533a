// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_flow.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace hither::tools {
namespace {

constexpr std::size_t label_octets = 10;
constexpr std::string_view label_letters = "abcdefghijklmnopqrstuvwxyz012345";

std::uint16_t number_at(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8U |
                                    std::to_integer<unsigned>(bytes[at + 1]));
}

}  // namespace

void BenchTally::count(Duration latency) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 16));
  const auto power = static_cast<unsigned>(std::bit_width(ns)) - 1;
  ++histogram[power * 16 + (ns >> (power - 4) & 15U)];
}

Duration BenchTally::quantile(double share) const {
  std::uint64_t all = 0;
  for (const std::uint64_t one : histogram) all += one;
  all += lost;
  const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    seen += histogram[i];
    if (seen >= rank && seen > 0) {
      const std::size_t power = i / 16;
      return Duration((std::int64_t{16} + static_cast<std::int64_t>(i % 16) + 1)
                      << (power < 4 ? 0 : power - 4));
    }
  }
  return all == 0 ? Duration::zero() : BenchFlow::patience;
}

BenchFlow::BenchFlow(io::Fd socket, const BenchQuery& query, std::span<const BenchClient> clients,
                     std::uint64_t seed)
    : socket_(std::move(socket)),
      query_(query),
      clients_(clients),
      rng_(seed),
      packet_size_(query.packet.size()) {
  packets_.reserve(slots_max * packet_size_);
  for (std::size_t i = 0; i < slots_max; ++i) {
    packets_.insert(packets_.end(), query.packet.begin(), query.packet.end());
    free_.push_back(static_cast<std::uint16_t>(slots_max - 1 - i));
  }
  for (std::size_t i = 0; i < width; ++i) {
    in_pieces_[i] = {.iov_base = in_buffers_[i].data(), .iov_len = in_buffers_[i].size()};
    in_[i].msg_hdr.msg_iov = &in_pieces_[i];
    in_[i].msg_hdr.msg_iovlen = 1;
    out_[i].msg_hdr.msg_iov = &out_pieces_[i];
    out_[i].msg_hdr.msg_iovlen = 1;
  }
}

bool BenchFlow::prepare(Instant at) {
  if (free_.empty()) return false;
  const std::uint16_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.generation = (slot.generation + 1U) & 15U;
  slot.active = true;
  slot.at = at;
  std::byte* const packet = packets_.data() + index * packet_size_;
  const unsigned id = index | unsigned{slot.generation} << 12U;
  packet[0] = static_cast<std::byte>(id >> 8U);
  packet[1] = static_cast<std::byte>(id & 0xFFU);
  std::uint64_t draw = rng_.next();
  if (!clients_.empty()) {
    slot.client = static_cast<std::uint32_t>((draw >> 32U) * clients_.size() >> 32U);
    if (query_.subnet_at != 0) {
      std::memcpy(packet + query_.subnet_at, clients_[slot.client].subnet.data(), 3);
    }
  }
  for (std::size_t i = 0; query_.label_at != 0 && i < label_octets; ++i, draw >>= 5U) {
    packet[query_.label_at + i] = static_cast<std::byte>(label_letters[draw & 31U]);
  }
  ready_.push_back(index);
  return true;
}

void BenchFlow::flush(bool whole, BenchTally& tally) {
  while (!ready_.empty()) {
    const std::size_t count = std::min(ready_.size(), width);
    for (std::size_t i = 0; i < count; ++i) {
      out_pieces_[i] = {.iov_base = packets_.data() + ready_[i] * packet_size_,
                        .iov_len = packet_size_};
    }
    // What the kernel does not take now counts as sent, and so as lost when it is not answered.
    tally.sent += count;
    if (whole) {
      msghdr message{};
      message.msg_iov = out_pieces_.data();
      message.msg_iovlen = count;
      alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control{};
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = IPPROTO_UDP;
      header->cmsg_type = UDP_SEGMENT;
      header->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
      const auto size = static_cast<std::uint16_t>(packet_size_);
      std::memcpy(CMSG_DATA(header), &size, sizeof size);
      sendmsg(socket_.get(), &message, MSG_DONTWAIT);
    } else {
      sendmmsg(socket_.get(), out_.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    }
    ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

std::size_t BenchFlow::receive(Instant now, BenchTally& tally) {
  const int count = recvmmsg(socket_.get(), in_.data(), width, MSG_DONTWAIT, nullptr);
  if (count <= 0) return 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    take(ByteView(in_buffers_[i].data(), in_[i].msg_len), now, tally);
  }
  return static_cast<std::size_t>(count);
}

void BenchFlow::take(ByteView answer, Instant now, BenchTally& tally) {
  if (answer.size() < 12) {
    ++tally.wrong;
    return;
  }
  const std::uint16_t id = number_at(answer, 0);
  Slot& slot = slots_[id & 0xFFFU];
  if (!slot.active || slot.generation != id >> 12U) {
    ++tally.late;
    return;
  }
  slot.active = false;
  free_.push_back(id & 0xFFFU);
  ++tally.answered;
  tally.count(now - slot.at);
  if (query_.checked && !is_right(answer, slot)) ++tally.wrong;
}

/// Our question, the RCODE, and in the first record of a good answer one of the right addresses.
bool BenchFlow::is_right(ByteView answer, const Slot& slot) const {
  const std::uint16_t flags = number_at(answer, 2);
  if ((flags & 0x8000U) == 0 || (flags & 0xFU) != query_.rcode) return false;
  if (answer.size() < query_.question_end || number_at(answer, 4) != 1) return false;
  if (query_.rcode != 0 || clients_.empty()) return true;
  // An A record whose owner is a pointer: 12 octets before its address.
  const std::size_t address = query_.question_end + 12;
  if (number_at(answer, 6) == 0 || answer.size() < address + 4) return false;
  return std::ranges::any_of(clients_[slot.client].right, [&](const auto& right) {
    return std::memcmp(answer.data() + address, right.data(), right.size()) == 0;
  });
}

void BenchFlow::expire(Instant now, BenchTally& tally) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].active || now - slots_[i].at < patience) continue;
    slots_[i].active = false;
    free_.push_back(static_cast<std::uint16_t>(i));
    ++tally.lost;
  }
}

}  // namespace hither::tools
