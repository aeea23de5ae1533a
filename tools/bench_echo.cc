// SPDX-License-Identifier: Apache-2.0
// The least that an answer over UDP can cost here: receives packets in batches, sends back as many
// octets as told, and nothing else. tools/bench measures servers against it. Every reply is the
// query with its QR bit set, cut or filled up with zeros.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "base/ip.h"
#include "io/socket.h"

namespace hither::tools {
namespace {

constexpr std::size_t packet_bytes_max = 4096;
// Not a page from one to the next: all would compete for the same lines of the cache.
constexpr std::size_t packet_stride = packet_bytes_max + 128;
constexpr std::size_t width_max = 64;

struct Options {
  std::string listen = "127.0.0.1:5399";
  std::size_t reply_bytes = 0;  // 0: as many as came
  std::size_t width = 32;       // packets per batch
  bool epoll = false;           // wait there, not in recvmmsg
};

class Echo {
 public:
  Echo(io::Fd socket, const Options& options) : socket_(std::move(socket)), options_(options) {
    for (std::size_t i = 0; i < options_.width; ++i) {
      in_pieces_[i] = {.iov_base = buffer(i), .iov_len = packet_bytes_max};
      in_[i].msg_hdr.msg_name = &peers_[i];
      in_[i].msg_hdr.msg_namelen = sizeof peers_[i];
      in_[i].msg_hdr.msg_iov = &in_pieces_[i];
      in_[i].msg_hdr.msg_iovlen = 1;
      out_[i].msg_hdr = in_[i].msg_hdr;
      out_[i].msg_hdr.msg_iov = &out_pieces_[i];
    }
  }

  /// False once the socket fails.
  bool answer_one_batch(int flags) {
    const auto width = static_cast<unsigned>(options_.width);
    const int count = recvmmsg(socket_.get(), in_.data(), width, flags, nullptr);
    was_full_ = count == static_cast<int>(width);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) turn_round(i);
    unsigned done = 0;
    while (done < static_cast<unsigned>(count)) {
      const int sent = sendmmsg(socket_.get(), out_.data() + done,
                                static_cast<unsigned>(count) - done, MSG_DONTWAIT);
      done += sent > 0 ? static_cast<unsigned>(sent) : 1;  // What cannot be sent is lost.
    }
    return true;
  }

  void run() {
    if (!options_.epoll) {
      while (answer_one_batch(MSG_WAITFORONE)) {
      }
      return;
    }
    const io::Fd epoll(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{.events = EPOLLIN, .data = {.fd = socket_.get()}};
    epoll_ctl(epoll.get(), EPOLL_CTL_ADD, socket_.get(), &event);
    for (;;) {
      epoll_wait(epoll.get(), &event, 1, -1);
      while (answer_one_batch(MSG_DONTWAIT) && was_full_) {
      }
    }
  }

 private:
  std::byte* buffer(std::size_t index) { return buffers_.data() + index * packet_stride; }

  void turn_round(std::size_t i) {
    const std::size_t size = in_[i].msg_len;
    const std::size_t reply = options_.reply_bytes == 0 ? size : options_.reply_bytes;
    if (reply > size) std::memset(buffer(i) + size, 0, reply - size);
    buffer(i)[2] |= std::byte{0x80};
    out_pieces_[i] = {.iov_base = buffer(i), .iov_len = reply};
    out_[i].msg_hdr.msg_namelen = in_[i].msg_hdr.msg_namelen;
    in_[i].msg_hdr.msg_namelen = sizeof peers_[i];
  }

  bool was_full_ = false;
  io::Fd socket_;
  Options options_;
  std::array<sockaddr_storage, width_max> peers_{};
  std::array<mmsghdr, width_max> in_{};
  std::array<mmsghdr, width_max> out_{};
  std::array<iovec, width_max> in_pieces_{};
  std::array<iovec, width_max> out_pieces_{};
  std::vector<std::byte> buffers_ = std::vector<std::byte>(width_max * packet_stride);
};

int run(const Options& options) {
  const Result<Endpoint> endpoint = parse_endpoint(options.listen);
  Result<io::Fd> socket = endpoint ? io::bind_udp(*endpoint, false) : fail("no such address");
  if (!socket) {
    fmt::print(stderr, "hither-bench-echo: {}: {}\n", options.listen, socket.error().message);
    return 2;
  }
  if (!options.epoll) fcntl(socket->get(), F_SETFL, 0);  // bind_udp() made it non-blocking.
  Echo(std::move(*socket), options).run();
  return 0;
}

}  // namespace
}  // namespace hither::tools

int main(int argc, char** argv) {
  CLI::App app{"sends back what it receives; the floor that tools/bench measures against",
               "hither-bench-echo"};
  hither::tools::Options options;
  app.add_option("--listen", options.listen, "address and port")->capture_default_str();
  app.add_option("--reply-bytes", options.reply_bytes, "octets per reply; 0: as many as came")
      ->check(CLI::Range(0, 4096));
  app.add_option("--width", options.width, "packets per batch")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag("--epoll", options.epoll, "wait in epoll instead of in recvmmsg");
  CLI11_PARSE(app, argc, argv);
  return hither::tools::run(options);
}
