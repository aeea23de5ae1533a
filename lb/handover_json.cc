// SPDX-License-Identifier: Apache-2.0
#include "lb/handover_json.h"

#include <nlohmann/json.hpp>

namespace hither::lb {

std::string text_in(const nlohmann::ordered_json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace hither::lb
