// SPDX-License-Identifier: Apache-2.0
// Any bytes as a MaxMind-format file: nothing is read outside of it, a walk ends and its steps
// ascend, and what a walk says of an address a single lookup says too.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/assert.h"
#include "io/geo_db.h"

namespace hither {
namespace {

constexpr int lookups_max = 32;  // of a walk; each opens the file anew

/// A file without a name that is written anew for every input.
class MemoryFile {
 public:
  MemoryFile() : number_(memfd_create("geo", 0)) { ASSERT(number_ >= 0); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(number_); }

  void write(const std::uint8_t* data, std::size_t size) const {
    ASSERT(ftruncate(number_, 0) == 0);
    ASSERT(pwrite(number_, data, size, 0) == static_cast<ssize_t>(size));
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(number_); }

 private:
  int number_;
};

std::optional<GeoPlace> country_place(CountryCode country) {
  if (country[0] == 'X') return std::nullopt;
  return GeoPlace{1, 2, country};
}

void check_step(const GeoSource& source, const GeoStep& step) {
  const auto found = source.locate(to_address(step.first));
  const bool known = step.place != GeoSource::nowhere;
  ASSERT(found.has_value() == known);
  if (!known) return;
  ASSERT(step.place < source.places().size());
  ASSERT(found->place == source.places()[step.place]);
  ASSERT(found->block.contains(to_address(step.first)));
}

void check_family(const GeoSource& source, Family family) {
  const auto steps = source.steps(family);
  std::array<GeoStep, 16> out;
  bool any = false;
  Bits128 before = 0;
  int lookups = 0;
  while (const std::size_t count = steps->read(out)) {
    for (std::size_t i = 0; i < count; ++i) {
      const Bits128 first = out[i].first;
      const bool in_v4 = first >= v4_first && first <= v4_last;
      ASSERT(any ? first > before : first == (family == Family::v4 ? v4_first : 0));
      ASSERT(family == Family::v6 || in_v4);
      any = true;
      before = first;
      const bool counts = in_v4 == (family == Family::v4);
      if (counts && lookups++ < lookups_max) check_step(source, out[i]);
    }
  }
  ASSERT(any);
}

}  // namespace
}  // namespace hither

// libmaxminddb 1.7.1 forgets some memory when it refuses a file's metadata: per bad file, not ours.
extern "C" const char* __lsan_default_suppressions();  // NOLINT(*-identifier*): not our name
extern "C" const char* __lsan_default_suppressions() { return "leak:libmaxminddb\n"; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hither;
  static const MemoryFile file;
  file.write(data, size);
  const std::string path = file.path();
  const auto date = io::date_of_geo_db(path);
  const auto source = io::open_geo_db(path, country_place);
  if (!source) {
    ASSERT(source.error().message.starts_with(path + ": "));
    return 0;
  }
  ASSERT(date || !date.error().message.empty());
  check_family(**source, Family::v4);
  check_family(**source, Family::v6);
  (*source)->let_go();
  return 0;
}
