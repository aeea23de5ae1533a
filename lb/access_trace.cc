// SPDX-License-Identifier: Apache-2.0
#include "lb/access_trace.h"

namespace hither::lb {

void AccessTrace::begin(Instant now) {
  running_ = true;
  read_ = false;
  copy_ = nullptr;
  began_ = last_ = attempt_ = now;
  queue_ = connect_ = response_ = not_reached;
  if (sink_ == nullptr) return;
  if (record_ == nullptr) record_ = std::make_unique<AccessRecord>();
  *record_ = {};
  record_->client = client_;
}

void AccessTrace::head(std::string_view method, std::string_view path, std::string_view id,
                       Instant now) {
  if (!running_) return;
  read_ = true;
  last_ = now;
  if (record_ == nullptr) return;
  record_->method.set(method);
  record_->path.set(path);
  record_->id.set(id);
}

void AccessTrace::begin_connection(Instant now) {
  begin(now);
  read_ = true;
  if (record_ != nullptr) record_->connection = true;
}

void AccessTrace::picked(const Lease& lease, Instant now) {
  if (!running_) return;
  copy_ = &lease.totals().timings;
  attempt_ = now;
  if (record_ != nullptr) record_->server.set(lease.server().name());
  waited(now);
}

void AccessTrace::waited(Instant now) {
  if (!running_ || queue_ != not_reached) return;  // Another copy: the connect goes on.
  queue_ = now - last_;
  measured(Stage::queue, queue_);
  last_ = now;
}

void AccessTrace::retried(Instant now) {
  attempt_ = now;
  if (running_ && record_ != nullptr) ++record_->retries;
}

void AccessTrace::connected(bool opened, Instant now) {
  if (!running_) return;
  connect_ = (connect_ == not_reached ? Duration{} : connect_) + (now - last_);
  last_ = now;
  if (!opened) return;
  // The copy's own part, and for the farm what the client waited for.
  if (copy_ != nullptr) copy_->add(Stage::connect, now - attempt_);
  times_.add(Stage::connect, connect_);
}

void AccessTrace::answered(int status, Instant now) {
  if (!running_) return;
  response_ = now - last_;
  measured(Stage::response, response_);
  replied(status);
}

void AccessTrace::replied(int status) {
  if (running_ && record_ != nullptr) record_->status = status;
}

void AccessTrace::received(std::uint64_t bytes) {
  if (running_ && record_ != nullptr) record_->bytes_in += bytes;
}

void AccessTrace::sent(std::uint64_t bytes) {
  if (running_ && record_ != nullptr) record_->bytes_out += bytes;
}

void AccessTrace::fault(EndReason reason) {
  if (!running_ || record_ == nullptr) return;
  if (record_->reason == EndReason{}) record_->reason = reason;
}

void AccessTrace::finish(Instant now) {
  if (!running_) return;
  running_ = false;
  // One whose head never came, or was refused, asked nothing of anybody.
  if (read_) measured(Stage::total, now - began_);
  if (record_ == nullptr) return;
  record_->end = now;
  record_->queue = queue_;
  record_->connect = connect_;
  record_->response = response_;
  record_->total = now - began_;
  sink_->note(*record_);
}

void AccessTrace::measured(Stage stage, Duration took) {
  times_.add(stage, took);
  if (copy_ != nullptr) copy_->add(stage, took);
}

}  // namespace hither::lb
