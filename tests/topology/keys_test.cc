// SPDX-License-Identifier: Apache-2.0
#include "topology/keys.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "topology/description.h"
#include "topology/shape.h"

namespace hither::topology {
namespace {

/// The sections of docs/topology_format.md that are about a key: path -> the line of facts.
std::map<std::string, std::string> documented_keys() {
  std::ifstream page(std::string(HITHER_SOURCE_DIR) + "/docs/topology_format.md");
  std::map<std::string, std::string> keys;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("### `")) continue;
    const std::string path = line.substr(5, line.rfind('`') - 5);
    std::getline(page, keys[path]);
  }
  return keys;
}

/// What the page must say about a key, from the table of keys.
std::string facts_of(const Key& key) {
  std::string facts = "Type: " + wanted(key) + ".";
  if (key.fallback.starts_with('(')) {
    return facts + " Default: " + std::string(key.fallback.substr(1, key.fallback.size() - 2)) +
           ".";
  }
  if (!key.fallback.empty()) return facts + " Default: `" + std::string(key.fallback) + "`.";
  if (key.required) return facts + " Required.";
  const bool table = key.type == Key::Type::table || key.type == Key::Type::names;
  return table ? facts : facts + " Default: none.";
}

TEST(Keys, EveryKeyIsDocumentedWithTypeRangeAndDefault) {
  const auto documented = documented_keys();

  for (const Key& key : all_keys()) {
    const auto found = documented.find(std::string(key.path));
    ASSERT_NE(found, documented.end()) << key.path << " is not in docs/topology_format.md";
    EXPECT_EQ(found->second, facts_of(key)) << key.path;
  }
}

TEST(Keys, NothingElseIsDocumented) {
  for (const auto& [path, facts] : documented_keys()) {
    EXPECT_NE(find_key(path), nullptr) << path;
    EXPECT_FALSE(facts.empty());
  }
}

TEST(Keys, EveryKeyIsInTheListAtTheTopOfThePage) {
  std::ifstream page(std::string(HITHER_SOURCE_DIR) + "/docs/topology_format.md");
  std::set<std::string> listed;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("- [`")) listed.insert(line.substr(4, line.find("`]") - 4));
  }

  std::set<std::string> known;
  for (const Key& key : all_keys()) known.emplace(key.path);
  EXPECT_EQ(listed, known);
}

TEST(Keys, ThePageShowsASoundDescription) {
  std::ifstream page(std::string(HITHER_SOURCE_DIR) + "/docs/topology_format.md");
  std::string text;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (inside && line == "```") break;
    if (inside) text += line + "\n";
    if (line == "```toml") inside = true;
  }

  const Reading reading = read_description(text, "page");
  EXPECT_TRUE(reading.description.has_value()) << to_text(reading.mistakes, "page");
}

TEST(Keys, DefaultsAreValuesThatTheirKeyTakes) {
  for (const Key& key : all_keys()) {
    if (key.fallback.empty() || key.fallback.starts_with('(') || key.path == "network[]") continue;
    std::vector<Mistake> mistakes;
    const Document document = read_document("key = " + std::string(key.fallback));
    ASSERT_TRUE(document.mistakes.empty()) << key.path;
    check_value(key, document.root.items.at(0), mistakes);
    EXPECT_TRUE(mistakes.empty()) << key.path << ": " << mistakes.front().message;
    EXPECT_TRUE(nlohmann::json::accept(key.fallback)) << key.path << ": also printed as JSON";
  }
}

TEST(Keys, ATableStandsBeforeWhatIsInIt) {
  std::set<std::string> seen = {""};
  for (const Key& key : all_keys()) {
    const std::string path(key.path);
    std::string table = path.ends_with(".*") ? path.substr(0, path.size() - 2) : path;
    const std::size_t dot = table.rfind('.');
    table = dot == std::string::npos ? "" : table.substr(0, dot);
    EXPECT_TRUE(seen.contains(table)) << path;
    EXPECT_TRUE(seen.insert(path).second) << path << " is there twice";
  }
}

TEST(Keys, ARoomsFarmHasTheKeysOfTheWorldsButThoseOfItsFrontAndSpill) {
  std::set<std::string_view> world;
  std::set<std::string_view> room;
  for (const Key* key : keys_in("farm.*")) world.insert(name_of(*key));
  for (const Key* key : keys_in("room.*.farm.*")) room.insert(name_of(*key));

  EXPECT_TRUE(world.contains("port") && world.contains("health"));
  room.insert({"port", "mode", "server_names", "accept_proxy", "send_proxy", "spill"});
  EXPECT_EQ(room, world);
  EXPECT_EQ(find_key("room.*.farm.*.copies"), find_key("farm.*.copies"));
}

TEST(Keys, TheTopOfTheFileHoldsItsTables) {
  std::string names;
  for (const Key* key : keys_in("")) names += std::string(name_of(*key)) + " ";

  EXPECT_EQ(names, "schema world dns local zone name policy farm room network latency ");
}

TEST(Keys, EveryKeySaysInASentenceWhatItIs) {
  for (const Key& key : all_keys()) EXPECT_TRUE(key.text.ends_with('.')) << key.path;
}

}  // namespace
}  // namespace hither::topology
