// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>

#include "base/time.h"

namespace hither::io {

/// One thread's event loop: descriptors that become ready, timers, signals, and work posted by
/// other threads. Asio is underneath and nowhere else to be seen, so that what waits for readiness
/// can be replaced without touching a server. Callbacks run on the thread that called run(), one at
/// a time.
///
/// Thread rule: post() and stop() may be called from any thread; everything else, and the life of
/// Timer, FdWatch and SignalWatch, belongs to the loop's own thread (or to the time before run()).
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs callbacks until stop(); also ends when nothing is left to wait for.
  void run();
  /// Makes run() return after the callback that is running. Any thread.
  void stop();
  /// Runs `work` on the loop's thread, soon, after what is running now. Any thread.
  void post(std::function<void()> work);

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Calls back once, at or after an instant. Moving the instant later costs nothing (the armed timer
/// is kept and checked when it fires), so a connection may push its deadline forward on every byte.
/// May be destroyed inside its own callback.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> on_time);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Replaces any earlier instant; `never` cancels.
  void set(Instant when);
  void cancel() { set(never); }

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Watches one descriptor for readiness; does not own it. Destroy the watch before the descriptor
/// is closed. Nothing is wanted at first; what is wanted stays wanted until it is taken back.
/// Errors and hang-ups count as readable (and writable): the next read or write says which. May be
/// destroyed inside its own callbacks.
class FdWatch {
 public:
  FdWatch(Loop& loop, int fd, std::function<void()> on_readable,
          std::function<void()> on_writable = {});
  ~FdWatch();
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

  void want_read(bool wanted);
  void want_write(bool wanted);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Calls back with the number of each of these signals that arrives. One per process and signal.
class SignalWatch {
 public:
  SignalWatch(Loop& loop, std::initializer_list<int> signals, std::function<void(int)> on_signal);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace hither::io
