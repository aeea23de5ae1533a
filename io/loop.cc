// SPDX-License-Identifier: Apache-2.0
#include "io/loop.h"

#include <asio/basic_waitable_timer.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <utility>

#include "io/clock.h"

namespace hither::io {
namespace {

/// Our clock with a now(), so that Asio's timers speak in our instants.
struct LoopClock : Clock {
  static time_point now() { return monotonic_now(); }
};
using AsioTimer = asio::basic_waitable_timer<LoopClock>;

}  // namespace

struct Loop::Impl {
  asio::io_context context{1};
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;

void Loop::run() { impl_->context.run(); }
void Loop::stop() { impl_->context.stop(); }
void Loop::post(std::function<void()> work) { asio::post(impl_->context, std::move(work)); }

struct Timer::State {
  State(Loop& loop, std::function<void()> callback)
      : timer(loop.impl().context), on_time(std::move(callback)) {}

  AsioTimer timer;
  std::function<void()> on_time;
  Instant wanted = never;
  Instant armed = never;  // when Asio will call us
  bool gone = false;

  static void arm(const std::shared_ptr<State>& state) {
    state->armed = state->wanted;
    state->timer.expires_at(state->wanted);  // cancels what was armed; its handler sees `error`
    state->timer.async_wait([state](const asio::error_code& error) {
      if (error || state->gone) return;
      state->armed = never;
      if (state->wanted == never) return;
      if (state->wanted > monotonic_now()) {
        arm(state);
        return;
      }
      state->wanted = never;
      state->on_time();
    });
  }
};

Timer::Timer(Loop& loop, std::function<void()> on_time)
    : state_(std::make_shared<State>(loop, std::move(on_time))) {}

Timer::~Timer() {
  state_->gone = true;
  state_->timer.cancel();
}

void Timer::set(Instant when) {
  state_->wanted = when;
  if (when < state_->armed) State::arm(state_);
}

struct FdWatch::State {
  State(Loop& loop, int fd, std::function<void()> readable, std::function<void()> writable)
      : descriptor(loop.impl().context, fd),
        on_readable(std::move(readable)),
        on_writable(std::move(writable)) {}

  asio::posix::stream_descriptor descriptor;
  std::function<void()> on_readable;
  std::function<void()> on_writable;
  bool want_read = false;
  bool want_write = false;
  bool reading = false;  // a wait is under way
  bool writing = false;
  bool gone = false;

  static void wait_read(const std::shared_ptr<State>& state) {
    if (state->reading || !state->want_read || state->gone) return;
    state->reading = true;
    state->descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                                 [state](const asio::error_code& error) {
                                   state->reading = false;
                                   if (error || state->gone || !state->want_read) return;
                                   state->on_readable();
                                   wait_read(state);
                                 });
  }
  static void wait_write(const std::shared_ptr<State>& state) {
    if (state->writing || !state->want_write || state->gone) return;
    state->writing = true;
    state->descriptor.async_wait(asio::posix::descriptor_base::wait_write,
                                 [state](const asio::error_code& error) {
                                   state->writing = false;
                                   if (error || state->gone || !state->want_write) return;
                                   state->on_writable();
                                   wait_write(state);
                                 });
  }
};

FdWatch::FdWatch(Loop& loop, int fd, std::function<void()> on_readable,
                 std::function<void()> on_writable)
    : state_(std::make_shared<State>(loop, fd, std::move(on_readable), std::move(on_writable))) {}

FdWatch::~FdWatch() {
  state_->gone = true;
  state_->descriptor.release();  // cancels the waits; the descriptor is not ours to close
}

void FdWatch::want_read(bool wanted) {
  state_->want_read = wanted;
  State::wait_read(state_);
}

void FdWatch::want_write(bool wanted) {
  state_->want_write = wanted;
  State::wait_write(state_);
}

struct SignalWatch::State {
  State(Loop& loop, std::function<void(int)> callback)
      : signals(loop.impl().context), on_signal(std::move(callback)) {}

  asio::signal_set signals;
  std::function<void(int)> on_signal;
  bool gone = false;

  static void wait(const std::shared_ptr<State>& state) {
    state->signals.async_wait([state](const asio::error_code& error, int number) {
      if (error || state->gone) return;
      state->on_signal(number);
      if (!state->gone) wait(state);
    });
  }
};

SignalWatch::SignalWatch(Loop& loop, std::initializer_list<int> signals,
                         std::function<void(int)> on_signal)
    : state_(std::make_shared<State>(loop, std::move(on_signal))) {
  for (const int number : signals) {
    asio::error_code ignored;  // only an invalid number fails
    state_->signals.add(number, ignored);
  }
  State::wait(state_);
}

SignalWatch::~SignalWatch() {
  state_->gone = true;
  asio::error_code ignored;
  state_->signals.cancel(ignored);
}

}  // namespace hither::io
