// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/time.h"

namespace hither::io {

/// One thread's event loop: descriptors that become ready, timers, signals, and work posted by
/// other threads. Callbacks run on the thread that called run(), one at a time.
///
/// Underneath is one epoll, level-triggered: a descriptor stays registered for as long as anything
/// is wanted of it, so that an event costs no system call of its own. What is wanted may change any
/// number of times in a callback; the kernel is told once, before the next wait, and only if it
/// came to a difference. One wait brings up to `events_per_wait` events; a callback is not called
/// for what an earlier one of the same wait has taken back or destroyed.
///
/// Thread rule: post() and stop() may be called from any thread; everything else, and the life of
/// Timer, FdWatch and SignalWatch, belongs to the loop's own thread (or to the time before run()).
class Loop {
 public:
  /// So many descriptors get their turn before timers and posted work get theirs.
  static constexpr int events_per_wait = 128;

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs callbacks until stop(); also ends when nothing is left to wait for.
  void run();
  /// Makes run() return after the callback that is running; run() does nothing from then on. Any
  /// thread.
  void stop();
  /// Runs `work` on the loop's thread, soon, after what is running now, in the order of the calls.
  /// Any thread; a system call only if no other post from outside waits to be noticed.
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
  friend class Loop;
  struct State;
  std::unique_ptr<State> state_;
};

/// Watches one descriptor that epoll takes (not a plain file) for readiness; does not own it. One
/// watch per descriptor; destroy it before the descriptor is closed. Nothing is wanted at first;
/// what is wanted stays wanted until it is taken back. Errors and hang-ups count as readable (and
/// writable): the next read or write says which. Where neither is wanted, `on_trouble` hears of
/// them if that is, once for each and not for as long as they last. May be destroyed inside its own
/// callbacks.
class FdWatch {
 public:
  FdWatch(Loop& loop, int fd, std::function<void()> on_readable,
          std::function<void()> on_writable = {}, std::function<void()> on_trouble = {});
  ~FdWatch();
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

  void want_read(bool wanted);
  void want_write(bool wanted);
  /// Costs nothing while reading or writing is wanted as well.
  void want_trouble(bool wanted);
  /// Did the last wait bring something of this descriptor that was not called back for yet? For who
  /// would use it out of its turn.
  bool has_event() const;
  /// Tells the kernel at once, so that another thread may take_from(). False if it has no memory
  /// for that now.
  bool settle();

  // How a descriptor passes from one loop to that of another thread while it is open:
  /// Ends the watching in `loop`, of any other thread, of a descriptor whose watch has settled. The
  /// watch may be calling back just now, or do so once more for what it heard before; it must not
  /// change its wishes, and is destroyed only after this, when it was told to disown().
  static void take_from(Loop& loop, int fd);
  /// Somebody took the descriptor from here and may have closed it: not another system call.
  void disown();

 private:
  friend class Loop;
  struct State;
  std::unique_ptr<State> state_;
};

/// Calls back with the number of each of these signals that arrives. One per process and signal.
/// What the signal did before is restored in the end. Threads may have been started before: nothing
/// is blocked, a handler writes the number into a pipe that the loop reads. May be destroyed inside
/// its own callback.
class SignalWatch {
 public:
  SignalWatch(Loop& loop, const std::vector<int>& signals, std::function<void(int)> on_signal);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hither::io
