// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

#include "lb/admission.h"

namespace hither::lb {

/// Turns of threads that run at the same time.
class MutexTurns final : public Turns {
 public:
  void begin() override { mutex_.lock(); }
  void end() override { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

}  // namespace hither::lb
