#include "lines/table_index.h"

#include <algorithm>
#include <charconv>

namespace tickforge {
namespace {

constexpr std::string_view kVenuePlace = "{venue}";
constexpr std::string_view kLevelPlace = "{n}";

/// What stands between the two; false when the text does not begin and end so, or there is nothing between.
bool between(std::string_view text, std::string_view before, std::string_view behind, std::string_view& middle) {
  if (text.size() <= before.size() + behind.size()) return false;
  if (!text.starts_with(before) || !text.ends_with(behind)) return false;
  middle = text.substr(before.size(), text.size() - before.size() - behind.size());
  return true;
}

bool level_of(std::string_view digits, std::uint16_t& level) {
  const char* const end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, level);
  return error == std::errc{} && at == end && level < kLevelNumbers;
}

}  // namespace

TableRule::TableRule(const RowRule& rule) : rule_(rule) {
  if (const std::size_t at = rule.table.find(kVenuePlace); at != std::string::npos) {
    names_venue_ = true;
    before_ = rule.table.substr(0, at);
    behind_ = rule.table.substr(at + kVenuePlace.size());
  }
  for (const ColumnRule& column : rule.columns) {
    ColumnUse use{true, column.role, column.unit, false, 0};
    const std::size_t at = column.name.find(kLevelPlace);
    if (at == std::string::npos) {
      exact_.emplace(column.name, use);
    } else {
      use.leveled = true;
      patterns_.push_back({column.name.substr(0, at), column.name.substr(at + kLevelPlace.size()), use});
    }
  }
}

bool TableRule::takes(std::string_view table, std::string_view& venue) const {
  venue = {};
  return names_venue_ ? between(table, before_, behind_, venue) : table == rule_.table;
}

ColumnUse TableRule::find(std::string_view name) const {
  if (const auto exact = exact_.find(name); exact != exact_.end()) return exact->second;
  for (const Pattern& pattern : patterns_) {
    std::string_view digits;
    ColumnUse use = pattern.use;
    if (between(name, pattern.before, pattern.behind, digits) && level_of(digits, use.level)) return use;
  }
  return {};
}

void TableRule::look_up(Remembered& one, std::string_view name) const {
  one.use = find(name);
  one.length = static_cast<std::uint16_t>(name.size() <= one.name.size() ? name.size() : 0);
  std::copy_n(name.data(), one.length, one.name.data());
}

TableIndex::TableIndex(const LineMapping& mapping) {
  rules_.reserve(mapping.rules.size());
  for (const RowRule& rule : mapping.rules) rules_.emplace_back(rule);
}

TableRule* TableIndex::find(std::string_view table, std::string_view& venue) {
  if (last_ != nullptr && table.size() == last_table_.size() &&
      same_bytes(table.data(), last_table_.data(), table.size())) {
    venue = table.substr(last_venue_at_, last_venue_bytes_);
    return last_;
  }
  for (TableRule& rule : rules_) {
    if (!rule.takes(table, venue)) continue;
    last_ = &rule;
    last_table_ = table;
    last_venue_at_ = venue.empty() ? 0 : static_cast<std::size_t>(venue.data() - table.data());
    last_venue_bytes_ = venue.size();
    return &rule;
  }
  return nullptr;
}

}  // namespace tickforge
