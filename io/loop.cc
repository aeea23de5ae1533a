// SPDX-License-Identifier: Apache-2.0
#include "io/loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "io/clock.h"
#include "io/socket.h"
#include "io/timer_heap.h"

namespace hither::io {
namespace {

constexpr std::uint32_t trouble = EPOLLERR | EPOLLHUP;

/// For epoll_wait: never too early; -1 without an end.
int whole_ms(const std::optional<timespec>& wait) {
  if (!wait) return -1;
  constexpr std::int64_t most = std::int64_t{24} * 3600 * 1000;  // a timer that is early sees so
  return static_cast<int>(
      std::min(most, wait->tv_sec * 1000 + (wait->tv_nsec + 999'999) / 1'000'000));
}

}  // namespace

struct Timer::State : TimerHeap::Node {
  State(Loop::Impl& on_loop, std::function<void()> callback)
      : loop(on_loop), on_time(std::move(callback)) {}

  Loop::Impl& loop;
  std::function<void()> on_time;
  Instant wanted = never;  // not before `at`, when the heap brings it up
};

struct FdWatch::State {
  State(Loop::Impl& on_loop, int descriptor, std::function<void()> readable,
        std::function<void()> writable, std::function<void()> troubled)
      : loop(on_loop),
        fd(descriptor),
        on_readable(std::move(readable)),
        on_writable(std::move(writable)),
        on_trouble(std::move(troubled)) {}

  Loop::Impl& loop;
  int fd;
  std::function<void()> on_readable;
  std::function<void()> on_writable;
  std::function<void()> on_trouble;
  std::uint32_t wanted = 0;      // EPOLLIN, EPOLLOUT, EPOLLERR
  std::uint32_t registered = 0;  // what the kernel knows
  bool changed = false;          // stands in Impl::changed

  void want(std::uint32_t event, bool is_wanted);
  /// What the kernel should know. Trouble alone is told once, on its edge: it lasts, and nobody
  /// reads it away.
  std::uint32_t events() const { return wanted == EPOLLERR ? EPOLLERR | EPOLLET : wanted; }
};

/// A callback may destroy its own timer or watch: what is `running` is then kept in a grave until
/// it has returned. As callbacks run one at a time, one grave of each kind is enough.
struct Loop::Impl {
  Impl();

  void run();
  void run_posted();
  void tell_kernel();
  bool register_one(FdWatch::State& watch);
  void wait_for_events();
  std::optional<timespec> time_to_wait() const;
  void dispatch_events();
  void dispatch(FdWatch::State& watch, std::uint32_t what);
  void fire_timers();
  void fire(Timer::State& timer);
  void forget(FdWatch::State& watch);
  void drop_events(const FdWatch::State& watch);
  void ring();
  /// Not counting work that others may post.
  bool anything_to_wait_for() const { return waits > 0 || posted.load(); }

  Fd epoll;
  Fd bell;  // an eventfd, edge-triggered: each ring wakes once and nobody needs to read it
  std::atomic<bool> stopped = false;
  std::atomic<bool> posted = false;  // work stands in the inbox
  std::mutex mutex;
  std::vector<std::function<void()>> inbox;  // guarded by mutex
  std::vector<std::function<void()>> work;   // taken out of it
  std::size_t waits = 0;                     // descriptors and timers of which something is wanted
  std::vector<FdWatch::State*> changed;      // wanted may differ from registered
  bool exhausted = false;                    // the kernel refused some of them for want of memory
  std::array<epoll_event, events_per_wait> events{};
  std::size_t next_event = 0;
  std::size_t event_count = 0;
  TimerHeap timers;
  bool coarse = false;  // Linux before 5.11, or a filter of its time: only milliseconds
  const void* running = nullptr;
  std::unique_ptr<FdWatch::State> watch_grave;
  std::unique_ptr<Timer::State> timer_grave;
};

namespace {

thread_local const Loop::Impl* loop_of_this_thread = nullptr;

}  // namespace

Loop::Impl::Impl()
    : epoll(epoll_create1(EPOLL_CLOEXEC)), bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  ASSERT(epoll && bell);
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  const int failed = epoll_ctl(epoll.get(), EPOLL_CTL_ADD, bell.get(), &event);
  ASSERT(failed == 0);
}

Loop::Loop() : impl_(std::make_unique<Impl>()) {}

Loop::~Loop() {
  // What was posted and never ran may own timers and watches, which need the loop to go.
  while (!impl_->work.empty() || !impl_->inbox.empty()) {
    std::exchange(impl_->work, {}).clear();
    std::exchange(impl_->inbox, {}).clear();
  }
}

void Loop::run() { impl_->run(); }

void Loop::stop() {
  impl_->stopped = true;
  impl_->ring();
}

void Loop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->inbox.push_back(std::move(work));
  }
  if (!impl_->posted.exchange(true)) impl_->ring();
}

/// Ends the wait, or the next one if nobody waits. The loop's own thread looks before it waits.
void Loop::Impl::ring() {
  if (loop_of_this_thread == this) return;
  const std::uint64_t one = 1;
  const auto size = write(bell.get(), &one, sizeof one);
  ASSERT(size == sizeof one);
}

void Loop::Impl::run() {
  const auto* const outer = std::exchange(loop_of_this_thread, this);
  while (!stopped.load() && anything_to_wait_for()) {
    tell_kernel();
    wait_for_events();
    dispatch_events();
    fire_timers();
    run_posted();
  }
  loop_of_this_thread = outer;
}

void Loop::Impl::run_posted() {
  if (stopped.load() || !posted.exchange(false)) return;
  {
    const std::lock_guard lock(mutex);
    std::swap(inbox, work);
  }
  for (const std::function<void()>& one : work) {
    if (stopped.load()) return;
    one();
  }
  work.clear();
}

// ---- Descriptors

void FdWatch::State::want(std::uint32_t event, bool is_wanted) {
  const std::uint32_t before = wanted;
  wanted = is_wanted ? wanted | event : wanted & ~event;
  if (wanted == before) return;
  if (before == 0) ++loop.waits;
  if (wanted == 0) --loop.waits;
  if (changed) return;
  changed = true;
  loop.changed.push_back(this);
}

/// Makes `registered` what it should be, for all that changed since the last wait.
void Loop::Impl::tell_kernel() {
  exhausted = false;
  std::erase_if(changed, [this](FdWatch::State* watch) {
    watch->changed = !register_one(*watch);
    return !watch->changed;
  });
}

/// False if the kernel has no memory for it now.
bool Loop::Impl::register_one(FdWatch::State& watch) {
  const std::uint32_t wish = watch.events();
  if (wish == watch.registered) return true;
  const int operation = watch.registered == 0 ? EPOLL_CTL_ADD
                        : wish == 0           ? EPOLL_CTL_DEL
                                              : EPOLL_CTL_MOD;
  epoll_event event{.events = wish, .data = {.ptr = &watch}};
  if (epoll_ctl(epoll.get(), operation, watch.fd, &event) != 0) {
    ASSERT(errno == ENOMEM || errno == ENOSPC);  // Else: two watches, or closed before its watch.
    exhausted = true;
    return false;
  }
  watch.registered = wish;
  return true;
}

/// The kernel must not name it again, nor what it has named already.
void Loop::Impl::forget(FdWatch::State& watch) {
  if (watch.wanted != 0) --waits;
  if (watch.changed) std::erase(changed, &watch);
  if (watch.registered == 0) return;
  // Closing would do it too, unless a child process still holds a copy.
  epoll_event unused{};
  epoll_ctl(epoll.get(), EPOLL_CTL_DEL, watch.fd, &unused);
  drop_events(watch);
}

void Loop::Impl::drop_events(const FdWatch::State& watch) {
  for (std::size_t i = next_event; i < event_count; ++i) {
    if (events[i].data.ptr == &watch) events[i].data.ptr = nullptr;
  }
}

std::optional<timespec> Loop::Impl::time_to_wait() const {
  if (posted.load() || stopped.load()) return timespec{};
  if (timers.empty() && !exhausted) return std::nullopt;
  Duration wait = timers.empty() ? Duration::max() : timers.first()->at - monotonic_now();
  if (exhausted) wait = std::min(wait, exhausted_pause);
  wait = std::max(wait, Duration::zero());
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(wait);
  return timespec{.tv_sec = whole.count(), .tv_nsec = (wait - whole).count()};
}

void Loop::Impl::wait_for_events() {
  const std::optional<timespec> wait = time_to_wait();
  int count = -1;
  if (!coarse) {
    count =
        epoll_pwait2(epoll.get(), events.data(), events_per_wait, wait ? &*wait : nullptr, nullptr);
    coarse = count < 0 && (errno == ENOSYS || errno == EPERM);
  }
  if (coarse) count = epoll_wait(epoll.get(), events.data(), events_per_wait, whole_ms(wait));
  ASSERT(count >= 0 || errno == EINTR);
  next_event = 0;
  event_count = count > 0 ? static_cast<std::size_t>(count) : 0;
}

void Loop::Impl::dispatch_events() {
  while (next_event < event_count && !stopped.load()) {
    const epoll_event event = events[next_event++];
    auto* const watch = static_cast<FdWatch::State*>(event.data.ptr);
    if (watch != nullptr) dispatch(*watch, event.events);  // Null: the bell, or since destroyed.
  }
}

void Loop::Impl::dispatch(FdWatch::State& watch, std::uint32_t what) {
  running = &watch;
  if ((what & (EPOLLIN | trouble)) != 0 && (watch.wanted & EPOLLIN) != 0) watch.on_readable();
  if (watch_grave == nullptr && (what & (EPOLLOUT | trouble)) != 0 &&
      (watch.wanted & EPOLLOUT) != 0 && !stopped.load()) {
    watch.on_writable();
  }
  if (watch_grave == nullptr && (what & trouble) != 0 && watch.wanted == EPOLLERR &&
      !stopped.load()) {
    watch.on_trouble();
  }
  running = nullptr;
  watch_grave.reset();
}

FdWatch::FdWatch(Loop& loop, int fd, std::function<void()> on_readable,
                 std::function<void()> on_writable, std::function<void()> on_trouble)
    : state_(std::make_unique<State>(loop.impl(), fd, std::move(on_readable),
                                     std::move(on_writable), std::move(on_trouble))) {}

FdWatch::~FdWatch() {
  Loop::Impl& loop = state_->loop;
  loop.forget(*state_);
  if (loop.running == state_.get()) loop.watch_grave = std::move(state_);
}

bool FdWatch::has_event() const {
  const Loop::Impl& loop = state_->loop;
  const auto events = std::span(loop.events).first(loop.event_count).subspan(loop.next_event);
  return std::ranges::any_of(
      events, [this](const epoll_event& event) { return event.data.ptr == state_.get(); });
}

bool FdWatch::settle() {
  if (!state_->changed) return true;
  Loop::Impl& loop = state_->loop;
  if (!loop.register_one(*state_)) return false;  // Tried again before the next wait.
  state_->changed = false;
  std::erase(loop.changed, state_.get());
  return true;
}

void FdWatch::take_from(Loop& loop, int fd) {
  epoll_event unused{};
  epoll_ctl(loop.impl().epoll.get(), EPOLL_CTL_DEL, fd, &unused);
}

void FdWatch::disown() {
  ASSERT(!state_->changed);
  if (state_->wanted != 0) --state_->loop.waits;
  state_->wanted = 0;
  state_->registered = 0;
  state_->loop.drop_events(*state_);
}

void FdWatch::want_read(bool wanted) { state_->want(EPOLLIN, wanted); }
void FdWatch::want_write(bool wanted) { state_->want(EPOLLOUT, wanted); }
void FdWatch::want_trouble(bool wanted) { state_->want(EPOLLERR, wanted); }

// ---- Timers

/// A timer that a callback sets to an instant that is past waits for the next turn.
void Loop::Impl::fire_timers() {
  if (timers.empty()) return;
  const Instant now = monotonic_now();
  for (std::size_t left = timers.size(); left > 0 && !timers.empty(); --left) {
    if (timers.first()->at > now || stopped.load()) return;
    auto& timer = static_cast<Timer::State&>(*timers.first());
    if (timer.wanted > now && timer.wanted != never) {
      timers.set(timer, timer.wanted);
      continue;
    }
    timers.remove(timer);
    timer.at = never;
    if (timer.wanted != never) fire(timer);
  }
}

void Loop::Impl::fire(Timer::State& timer) {
  timer.wanted = never;
  --waits;
  running = &timer;
  timer.on_time();
  running = nullptr;
  timer_grave.reset();
}

Timer::Timer(Loop& loop, std::function<void()> on_time)
    : state_(std::make_unique<State>(loop.impl(), std::move(on_time))) {}

Timer::~Timer() {
  Loop::Impl& loop = state_->loop;
  if (state_->wanted != never) --loop.waits;
  loop.timers.remove(*state_);
  if (loop.running == state_.get()) loop.timer_grave = std::move(state_);
}

void Timer::set(Instant when) {
  Loop::Impl& loop = state_->loop;
  if (state_->wanted == never && when != never) ++loop.waits;
  if (state_->wanted != never && when == never) --loop.waits;
  state_->wanted = when;
  if (when < state_->at) loop.timers.set(*state_, when);
}

// ---- Signals

namespace {

/// By signal: the writing end of the pipe of whoever watches it.
struct PipeEnd {
  std::atomic<int> fd = -1;
};
constinit std::array<PipeEnd, NSIG> signal_pipes;

/// In a signal handler only a write is safe.
void pass_on(int number) {
  const int error = errno;
  const int pipe = signal_pipes[static_cast<std::size_t>(number)].fd.load();
  const auto octet = static_cast<unsigned char>(number);
  // A pipe that is full holds signals enough.
  if (pipe >= 0) [[maybe_unused]]
    const auto size = write(pipe, &octet, 1);
  errno = error;
}

std::array<Fd, 2> make_pipe() {
  std::array<int, 2> ends{};
  const int failed = pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK);
  ASSERT(failed == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

struct SignalWatch::State {
  State(Loop& loop, std::function<void(int)> on_signal)
      : watch(loop, pipe[0].get(), [fd = pipe[0].get(), callback = std::move(on_signal)] {
          unsigned char number = 0;
          if (read(fd, &number, 1) == 1) callback(number);  // It may destroy us: one at a turn.
        }) {
    watch.want_read(true);
  }

  std::array<Fd, 2> pipe = make_pipe();
  FdWatch watch;
  std::vector<std::pair<int, struct sigaction>> before;
};

SignalWatch::SignalWatch(Loop& loop, const std::vector<int>& signals,
                         std::function<void(int)> on_signal)
    : state_(std::make_unique<State>(loop, std::move(on_signal))) {
  for (const int number : signals) {
    const int earlier =
        signal_pipes[static_cast<std::size_t>(number)].fd.exchange(state_->pipe[1].get());
    ASSERT(earlier == -1);
    struct sigaction action {};
    action.sa_handler = pass_on;
    action.sa_flags = SA_RESTART;
    struct sigaction old {};
    const int failed = sigaction(number, &action, &old);
    ASSERT(failed == 0);
    state_->before.emplace_back(number, old);
  }
}

SignalWatch::~SignalWatch() {
  for (const auto& [number, old] : state_->before) {
    sigaction(number, &old, nullptr);
    signal_pipes[static_cast<std::size_t>(number)].fd = -1;
  }
}

}  // namespace hither::io
