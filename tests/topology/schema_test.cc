// SPDX-License-Identifier: Apache-2.0
#include "topology/schema.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

// What the schema takes and refuses is compared with the parser in schema_test.py.
namespace hither::topology {
namespace {

nlohmann::json schema() { return nlohmann::json::parse(schema_json(), nullptr, false); }

TEST(Schema, IsOneOf2020WithoutUnknownKeys) {
  EXPECT_EQ(schema().at("$schema"), "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema().at("additionalProperties"), false);
  EXPECT_EQ(schema().at("required"), nlohmann::json::array({"room"}));
}

TEST(Schema, TellsEditorsRangesDefaultsAndWords) {
  const nlohmann::json farm =
      schema().at("properties").at("farm").at("additionalProperties").at("properties");

  EXPECT_EQ(farm.at("port").at("maximum"), 65535);
  EXPECT_EQ(farm.at("copies").at("default"), 1);
  EXPECT_EQ(farm.at("mode").at("enum"), nlohmann::json::array({"http", "tcp"}));
  EXPECT_EQ(farm.at("command").at("default"), nlohmann::json::array({"hither-backend"}));
  EXPECT_EQ(farm.at("ready_timeout").at("x-maximum"), "1h");
}

TEST(Schema, ARoomsFarmNeedsNoPortAndTakesNone) {
  const nlohmann::json farm = schema()
                                  .at("properties")
                                  .at("room")
                                  .at("additionalProperties")
                                  .at("properties")
                                  .at("farm")
                                  .at("additionalProperties");

  EXPECT_FALSE(farm.contains("required"));
  EXPECT_FALSE(farm.at("properties").contains("port"));
  EXPECT_TRUE(farm.at("properties").contains("copies"));
}

TEST(Schema, IsTheSameEveryTime) { EXPECT_EQ(schema_json(), schema_json()); }

}  // namespace
}  // namespace hither::topology
