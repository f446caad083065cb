// A mapping made fast to look up: table name to rule, column name to role.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lines/line_mapping.h"
#include "lines/short_bytes.h"

namespace tickforge {

/// Levels of a book that a row may name by number: 0 to this, excluded.
inline constexpr std::uint32_t kLevelNumbers = 1024;

/// What a column is.
struct ColumnUse {
  bool known = false;
  ColumnRole role = ColumnRole::kIgnore;
  std::optional<TimeUnit> unit;
  bool leveled = false;
  std::uint16_t level = 0;
};

/// Rows of a table come with the same columns in the same order again and again: a column's use is remembered by its
/// position, and its name compared; what has moved is looked up.
class TableRule {
 public:
  explicit TableRule(const RowRule& rule);

  const RowRule& rule() const { return rule_; }
  /// True when the name fits; `venue` is what stands for {venue}, empty when the rule has none.
  bool takes(std::string_view table, std::string_view& venue) const;

  const ColumnUse& use(std::size_t position, std::string_view name) {
    if (position >= remembered_.size()) remembered_.resize(position + 16);
    Remembered& one = remembered_[position];
    if (one.length != name.size() || !same_bytes(one.name.data(), name.data(), name.size())) look_up(one, name);
    return one.use;
  }

 private:
  struct Remembered {
    std::array<char, 46> name{};
    std::uint16_t length = 0;  // 0 = nothing; longer names are not remembered
    ColumnUse use;
  };
  struct Pattern {
    std::string before;
    std::string behind;
    ColumnUse use;
  };
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };

  void look_up(Remembered& one, std::string_view name) const;
  ColumnUse find(std::string_view name) const;

  RowRule rule_;
  std::string before_;
  std::string behind_;
  bool names_venue_ = false;
  std::unordered_map<std::string, ColumnUse, NameHash, std::equal_to<>> exact_;
  std::vector<Pattern> patterns_;
  std::vector<Remembered> remembered_;
};

class TableIndex {
 public:
  explicit TableIndex(const LineMapping& mapping);

  /// The first rule that takes the table, or nullptr.
  TableRule* find(std::string_view table, std::string_view& venue);

 private:
  std::vector<TableRule> rules_;
  // What was found last: most rows are of the table of the row before.
  TableRule* last_ = nullptr;
  std::string last_table_;
  std::size_t last_venue_at_ = 0;
  std::size_t last_venue_bytes_ = 0;
};

}  // namespace tickforge
