#include "journal/segment_name.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <tuple>

namespace tickforge {
namespace {

constexpr std::string_view kSegmentSuffix = ".tfs";
constexpr std::size_t kDateLength = 10;
constexpr std::size_t kPartLength = 3;

/// Digits only; -1 for anything else.
int number_of(std::string_view digits) {
  int number = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return -1;
    number = number * 10 + (digit - '0');
  }
  return number;
}

}  // namespace

std::string SegmentName::file_name() const {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u.%s.%03u.tfs", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), journal.c_str(), part);
  return text;
}

bool is_journal_name(std::string_view name) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), allowed);
}

std::optional<SegmentName> parse_segment_name(std::string_view name) {
  if (name.size() < kDateLength + 1 + 1 + 1 + kPartLength + kSegmentSuffix.size()) return std::nullopt;
  if (!name.ends_with(kSegmentSuffix)) return std::nullopt;
  name.remove_suffix(kSegmentSuffix.size());
  const std::string_view date = name.substr(0, kDateLength);
  const int part = number_of(name.substr(name.size() - kPartLength));
  const std::string_view journal = name.substr(kDateLength + 1, name.size() - kDateLength - kPartLength - 2);
  if (part < 0 || name[kDateLength] != '.' || name[name.size() - kPartLength - 1] != '.') return std::nullopt;
  if (!is_journal_name(journal) || date[4] != '-' || date[7] != '-') return std::nullopt;
  const int year = number_of(date.substr(0, 4));
  const int month = number_of(date.substr(5, 2));
  const int day_of_month = number_of(date.substr(8, 2));
  if (year < 0 || month < 0 || day_of_month < 0) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                        std::chrono::day{static_cast<unsigned>(day_of_month)}};
  if (!day.ok()) return std::nullopt;
  const auto count = std::chrono::sys_days{day}.time_since_epoch().count();
  return SegmentName{static_cast<std::int32_t>(count), std::string(journal), static_cast<std::uint32_t>(part)};
}

std::vector<SegmentName> segments_of(const std::vector<std::string>& names, std::string_view journal) {
  std::vector<SegmentName> segments;
  for (const std::string& name : names) {
    auto parsed = parse_segment_name(name);
    if (parsed && parsed->journal == journal) segments.push_back(std::move(*parsed));
  }
  std::sort(segments.begin(), segments.end(), [](const SegmentName& a, const SegmentName& b) {
    return std::tie(a.day, a.part) < std::tie(b.day, b.part);
  });
  return segments;
}

}  // namespace tickforge
