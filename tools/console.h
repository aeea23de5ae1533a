// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "io/patient_writer.h"

namespace hither::tools {

/// How the hither command writes to people: colour only where the stream is a terminal and
/// $NO_COLOR is not set.
enum class Colour { plain, dim, bold, red, green, yellow, blue, magenta, cyan };

bool wants_colour(std::FILE* stream);

/// `text` in that colour, if `on`.
std::string paint(std::string_view text, Colour colour, bool on);

/// The merged output of a world: every line behind the name of the process that wrote it, padded to
/// one width, a colour per room. Nobody waits for who reads it: what is not taken at once is lost,
/// and a note says how many lines were (io/patient_writer.h). One thread.
class MergedLog {
 public:
  /// `names` in plan order choose width and colours ("fra/web-1": the part before the slash).
  MergedLog(std::FILE* stream, const std::vector<std::string>& names);

  MergedLog(const MergedLog&) = delete;
  MergedLog& operator=(const MergedLog&) = delete;

  void line(std::string_view name, std::string_view text);
  /// What the supervisor itself has to say.
  void note(std::string_view text, Colour colour = Colour::bold);

 private:
  Colour colour_of(std::string_view name) const;
  std::string note_line(std::string_view text, Colour colour) const;

  bool colour_;
  std::size_t width_ = 6;
  std::vector<std::string> rooms_;
  io::PatientWriter writer_;
};

/// A table for people: columns as wide as their widest cell, two blanks between, no trailing
/// blanks. Cells may carry colour, which has no width.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace hither::tools
