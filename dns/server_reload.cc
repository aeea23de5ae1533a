// SPDX-License-Identifier: Apache-2.0
#include "dns/server_reload.h"

#include <utility>

#include "io/clock.h"

namespace hither::dns {

Reloader::Reloader(io::Loop& loop, Start start, const SetupReading& first, OnRead on_read)
    : loop_(loop),
      start_(std::move(start)),
      on_read_(std::move(on_read)),
      files_(first.files),
      changes_(first.stamps) {}

void Reloader::look() {
  if (busy_) return;
  std::vector<std::optional<io::FileStamp>> stamps;
  for (const std::string& file : files_) stamps.push_back(io::stamp_of(file));
  if (changes_.look(stamps)) read();
}

void Reloader::read() {
  if (std::exchange(busy_, true)) {
    again_ = true;
    return;
  }
  worker_ = std::jthread([this] {
    const Instant begin = io::monotonic_now();
    auto reading = std::make_shared<SetupReading>(set_up(start_));
    const Duration took = io::monotonic_now() - begin;
    loop_.post([this, reading, took] { on_done(std::move(*reading), took); });
  });
}

void Reloader::on_done(SetupReading reading, Duration took) {
  worker_.join();
  busy_ = false;
  files_ = reading.files;
  changes_ = ChangeWatch<io::FileStamp>(reading.stamps);
  on_read_(std::move(reading), took);
  if (std::exchange(again_, false)) read();
}

}  // namespace hither::dns
