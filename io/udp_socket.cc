// SPDX-License-Identifier: Apache-2.0
#include "io/udp_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/assert.h"

namespace hither::io {
namespace {

/// Room for one IPv6 destination address; the IPv4 form is smaller.
constexpr std::size_t control_size = CMSG_SPACE(sizeof(in6_pktinfo));
/// From packet to packet. Were it a whole page, all would compete for the same lines of the cache.
constexpr std::size_t packet_stride = UdpSocket::packet_bytes_max + 128;
constexpr int burst_bytes = 1 << 20;

bool is_wildcard(const Address& address) {
  const auto wire = address.wire();
  return std::all_of(wire.begin(), wire.end(), [](std::uint8_t octet) { return octet == 0; });
}

/// Makes the destination a packet came to the source of its reply: the same control message, but
/// for the interface, which routing chooses.
void turn_round(msghdr& message) {
  cmsghdr* control = CMSG_FIRSTHDR(&message);
  if (control == nullptr) return;
  if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
    in_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(control), sizeof info);
    info.ipi_ifindex = 0;
    info.ipi_spec_dst = info.ipi_addr;
    std::memcpy(CMSG_DATA(control), &info, sizeof info);
    message.msg_controllen = CMSG_SPACE(sizeof info);
  } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
    in6_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(control), sizeof info);
    if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
    std::memcpy(CMSG_DATA(control), &info, sizeof info);
    message.msg_controllen = CMSG_SPACE(sizeof info);
  }
}

}  // namespace

struct UdpSocket::State {
  Fd fd;
  bool wildcard = false;
  std::size_t reply_bytes_max = 0;
  std::size_t received = 0;
  std::size_t replies = 0;

  std::array<sockaddr_storage, width> peers{};
  std::array<mmsghdr, width> in{};
  std::array<iovec, width> in_pieces{};
  std::array<mmsghdr, width> out{};
  std::array<iovec, width> out_pieces{};
  alignas(cmsghdr) std::array<std::array<char, control_size>, width> controls{};
  std::vector<std::byte> packets = std::vector<std::byte>(width * packet_stride);
  std::vector<std::byte> buffers;

  void set_up();
  void set_back();
  void set_options(bool ipv4) const;
};

void UdpSocket::State::set_up() {
  for (std::size_t i = 0; i < width; ++i) {
    in_pieces[i] = {.iov_base = packets.data() + i * packet_stride, .iov_len = packet_bytes_max};
    msghdr& message = in[i].msg_hdr;
    message.msg_name = &peers[i];
    message.msg_namelen = sizeof(sockaddr_storage);
    message.msg_iov = &in_pieces[i];
    message.msg_iovlen = 1;
    message.msg_control = wildcard ? controls[i].data() : nullptr;
    message.msg_controllen = wildcard ? control_size : 0;
    out[i].msg_hdr.msg_iov = &out_pieces[i];
    out[i].msg_hdr.msg_iovlen = 1;
  }
}

/// What the kernel wrote into the headers of the last batch, and is read there again.
void UdpSocket::State::set_back() {
  for (std::size_t i = 0; i < received; ++i) {
    in[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    if (wildcard) in[i].msg_hdr.msg_controllen = control_size;
  }
}

void UdpSocket::State::set_options(bool ipv4) const {
  const int socket = fd.get();
  if (wildcard && ipv4) set_option(socket, IPPROTO_IP, IP_PKTINFO, 1);
  if (wildcard && !ipv4) set_option(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  // Path MTU messages can be forged to make us send fragments, which can be forged in turn.
  if (ipv4) set_option(socket, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  if (!ipv4) set_option(socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
  set_option(socket, SOL_SOCKET, SO_RCVBUF, burst_bytes);       // up to the system's limit,
  set_option(socket, SOL_SOCKET, SO_RCVBUFFORCE, burst_bytes);  // beyond it if we may
  // Reads and writes that must not wait say so themselves.
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) & ~O_NONBLOCK);
  const timeval limit{.tv_sec = patience / std::chrono::seconds(1), .tv_usec = 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

UdpSocket::UdpSocket(Fd socket, const Endpoint& bound, std::size_t reply_bytes_max)
    : state_(std::make_unique<State>()) {
  state_->fd = std::move(socket);
  state_->wildcard = is_wildcard(bound.address);
  state_->reply_bytes_max = reply_bytes_max;
  state_->buffers.resize(width * reply_bytes_max);
  state_->set_up();
  state_->set_options(bound.address.is_v4());
}

UdpSocket::~UdpSocket() = default;

int UdpSocket::fd() const { return state_->fd.get(); }

std::size_t UdpSocket::receive() { return take(MSG_DONTWAIT); }
std::size_t UdpSocket::wait() { return take(MSG_WAITFORONE); }

// It fails for want of a peer, and wakes who waits all the same.
void UdpSocket::shut() { shutdown(fd(), SHUT_RD); }

std::size_t UdpSocket::take(int flags) {
  state_->set_back();
  state_->replies = 0;
  const int count = recvmmsg(fd(), state_->in.data(), width, flags, nullptr);
  state_->received = count > 0 ? static_cast<std::size_t>(count) : 0;
  return state_->received;
}

ByteView UdpSocket::packet(std::size_t index) const {
  ASSERT(index < state_->received);
  return {state_->packets.data() + index * packet_stride, state_->in[index].msg_len};
}

Endpoint UdpSocket::peer(std::size_t index) const { return from_sockaddr(state_->peers[index]); }

std::span<std::byte> UdpSocket::buffer(std::size_t index) {
  return {state_->buffers.data() + index * state_->reply_bytes_max, state_->reply_bytes_max};
}

void UdpSocket::reply(std::size_t index, std::size_t size) {
  ASSERT(index < state_->received && size <= state_->reply_bytes_max);
  if (size == 0) return;
  const std::size_t at = state_->replies++;
  state_->out_pieces[at] = {.iov_base = buffer(index).data(), .iov_len = size};
  const msghdr& asked = state_->in[index].msg_hdr;
  msghdr& message = state_->out[at].msg_hdr;
  message.msg_name = asked.msg_name;
  message.msg_namelen = asked.msg_namelen;
  if (!state_->wildcard) return;
  message.msg_control = asked.msg_control;
  message.msg_controllen = asked.msg_controllen;
  turn_round(message);
}

std::size_t UdpSocket::send() {
  std::size_t done = 0;
  std::size_t lost = 0;
  while (done < state_->replies) {
    const auto left = static_cast<unsigned>(state_->replies - done);
    const int count = sendmmsg(fd(), state_->out.data() + done, left, MSG_DONTWAIT);
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      ++done;  // This one cannot be sent; the others may.
      ++lost;
    }
  }
  return lost;
}

}  // namespace hither::io
