// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/guard.h"
#include "base/health.h"
#include "base/rng.h"
#include "base/time.h"
#include "lb/copy_plan.h"
#include "topology/description.h"

namespace hither::lb {

/// What a probe came to.
struct ProbeResult {
  bool passed = false;
  /// Of one that did not pass: nothing was heard of the copy, within its time or at all. Everything
  /// else is the copy's own word: a refusal, a reset, a wrong answer.
  bool silent = false;
  /// It was never asked, for want of a descriptor or of memory here: that says nothing of it.
  bool ours = false;
  std::string reason;  ///< why not: "Connection refused", "status 503", "timed out"
};

/// What came back over HTTP. status 0: no response, and `error` says why.
struct HttpProbeReply {
  int status = 0;
  std::string_view body;  ///< as much of it as was read
  std::string_view error;
  bool silent = false;  ///< with an error
  bool ours = false;    ///< likewise
};
/// How much of a body is read for a probe: farm.*.health.body must be in there.
constexpr std::size_t probe_body_bytes = 64 * 1024;
/// Passes on any of the rule's statuses, with the rule's text in the body.
ProbeResult judge_http(const topology::HealthRule& rule, const HttpProbeReply& reply);

/// Says which server of one farm to probe when, and what that means for it. At most one probe of a
/// server is under way. Pure; one owner.
///
/// **When.** All are probed at once at the start; their second probes are spread over the interval.
/// From then on every wait that is not part of a change is shortened by chance, by up to
/// `spread_percent`: so servers, and balancers, that once were probed in the same instant drift
/// apart, and none is asked in step with another for ever. As waits are only shortened, what
/// base/health.h promises of detection holds. While results disagree with the state the fast
/// interval holds, exactly. What is down for good is asked every `down_interval` where the rule has
/// one; so is what has never been up, once it has failed `fall` times.
///
/// **What it means.** base/health.h, one for each server. When most servers fail by silence at once
/// the guard (base/guard.h) takes them for up all the same.
///
/// **Doubting ourselves.** A probe that found silence proves nothing if our own loop was late by
/// more than half of the timeout while it was under way: the answer may have had no time, or nobody
/// to read it. Such a result is not counted and the probe is repeated at once, but at most
/// `repeats_max` times in a row, so that a balancer that is always late still finds out who is
/// dead. Where we lacked a descriptor or memory nobody was asked at all: that is not counted
/// either,
/// and the probe is repeated after the fast interval, for as long as it lasts.
class Prober {
 public:
  static constexpr int spread_percent = 10;
  static constexpr int repeats_max = 5;

  /// What is believed of a server. `held`: it is down by its probes, but taken for up.
  enum class Belief { down, up, held };
  struct Change {
    std::size_t server = 0;
    Belief to = Belief::down;
  };
  /// What a result or the time changed. `changes` hold a server once, in the order of the servers.
  struct News {
    std::vector<Change> changes;
    Guard::Change guard = Guard::Change::none;
  };

  /// `seed` for the spread. Every balancer should have another one.
  Prober(const HealthLimits& limits, std::size_t servers, Instant now, const GuardRule& guard = {},
         std::uint64_t seed = 1);

  /// Other rules and other servers, as Farm::change() makes them: heirs are as healthy as their
  /// predecessors, all others that come are probed at once.
  void change(const HealthLimits& limits, const GuardRule& guard, const CopyPlan& plan,
              Instant now);

  /// What another process knew of a server.
  struct Known {
    bool up = false;
    Instant since{};
    std::string failure;  ///< of its last failed probe
  };
  /// It is true from now on: the server is probed next within the interval, each at another time.
  void inherit(std::size_t server, Known known, Instant now);

  /// The servers to probe now; each must be answered by on_result(), unless it leaves before.
  std::vector<std::size_t> due(Instant now);
  /// Probes it sooner: it may have become another. Nothing if a probe is under way.
  void hurry(std::size_t server, Instant now);
  /// The loop came to something so much later than it should have.
  void was_late(Duration late);
  News on_result(std::size_t server, const ProbeResult& result, Instant now);
  /// When next() says so.
  News on_time(Instant now);
  /// When due() next has a server to say, or on_time() something to end; `never` while all probes
  /// are under way.
  Instant next() const;

  /// Has every server been probed? Before that a room does not know itself.
  bool first_round_done() const;
  /// Probes under way.
  std::size_t asking() const;

  const HealthLimits& limits() const { return limits_; }
  const Guard& guard() const { return guard_; }
  /// How often the guard has begun to hold.
  std::uint64_t holds() const { return holds_; }
  /// Results that did not count because of us: we were late, or lacked what a probe needs.
  std::uint64_t repeated() const { return repeated_; }

  const Health& health(std::size_t server) const { return probed_[server].health; }
  Belief belief(std::size_t server) const { return probed_[server].belief; }
  /// Why the last failed probe failed; empty if none did.
  const std::string& last_failure(std::size_t server) const { return probed_[server].failure; }
  std::size_t size() const { return probed_.size(); }

 private:
  struct Probed {
    Health health;
    Instant next;
    bool under_way = false;
    bool present = true;
    bool was_up = false;    ///< at any time
    bool own_word = false;  ///< the last failure was
    int failures = 0;       ///< in a row
    int repeats = 0;        ///< in a row
    Duration late{};        ///< the most we were, since its probe began
    Belief belief = Belief::down;
    std::string failure;
  };

  Probed newcomer(Instant now) const;
  bool proves_nothing(const Probed& probed, const ProbeResult& result) const;
  Instant next_of(const Probed& probed, bool agrees, Instant now);
  News settle(Instant now);

  HealthLimits limits_;
  std::vector<Probed> probed_;
  Guard guard_;
  std::vector<Guard::Seen> seen_;  ///< scratch
  Rng rng_;
  std::uint64_t holds_ = 0;
  std::uint64_t repeated_ = 0;
};

}  // namespace hither::lb
