// Rows of the line protocol to trade, quote and book records, by a LineMapping.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lines/cell_buffer.h"
#include "lines/instrument_book.h"
#include "lines/line_mapping.h"
#include "lines/line_parser.h"
#include "lines/row_values.h"
#include "lines/table_index.h"

namespace tickforge {

enum class RowOutcome : std::uint8_t {
  kTrade,
  kQuote,
  kBook,
  kUnmapped,         // no rule takes it, or it lacks what its record must have
  kUnrepresentable,  // a number fits no mantissa
};

struct MappedRow {
  RowOutcome outcome;
  bool left_over;  // it has columns that the record has no place for
};

class RowMapper {
 public:
  /// `book` outlives this. The mapping must pass check_line_mapping().
  RowMapper(const LineMapping& mapping, InstrumentBook& book, const LineLimits& limits);

  /// Appends the row's record, behind a definition if one is due; nothing when the outcome is none of the first three.
  /// cells_max(row.line.size()) cells must be free.
  MappedRow map(const LineRow& row, std::int64_t ts_recv, std::uint64_t frame, CellBuffer& out);

  /// Cells that no row of so many bytes exceeds. A level takes at least 9 bytes of text ("1=1,s1=1,"), 16 of an array,
  /// and a quarter of a cell; a book is split into records of 253 cells of levels and two more.
  static constexpr std::uint32_t cells_max(std::size_t line_bytes) {
    const std::size_t level_cells = line_bytes / 9 / kLevelsPerCell + 1;
    return static_cast<std::uint32_t>(kDefinitionCellsMax + level_cells + 2 * (level_cells / 253 + 1));
  }

 private:
  enum class Side : std::uint8_t { kBid, kAsk };

  /// One side's columns by level number, and how many numbers are in use.
  struct LevelColumns {
    std::vector<const LineColumn*> prices;
    std::vector<const LineColumn*> sizes;
    std::size_t used = 0;
  };

  const LineColumn* column(ColumnRole role) const { return by_role_[static_cast<std::size_t>(role)]; }
  void gather(const LineRow& row, TableRule& rule);
  bool gather_level(const LineColumn& column, const ColumnUse& use);
  LineInstrument* instrument(const TableRule& rule, std::string_view table_venue);
  /// The column's text, or nothing if it says that there is none; what is no text is left over.
  std::string_view word_of(ColumnRole role);
  /// The value, or none; what is of another kind is left over.
  std::uint64_t id_of(ColumnRole role);
  std::int64_t time_of(ColumnRole role);
  std::int64_t event_time(std::int64_t row_time);
  void fill_head(RecordHead& head, std::uint16_t flags, const LineInstrument& instrument);

  RowOutcome trade(LineInstrument& instrument);
  RowOutcome quote(LineInstrument& instrument);
  RowOutcome book(const RowRule& rule, LineInstrument& instrument);
  std::uint16_t side_flags();
  TradeKind trade_kind();
  bool add_levels(LevelColumns& columns, const LineColumn* array);
  bool add_level(ValueStatus price_status, const ExactNumber& price, ValueStatus size_status, const ExactNumber& size);
  bool add_array(const LineColumn& array);
  void write_book(std::size_t bids, std::uint16_t flags, const LineInstrument& instrument);

  TableIndex tables_;
  InstrumentBook& instruments_;
  const std::string default_venue_;
  const bool lower_case_venue_;

  // Of the row at hand.
  std::array<const LineColumn*, kColumnRoles> by_role_{};
  std::array<std::optional<TimeUnit>, kColumnRoles> units_{};
  std::array<LevelColumns, 2> levels_;  // by Side
  std::vector<ExactNumber> prices_;
  std::vector<ExactNumber> sizes_;
  std::vector<std::int64_t> price_mantissas_;
  std::vector<std::int64_t> size_mantissas_;
  std::size_t level_count_ = 0;
  bool too_large_ = false;
  bool left_over_ = false;
  std::int64_t row_time_ = 0;
  std::int64_t ts_recv_ = 0;
  std::uint64_t frame_ = 0;
  CellBuffer* out_ = nullptr;
};

}  // namespace tickforge
