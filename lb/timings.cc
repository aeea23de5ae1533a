// SPDX-License-Identifier: Apache-2.0
#include "lb/timings.h"

namespace hither::lb {

const char* to_text(Stage stage) {
  switch (stage) {
    case Stage::queue:
      return "queue";
    case Stage::connect:
      return "connect";
    case Stage::response:
      return "response";
    case Stage::total:
      return "total";
  }
  return "";
}

}  // namespace hither::lb
