// SPDX-License-Identifier: Apache-2.0
// Feeds a fuzz target every input of its corpus, and mutations of each, without libFuzzer: the same
// inputs on every run and with every compiler, so that the corpus is an ordinary test.
//
//   fuzz_dns_query corpus/dns_query              all of it
//   fuzz_dns_query corpus/dns_query/ecs          this one and its mutations
//   fuzz_http_proxy --mutations=100 corpus/...   so many of each input, not 300
//
// Each name is printed before its input is fed: the last one printed is the one that failed.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace hither {
namespace {

using Input = std::vector<std::uint8_t>;

constexpr int mutations_usual = 300;
constexpr std::size_t edits_max = 4;
constexpr std::size_t piece_bytes_max = 16;

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

void feed(const Input& input) {
  // A copy of exactly the right size, so that the address sanitizer sees a read past its end.
  const Input exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::ptrdiff_t place_in(const Input& input, Rng& rng) {
  return static_cast<std::ptrdiff_t>(rng.below(input.size() + 1));
}

/// One edit: a bit flipped, a byte set to a telling value, a piece cut out, doubled or put in, or
/// the end cut off.
void edit(Input& input, Rng& rng) {
  constexpr std::uint8_t telling[] = {0x00, 0x01, 0x0c, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff};
  const std::uint8_t byte = telling[rng.below(std::size(telling))];
  const auto bit = static_cast<std::uint8_t>(1U << rng.below(8));
  const auto size = static_cast<std::ptrdiff_t>(rng.below(piece_bytes_max) + 1);
  const auto kind = input.empty() ? 5 : rng.below(6);

  const auto begin = input.begin() + place_in(input, rng);
  const auto end = begin + std::min(size, input.end() - begin);
  const Input piece(begin, end);
  if (kind == 0 && begin != end) *begin = static_cast<std::uint8_t>(*begin ^ bit);
  if (kind == 1 && begin != end) *begin = byte;
  if (kind == 2) input.erase(begin, end);
  if (kind == 3) input.insert(input.begin() + place_in(input, rng), piece.begin(), piece.end());
  if (kind == 4) input.erase(begin, input.end());
  if (kind == 5) input.insert(begin, static_cast<std::size_t>(size), byte);
}

void replay(const std::filesystem::path& file, int mutations) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    std::fprintf(stderr, "%s: cannot be read\n", file.c_str());
    std::exit(EXIT_FAILURE);
  }
  const Input input{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::fprintf(stderr, "%s (%zu bytes)\n", file.c_str(), input.size());
  feed(input);
  // Seeded by the input alone: adding a file to the corpus changes nothing for the others.
  Rng rng(input.size());
  for (int i = 0; i < mutations; ++i) {
    Input changed = input;
    for (std::uint64_t edits = rng.below(edits_max) + 1; edits > 0; --edits) edit(changed, rng);
    feed(changed);
  }
}

}  // namespace
}  // namespace hither

int main(int argc, char** argv) {
  constexpr std::string_view flag = "--mutations=";
  int mutations = hither::mutations_usual;
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with(flag)) {
      mutations = std::stoi(argument.substr(flag.size()));
      continue;
    }
    for (const auto& file : hither::files_of(argument)) {
      hither::replay(file, mutations);
      ++files;
    }
  }
  if (files == 0) {
    std::fprintf(stderr, "no input; usage: %s CORPUS...\n", argv[0]);
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
