// SPDX-License-Identifier: Apache-2.0
#include "lb/server_access_log.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "io/clock.h"
#include "io/log_sink.h"
#include "io/patient_writer.h"
#include "lb/access_log.h"

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

/// Some 1.3 MB for each thread and farm that logs: at 50,000 requests a second, 40 ms of them.
constexpr std::size_t records_max = 2048;
constexpr Duration look_interval = 10ms;
constexpr Duration loss_interval = 10s;
constexpr int patience_ms = 100;  ///< between looks if we are to stop, while nobody reads the log
/// Writes of that size are not torn by other writers of a pipe (pipe(7)).
constexpr std::size_t write_max = PIPE_BUF;

}  // namespace

struct AccessWriter::FarmRing final : AccessSink {
  FarmRing(Farm& f, unsigned number)
      : farm(f), thread(number), format(f.settings().access_log), records(records_max) {}
  /// The writer's thread learns the format from here: it may not keep the farm's settings alive.
  void note(const AccessRecord& record) override {
    const topology::AccessLog wanted = farm.settings().access_log;
    if (wanted == topology::AccessLog::off) return;
    format.store(wanted, std::memory_order_relaxed);
    if (!records.push(record)) farm.totals(thread).unlogged.add();
  }

  Farm& farm;
  unsigned thread;
  std::atomic<topology::AccessLog> format;
  Ring<AccessRecord> records;
};

AccessWriter::AccessWriter(int fd)
    : own_(io::open_once_more(fd)), fd_(own_ ? own_.get() : fd), timer_(loop_, [this] {
        write_all();
        timer_.set(io::monotonic_now() + look_interval);
      }) {}

AccessWriter::~AccessWriter() { stop(); }

AccessSink* AccessWriter::add(Farm& farm, unsigned thread) {
  auto ring = std::make_shared<FarmRing>(farm, thread);
  AccessSink* sink = ring.get();
  loop_.post([this, ring = std::move(ring)] {
    if (std::ranges::find(farms_, &ring->farm) == farms_.end()) farms_.push_back(&ring->farm);
    rings_.push_back(ring);
  });
  wanted_ = true;
  ensure_thread();
  return sink;
}

void AccessWriter::start() {
  started_ = true;
  ensure_thread();
}

void AccessWriter::ensure_thread() {
  if (!wanted_ || !started_ || thread_.joinable()) return;
  timer_.set(io::monotonic_now());
  thread_ = std::thread([this] { loop_.run(); });
}

void AccessWriter::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  loop_.post([this] {
    write_all();
    loop_.stop();
  });
  thread_.join();
  own_.close();  // Its reader may wait for the end.
}

void AccessWriter::write_all() {
  std::string text;
  for (const std::shared_ptr<FarmRing>& ring : rings_) {
    for (std::size_t i = 0; i < records_max; ++i) {
      const auto record = ring->records.pop();
      if (!record) break;
      const std::string line = to_line(*record, ring->farm.name(), io::wall_clock_text(record->end),
                                       ring->format.load(std::memory_order_relaxed));
      if (text.size() + line.size() > write_max && !write_some(text)) return;
      text += line;
    }
  }
  write_some(text);
  say_drops();
}

/// All of it; false if that cannot be.
bool AccessWriter::write_some(std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    pollfd wanted{.fd = fd_, .events = POLLOUT, .revents = 0};
    const int ready = poll(&wanted, 1, patience_ms);
    if (ready == 0 && stopping_) return false;
    if (ready <= 0) continue;
    const ssize_t size = write(fd_, text.data() + done, std::min(text.size() - done, write_max));
    if (size < 0 && errno != EINTR && errno != EAGAIN) break;  // Nobody to tell.
    if (size > 0) done += static_cast<std::size_t>(size);
  }
  text.clear();
  return true;
}

void AccessWriter::say_drops() {
  std::uint64_t drops = 0;
  for (const Farm* farm : farms_) {
    drops += farm->sum([](const FarmTotals& t) -> const Counter& { return t.unlogged; });
  }
  const Instant now = io::monotonic_now();
  if (drops == drops_said_) return;
  if (!stopping_ && now - drops_said_at_ < loss_interval) return;
  io::write_log(log_warning("access-log-dropped")
                    .with("lines", drops - drops_said_)
                    .with("cure", "read the log faster, or log to a file"));
  drops_said_ = drops;
  drops_said_at_ = now;
}

}  // namespace hither::lb
