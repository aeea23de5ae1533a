// SPDX-License-Identifier: Apache-2.0
#include "tools/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "io/files.h"

namespace hither::tools {
namespace {

constexpr std::array<Colour, 5> room_colours = {Colour::cyan, Colour::green, Colour::magenta,
                                                Colour::yellow, Colour::blue};

std::string_view room_of(std::string_view name) { return name.substr(0, name.find('/')); }

/// Letters a person sees: escape sequences take no width, UTF-8 continuation bytes neither.
std::size_t visible_width(std::string_view text) {
  std::size_t width = 0;
  bool escape = false;
  for (const char c : text) {
    if (c == '\x1b') escape = true;
    if (!escape && (static_cast<unsigned char>(c) & 0xc0U) != 0x80U) ++width;
    if (escape && c == 'm') escape = false;
  }
  return width;
}

}  // namespace

bool wants_colour(std::FILE* stream) {
  return isatty(fileno(stream)) == 1 && io::environment("NO_COLOR").empty();
}

std::string paint(std::string_view text, Colour colour, bool on) {
  if (!on || colour == Colour::plain || text.empty()) return std::string(text);
  constexpr std::array<int, 9> codes = {0, 2, 1, 31, 32, 33, 34, 35, 36};
  return fmt::format("\x1b[{}m{}\x1b[0m", codes[static_cast<std::size_t>(colour)], text);
}

MergedLog::MergedLog(std::FILE* stream, const std::vector<std::string>& names)
    : colour_(wants_colour(stream)), writer_(fileno(stream), [this](std::uint64_t lines) {
        return note_line(to_text(log_warning("log-lines-lost").with("count", lines)),
                         Colour::yellow);
      }) {
  for (const std::string& name : names) {
    width_ = std::max(width_, name.size());
    const std::string room(room_of(name));
    if (std::ranges::find(rooms_, room) == rooms_.end()) rooms_.push_back(room);
  }
}

Colour MergedLog::colour_of(std::string_view name) const {
  const auto found = std::ranges::find(rooms_, room_of(name));
  return room_colours[static_cast<std::size_t>(found - rooms_.begin()) % room_colours.size()];
}

void MergedLog::line(std::string_view name, std::string_view text) {
  writer_.write(fmt::format(
      "{} {}\n", paint(fmt::format("{:<{}} |", name, width_), colour_of(name), colour_), text));
}

void MergedLog::note(std::string_view text, Colour colour) {
  writer_.write(note_line(text, colour));
}

std::string MergedLog::note_line(std::string_view text, Colour colour) const {
  return fmt::format("{} {}\n",
                     paint(fmt::format("{:<{}} |", "hither", width_), Colour::dim, colour_),
                     paint(text, colour, colour_));
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], visible_width(row[i]));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      line.append(widths[i] - visible_width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

}  // namespace hither::tools
