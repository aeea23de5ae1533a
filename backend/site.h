// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "backend/fault.h"
#include "backend/model.h"
#include "backend/settings.h"
#include "base/http_date.h"
#include "base/http_head.h"
#include "base/metrics.h"
#include "base/time.h"

namespace hither::backend {

/// What is asked: one request, whole.
struct Question {
  std::string_view method;
  std::string_view path;  ///< with the query
  std::string_view body;  ///< of a POST to /fault; other bodies are counted and dropped
};

/// What is answered, and when.
struct Answer {
  int status = 200;
  Instant at;  ///< not before this
  std::string body;
  bool padded = false;  ///< the extra bytes go behind the body
  std::string_view content_type = "application/json";
  std::string_view extra_fields = {};
};

/// Everything the connections of one server share: who it is, its model, its faults, its counters,
/// and what each path answers:
///   /health           200, or 503 while sick, all requests fail, or it is stopping
///   /status, /metrics JSON, and Prometheus text
///   /fault            GET shows the faults, POST changes them (docs/backend.md)
///   anything else     the application: served as the model says
/// Pure: no socket, no clock. One owner at a time; a driver with several threads locks around it.
class Site {
 public:
  /// How metrics become text: io's printer in the live server, nothing in tests.
  using MetricsText = std::function<std::string(const Metrics&)>;

  Site(Identity identity, const Behaviour& behaviour, MetricsText metrics_text = {});

  /// Decides about one request that has come in whole.
  Answer on_request(const Question& question, Instant now);
  /// The answer as HTTP, appended to `out`; `connection` is a whole Connection line or empty.
  void write(const Answer& answer, bool head_only, std::string_view connection, Bytes& out);
  /// What answers are dated by; none are before.
  HttpDate& date() { return date_; }

  /// Counters that only connections know.
  void on_body_bytes(std::size_t size) { body_bytes_ += size; }
  void on_bad_request() { ++bad_requests_; }

  /// With an admin address of its own, a frozen or refusing server need not answer /fault
  /// elsewhere, and /status and /metrics belong to the application here.
  void set_has_admin(bool has_admin) { has_admin_ = has_admin; }
  bool has_admin() const { return has_admin_; }

  /// No new work: /health says so and connections close as they become idle.
  void stop() { stopping_ = true; }
  bool stopping() const { return stopping_; }

  const Faults& faults() const { return faults_; }
  /// Changes with every POST /fault that was obeyed: for a driver that must open or close
  /// listeners.
  std::uint64_t fault_revision() const { return fault_revision_; }
  /// A crash that was asked for: the driver dies after it has sent the answer.
  const std::optional<Crash>& crash() const { return crash_; }

  Answer health() const;
  Answer status(Instant now);
  Metrics metrics(Instant now);

  /// Room for one head while it is read. Heads are large; one for all connections is enough.
  RequestHead& scratch() { return scratch_; }

 private:
  Answer application(const Question& question, Instant now);
  Answer fault(const Question& question, std::string_view query);
  std::optional<Answer> page(const Question& question, std::string_view path, Instant now);

  Identity identity_;
  Behaviour behaviour_;
  MetricsText metrics_text_;
  Model model_;
  Faults faults_;
  std::optional<Crash> crash_;
  std::string who_;      ///< the members of JSON that say who answers, without braces
  std::string padding_;  ///< what goes behind a padded body
  bool has_admin_ = false;
  bool stopping_ = false;
  std::uint64_t fault_revision_ = 0;
  std::uint64_t requests_ = 0;  ///< of the application
  std::uint64_t failed_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t bad_requests_ = 0;
  std::uint64_t body_bytes_ = 0;
  RequestHead scratch_;
  HttpDate date_;
};

}  // namespace hither::backend
