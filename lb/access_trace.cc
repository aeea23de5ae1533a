// SPDX-License-Identifier: Apache-2.0
#include "lb/access_trace.h"

namespace hither::lb {

void AccessTrace::begin(Instant now) {
  if (sink_ == nullptr) return;
  if (notes_ == nullptr) notes_ = std::make_unique<Notes>();
  *notes_ = {.record = {}, .began = now, .last = now, .running = true};
  notes_->record.client = client_;
}

void AccessTrace::head(std::string_view method, std::string_view path, std::string_view id,
                       Instant now) {
  if (!running()) return;
  notes_->record.method.set(method);
  notes_->record.path.set(path);
  notes_->record.id.set(id);
  notes_->last = now;
}

void AccessTrace::picked(std::string_view server, Instant now) {
  if (!running()) return;
  notes_->record.server.set(server);
  if (notes_->record.queue != not_reached) return;  // Another copy: the connect goes on.
  notes_->record.queue = now - notes_->last;
  notes_->last = now;
}

void AccessTrace::retried() {
  if (running()) ++notes_->record.retries;
}

void AccessTrace::connected(Instant now) {
  if (!running()) return;
  AccessRecord& record = notes_->record;
  record.connect =
      (record.connect == not_reached ? Duration{} : record.connect) + (now - notes_->last);
  notes_->last = now;
}

void AccessTrace::answered(int status, Instant now) {
  if (!running()) return;
  AccessRecord& record = notes_->record;
  record.status = status;
  if (record.connect != not_reached) record.response = now - notes_->last;
}

void AccessTrace::received(std::uint64_t bytes) {
  if (running()) notes_->record.bytes_in = bytes;
}

void AccessTrace::sent(std::size_t bytes) {
  if (running()) notes_->record.bytes_out += bytes;
}

void AccessTrace::fault(EndReason reason) {
  if (running() && notes_->record.reason == EndReason{}) notes_->record.reason = reason;
}

void AccessTrace::finish(Instant now) {
  if (!running()) return;
  notes_->running = false;
  notes_->record.end = now;
  notes_->record.total = now - notes_->began;
  sink_->note(notes_->record);
}

}  // namespace hither::lb
