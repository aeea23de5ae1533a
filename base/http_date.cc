// SPDX-License-Identifier: Apache-2.0
#include "base/http_date.h"

#include <fmt/format.h>

#include <array>

namespace hither {

std::string http_date_line(std::chrono::sys_seconds time) {
  constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("Date: {}, {:02} {} {:04} {:02}:{:02}:{:02} GMT\r\n",
                     days[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()),
                     months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

void HttpDate::set_clock(Duration epoch) {
  constexpr Duration noise = std::chrono::milliseconds(10);
  if (epoch - epoch_ < noise && epoch_ - epoch < noise) return;
  epoch_ = epoch;
  until_ = Instant{};
}

std::string_view HttpDate::line(Instant now) {
  if (epoch_ == Duration::zero()) return {};
  if (now < until_) return line_;
  using std::chrono::seconds;
  const auto whole = std::chrono::floor<seconds>(epoch_ + now.time_since_epoch());
  line_ = http_date_line(std::chrono::sys_seconds(whole));
  until_ = Instant(whole + seconds(1) - epoch_);
  return line_;
}

}  // namespace hither
