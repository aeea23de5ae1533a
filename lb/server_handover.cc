// SPDX-License-Identifier: Apache-2.0
#include "lb/server_handover.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "io/clock.h"
#include "io/fd_passing.h"
#include "io/log_sink.h"

namespace hither::lb {
namespace {

using Step = HandoverMessage::Step;
using Use = HandoverMessage::Use;

constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t sockets_max = 65'536;

bool is_ours(int fd) { return io::peer_user(fd) == std::optional<unsigned>(geteuid()); }

/// Messages to a predecessor are short: its buffer always has room for them.
bool send_whole(int fd, const HandoverMessage& message) {
  const std::string frame = to_frame(message);
  return io::write_some(fd, as_bytes(frame)).size == frame.size();
}

}  // namespace

// ---- The successor's side

Predecessor::Predecessor(io::Loop& loop)
    : loop_(loop),
      limit_(loop, [this] { act(steps_.on_failure(), "the predecessor does not answer"); }) {}

Predecessor::~Predecessor() = default;

std::unique_ptr<Predecessor> Predecessor::find(io::Loop& loop, const std::string& place,
                                               const std::string& room) {
  Result<io::Fd> fd = io::connect_local(place);
  if (!fd) return nullptr;  // Nobody is there: the usual start.
  const auto refuse = [&place](std::string_view why) {
    io::write_log(log_warning("no-handover").with("place", place).with("reason", why));
    return nullptr;
  };
  if (!is_ours(fd->get())) return refuse("another user listens there");
  std::unique_ptr<Predecessor> found(new Predecessor(loop));
  found->fd_ = std::move(*fd);
  if (const Result<void> asked = found->ask(room); !asked) return refuse(asked.error().message);
  return found;
}

/// Reads the offer and all sockets.
Result<void> Predecessor::ask(const std::string& room) {
  if (!send_whole(fd_.get(), {.step = Step::hello, .room = room})) return fail("it is gone");
  const Instant until = io::monotonic_now() + handover_answer_max;
  std::optional<std::size_t> wanted;
  std::vector<HandoverMessage::Socket> named;
  std::vector<io::Fd> fds;
  Bytes buffer(read_bytes);
  while (!wanted || named.size() < *wanted) {
    if (std::optional<HandoverMessage> message = stream_.next()) {
      if (message->step == Step::off) return fail(message->reason);
      if (message->step == Step::offer && !wanted) {
        const auto memory = parse_room_memory(message->memory);
        if (!memory || message->sockets > sockets_max) return fail("its offer makes no sense");
        memory_ = *memory;
        wanted = message->sockets;
      } else if (message->step == Step::sockets && wanted) {
        named.insert(named.end(), message->passed.begin(), message->passed.end());
      } else {
        return fail("what it says is no offer");
      }
      continue;
    }
    if (stream_.broken()) return fail("it talks nonsense");
    const Duration left = until - io::monotonic_now();
    pollfd event{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    if (left <= Duration::zero()) return fail("it does not answer");
    if (poll(&event, 1, static_cast<int>(left / std::chrono::milliseconds(1)) + 1) < 0) {
      if (errno == EINTR) continue;  // A signal says nothing about it; there is time left.
      return fail("it does not answer");
    }
    const io::IoResult got = io::receive_with_fds(fd_.get(), buffer, fds);
    if (got.kind == io::IoResult::Kind::would_block) continue;
    if (got.kind != io::IoResult::Kind::ok) return fail("it ended");
    stream_.take(ByteView(buffer).first(got.size));
  }
  if (named.size() != fds.size()) return fail("sockets and their names do not agree");
  for (std::size_t i = 0; i < named.size(); ++i) {
    const bool bound = named[i].use == Use::handover ||
                       io::local_endpoint(fds[i].get()).value_or(Endpoint{}) == named[i].endpoint;
    if (!bound) return fail("a socket is not where it is said to be");
    sockets_.push_back({.what = named[i], .fd = std::move(fds[i])});
  }
  return {};
}

std::vector<io::Fd> Predecessor::take_sockets(Use use, const Endpoint& endpoint) {
  std::vector<io::Fd> taken;
  for (HandedSocket& socket : sockets_) {
    const bool wanted = socket.what.use == use && socket.what.endpoint == endpoint;
    if (wanted && socket.fd) taken.push_back(std::move(socket.fd));
  }
  return taken;
}

void Predecessor::follow(Wishes wishes) {
  wishes_ = std::move(wishes);
  watch_ = std::make_unique<io::FdWatch>(loop_, fd_.get(), [this] { on_readable(); });
  watch_->want_read(true);
}

void Predecessor::say_ready(std::vector<Endpoint> taken) {
  taken_ = std::move(taken);
  limit_.set(io::monotonic_now() + handover_answer_max);
  act(steps_.on_ready(), "");
}

bool Predecessor::say_go() {
  if (send_whole(fd_.get(), {.step = Step::go})) return true;
  std::array<std::byte, 4096> buffer;
  const io::IoResult got = io::read_some(fd_.get(), buffer);
  if (got.kind == io::IoResult::Kind::ok) stream_.take(ByteView(buffer).first(got.size));
  const auto message = stream_.next();
  return !message || message->step != Step::off;  // Without a word it is dead.
}

void Predecessor::on_readable() {
  std::array<std::byte, 4096> buffer;
  const io::IoResult got = io::read_some(fd_.get(), buffer);
  if (got.kind == io::IoResult::Kind::would_block) return;
  if (got.kind != io::IoResult::Kind::ok) {
    watch_->want_read(false);
    act(steps_.on_end(), "");
    return;
  }
  stream_.take(ByteView(buffer).first(got.size));
  std::optional<HandoverMessage> message = stream_.next();
  // `off` behind `paused`: it did not wait for us.
  while (auto next = stream_.next()) message = std::move(next);
  if (message) {
    act(steps_.on_message(*message), message->step == Step::off ? message->reason : "nonsense");
  } else if (stream_.broken()) {
    act(steps_.on_failure(), "the predecessor talks nonsense");
  }
}

/// What is called may be the end of this object, so it is called as a copy.
void Predecessor::act(HandoverTaker::Does does, const std::string& why) {
  const Wishes wishes = wishes_;
  switch (does) {
    case HandoverTaker::Does::nothing:
      return;
    case HandoverTaker::Does::say_ready:
      // Where it is gone that will be heard when this socket is read.
      send_whole(fd_.get(), {.step = Step::ready, .taken = taken_});
      return;
    case HandoverTaker::Does::take_over:
      wishes.take_over();
      return;
    case HandoverTaker::Does::be_alone:
      wishes.be_alone();
      return;
    case HandoverTaker::Does::give_up:
      wishes.give_up(why);
      return;
  }
}

// ---- The side of the one that runs

struct HandoverPost::Peer {
  struct Piece {
    std::string bytes;
    std::size_t sent = 0;
    std::vector<io::Fd> fds;  ///< go with the first byte
  };

  Peer(HandoverPost& post, io::Fd socket)
      : fd(std::move(socket)),
        steps(post.room_),
        watch(
            post.loop_, fd.get(), [&post] { post.on_readable(); }, [&post] { post.flush(); }),
        limit(post.loop_, [&post] { post.on_limit(); }) {
    watch.want_read(true);
    limit.set(io::monotonic_now() + handover_max);
  }

  io::Fd fd;
  HandoverStream stream;
  HandoverGiver steps;
  std::deque<Piece> out;
  io::FdWatch watch;
  io::Timer limit;
};

HandoverPost::HandoverPost(io::Loop& loop, io::Fd listener, std::string place, std::string room,
                           Wishes wishes)
    : loop_(loop),
      listener_(std::move(listener)),
      place_(std::move(place)),
      room_(std::move(room)),
      wishes_(std::move(wishes)),
      pause_(loop, [this] {
        if (watch_) watch_->want_read(true);
      }) {}

HandoverPost::~HandoverPost() = default;

void HandoverPost::open() {
  if (!listener_) return;  // It was closed first.
  watch_ = std::make_unique<io::FdWatch>(loop_, listener_.get(), [this] { accept_one(); });
  watch_->want_read(true);
}

io::Fd HandoverPost::lend() const { return io::duplicate(listener_.get()); }

void HandoverPost::close() {
  if (peer_ == nullptr && listener_) io::remove_local(place_);
  peer_.reset();
  watch_.reset();
  listener_.close();
}

void HandoverPost::accept_one() {
  io::Accepted accepted = io::accept_one(listener_.get());
  if (!accepted.fd) {
    if (accepted.kind == io::IoResult::Kind::would_block) return;
    watch_->want_read(false);
    pause_.set(io::monotonic_now() + io::exhausted_pause);
    return;
  }
  if (!is_ours(accepted.fd.get())) return;  // Closed: it has no business here.
  if (peer_ != nullptr) {
    send_whole(accepted.fd.get(), {.step = Step::off, .reason = "another is taking over already"});
    return;
  }
  peer_ = std::make_unique<Peer>(*this, std::move(accepted.fd));
}

void HandoverPost::on_readable() {
  std::array<std::byte, 4096> buffer;
  const io::IoResult got = io::read_some(peer_->fd.get(), buffer);
  if (got.kind == io::IoResult::Kind::would_block) return;
  if (got.kind != io::IoResult::Kind::ok) {
    act(peer_->steps.on_failure());
    return;
  }
  peer_->stream.take(ByteView(buffer).first(got.size));
  while (peer_ != nullptr) {
    const auto message = peer_->stream.next();
    if (message) {
      act(peer_->steps.on_message(*message));
      continue;
    }
    if (peer_->stream.broken()) act(peer_->steps.on_failure());
    return;
  }
}

/// A `go` that is here counts, and none comes from here on.
void HandoverPost::on_limit() {
  io::shutdown_read(peer_->fd.get());
  on_readable();
  if (peer_ != nullptr) act(peer_->steps.on_failure());
}

void HandoverPost::act(HandoverGiver::Does does) {
  switch (does) {
    case HandoverGiver::Does::nothing:
      return;
    case HandoverGiver::Does::offer:
      wishes_.offer();
      return;
    case HandoverGiver::Does::pause:
      peer_->limit.set(io::monotonic_now() + handover_answer_max);
      wishes_.pause();
      return;
    case HandoverGiver::Does::leave: {
      const std::vector<Endpoint> taken = peer_->steps.taken();
      // Its file belongs to the successor now.
      peer_.reset();
      watch_.reset();
      listener_.close();
      wishes_.leave(taken);
      return;
    }
    case HandoverGiver::Does::resume:
      wishes_.resume();
      fail();
      return;
    case HandoverGiver::Does::refuse:
      fail();
      return;
  }
}

void HandoverPost::fail() {
  const std::string why = peer_->steps.reason();
  send_whole(peer_->fd.get(), {.step = Step::off, .reason = why});
  peer_.reset();
  wishes_.failed(why);
}

void HandoverPost::give(const std::string& memory, std::vector<HandedSocket> sockets) {
  if (peer_ == nullptr) return;
  send({.step = Step::offer, .memory = memory, .sockets = sockets.size()});
  for (std::size_t first = 0; first < sockets.size(); first += io::fds_per_piece) {
    const std::size_t end = std::min(sockets.size(), first + io::fds_per_piece);
    HandoverMessage message{.step = Step::sockets};
    std::vector<io::Fd> fds;
    for (std::size_t i = first; i < end; ++i) {
      message.passed.push_back(sockets[i].what);
      fds.push_back(std::move(sockets[i].fd));
    }
    send(message, std::move(fds));
  }
}

void HandoverPost::say_paused() {
  if (peer_ != nullptr) send({.step = Step::paused});
}

void HandoverPost::send(const HandoverMessage& message, std::vector<io::Fd> fds) {
  if (peer_ == nullptr) return;
  peer_->out.push_back({.bytes = to_frame(message), .sent = 0, .fds = std::move(fds)});
  flush();
}

void HandoverPost::flush() {
  while (!peer_->out.empty()) {
    Peer::Piece& piece = peer_->out.front();
    std::vector<int> numbers;
    if (piece.sent == 0) {
      for (const io::Fd& fd : piece.fds) numbers.push_back(fd.get());
    }
    const ByteView left = as_bytes(std::string_view(piece.bytes).substr(piece.sent));
    const io::IoResult result = io::send_with_fds(peer_->fd.get(), left, numbers);
    if (result.kind != io::IoResult::Kind::ok) break;  // One that is gone is heard of by reading.
    piece.sent += result.size;
    if (piece.sent == piece.bytes.size()) peer_->out.pop_front();
  }
  peer_->watch.want_write(!peer_->out.empty());
}

}  // namespace hither::lb
