// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lb/access_record.h"
#include "lb/picker.h"

namespace hither::lb {

/// Servers tried for one request before we give up.
constexpr std::size_t tries_max = 3;

/// The servers one request (or TCP connection) has been offered to: the present one as a lease, and
/// those that did not take the connection, which are not offered it again. A plain value with one
/// owner.
class Attempts {
 public:
  /// What the request is called, for who asks later how it came to its server.
  void name(std::string_view request_id) { request_.set(request_id); }
  /// Picks a server for the first time; false if none is usable.
  bool begin(Picker& picker, const Affinity& affinity, Instant now);
  /// The present one did not take the connection: picks another; false if there is none, enough
  /// were tried, or the farm's retry budget is spent.
  bool next(Picker& picker, std::string_view why, Instant now);
  /// Takes server `index` again, whatever its state, for a connection to it is still there.
  void resume(Picker& picker, std::uint32_t index, const Affinity& affinity, Instant now);
  /// Gives the present server back.
  void end() { lease_.release(); }

  Lease& lease() { return lease_; }
  const Lease& lease() const { return lease_; }
  /// The field that makes the client come back to this server; empty if it will anyway.
  std::string_view set_cookie() const;
  /// Why begin() or next() said false, for people.
  std::string why_none(const Farm& farm) const;

 private:
  void reset(const Affinity& affinity);

  std::array<std::uint32_t, tries_max> tried_{};
  std::size_t count_ = 0;
  Affinity affinity_;
  ShortText<64> request_;
  std::string last_failure_;  ///< empty unless a connect failed
  Lease lease_;
};

}  // namespace hither::lb
