// Turns records into columns with the memory layout of Arrow: one pass over the cells, no value through a float.
//
// A builder owns one arena of address space with room for `capacity` rows; memory is taken as rows arrive. A full
// builder stops in the middle of its input and says where, so that the next one goes on there.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/mapped_region.h"
#include "columns/column_table.h"
#include "columns/gap_memory.h"
#include "format/record.h"

namespace tickforge {

/// A larger shift of a 64-bit mantissa need not fit 38 decimal digits.
inline constexpr std::uint8_t kShiftMax = 18;

/// Payload of a block: where in the buffer, and the number of its first record within the segment.
struct PayloadRange {
  std::size_t offset = 0;
  std::size_t length = 0;
  std::uint64_t first_record = 0;
};

/// What to take from a buffer of loaded blocks.
struct ColumnSource {
  std::span<const std::uint8_t> buffer;
  std::span<const PayloadRange> payloads;
  /// ts_recv in [from, to).
  std::int64_t from = 0;
  std::int64_t to = 0;
  /// Per definition number: index of the instrument, -1 = not wanted. Numbers beyond are not wanted.
  std::span<const std::int32_t> instruments;
  /// Per definition number: the power of ten that brings a mantissa to the common scale, at most kShiftMax but for
  /// doubles.
  std::span<const std::uint8_t> price_shift;
  std::span<const std::uint8_t> size_shift;
  /// Digits behind the point at the common scale: only doubles need them.
  int price_scale = 0;
  int size_scale = 0;
  /// What the `segment` column says; and the journal of the segment, from 0.
  std::int32_t segment = 0;
  std::uint32_t journal = 0;
  /// Trade kinds, causes and record types from here on have no name, and become this number. A trade of another kind than
  /// those with a name (TradeKind::kOther) becomes the number after.
  std::uint8_t trade_kinds = 126;
  std::uint8_t causes = 127;
  std::uint8_t record_types = 127;
};

/// Where in a source to go on.
struct ColumnPosition {
  std::size_t payload = 0;
  std::size_t offset = 0;    // in the payload
  std::uint64_t record = 0;  // within the block
  std::size_t level = 0;     // of a book record
};

/// An id that is text, and its row.
struct TextCell {
  std::uint64_t row;
  std::string text;
};

class ColumnBuilder {
 public:
  /// What builders of one export share: the gaps that rows of any of them may stand behind, by journal.
  using Memory = std::shared_ptr<std::vector<GapMemory>>;

  /// `capacity` in rows, at least kRowsMin. Errors: TF_IO when there is no address space left.
  static Result<ColumnBuilder> create(ColumnTable table, std::size_t capacity, NumberForm form = NumberForm::kDecimal,
                                      Memory memory = nullptr);
  static constexpr std::size_t kRowsMin = 1024;
  static constexpr std::uint32_t kJournalsMax = 1 << 16;

  /// Appends rows from `position` on and moves it. True = the source is used up, false = the builder is full.
  /// Errors: TF_CORRUPT when a record does not end within its payload.
  Result<bool> extract(const ColumnSource& source, ColumnPosition& position);

  /// Forgets all rows and keeps the memory for the next ones.
  void reset();

  /// Brings the rows into the order of their instruments' indices; rows of one instrument keep theirs.
  void sort_by_instrument();

  /// Index of an instrument whose prices (sizes) have a value that is too wide, -1 = none so far, also not in rows that
  /// were reset. Too wide is more than kNarrowDigits digits as a decimal, and more than 64 bits as an integer (the row
  /// then holds 0).
  std::int32_t wide_price() const { return wide_[0]; }
  std::int32_t wide_size() const { return wide_[1]; }
  static constexpr int kNarrowDigits = 18;
  const Memory& memory() const { return memory_; }

  ColumnTable table() const { return table_; }
  NumberForm form() const { return form_; }
  std::size_t rows() const { return rows_; }
  std::uint64_t null_count(std::size_t column) const { return null_counts_[column]; }
  const std::vector<TextCell>& texts() const { return texts_; }

  /// Offsets into the arena; validity_offset only of nullable columns.
  std::size_t values_offset(std::size_t column) const { return values_[column]; }
  std::size_t validity_offset(std::size_t column) const { return validity_[column]; }
  std::uint8_t* arena() const { return arena_; }
  std::size_t arena_bytes() const { return arena_bytes_; }
  /// Gives the arena to the caller, who unmaps it after the builder's last use.
  MappedRegion take_arena() { return std::move(region_); }

 private:
  static constexpr std::size_t kColumnsMax = 24;
  static constexpr std::size_t kGroup = 64;
  enum Number : std::size_t { kPriceOf = 0, kSizeOf = 1 };

  ColumnBuilder(ColumnTable table, NumberForm form, Memory memory)
      : table_(table), form_(form), memory_(std::move(memory)) {}

  /// Records of one type that become rows together.
  struct Group {
    std::array<const RecordHead*, kGroup> records;
    std::array<std::uint64_t, kGroup> numbers;
    std::array<std::int8_t, kGroup> qualities;
    std::size_t count = 0;
  };
  /// By definition number: what brings a mantissa to its column, for prices and for sizes.
  struct Scaling {
    std::array<std::vector<std::int64_t>, 2> factors;
    std::array<std::vector<int>, 2> decimals;
  };
  /// A book record and the part of its levels that becomes rows.
  struct BookRows {
    const RecordHead& head;
    std::uint64_t number;
    std::int8_t quality;
    std::size_t first;
    std::size_t count;
  };

  Scaling scaling_of(const ColumnSource& source) const;
  Result<bool> take(const RecordHead& head, const ColumnSource& source, const Scaling& scaling, std::uint64_t number,
                    ColumnPosition& position, Group& group);
  Result<bool> take_book(const RecordHead& head, const ColumnSource& source, const Scaling& scaling,
                         std::uint64_t number, ColumnPosition& position);
  void flush(Group& group, const ColumnSource& source, const Scaling& scaling);
  std::size_t room() const;
  bool wants(const RecordHead& head, const ColumnSource& source) const;
  void remember_gap(const RecordHead& head, const ColumnSource& source);
  std::int8_t quality_of(const RecordHead& head, const ColumnSource& source);

  void append_trades(const Group& group, const ColumnSource& source, const Scaling& scaling);
  void append_trade_extensions(const Group& group, const ColumnSource& source);
  void append_quotes(const Group& group, const ColumnSource& source, const Scaling& scaling);
  void append_gaps(const Group& group, const ColumnSource& source);
  void append_drops(const Group& group, const ColumnSource& source);
  void append_book(const BookRows& book, const ColumnSource& source, const Scaling& scaling);

  template <typename T>
  T* values(std::size_t column) {
    return reinterpret_cast<T*>(arena_ + values_[column]) + rows_;
  }
  template <typename T, typename Get>
  void fill(std::size_t column, const Group& group, Get get);
  template <typename T, typename Get>
  void fill_nullable(std::size_t column, const Group& group, T none, Get get);
  template <typename Get>
  void fill_number(std::size_t column, Number what, const Group& group, const Scaling& scaling,
                   const ColumnSource& source, Get get);
  template <typename Get>
  void fill_decimal(std::size_t column, Number what, const Group& group, const Scaling& scaling,
                    const ColumnSource& source, Get get);
  /// One value in the builder's form; `row` counts from the first row that is being appended.
  void put_number(std::size_t column, Number what, std::size_t row, std::int64_t mantissa, std::uint32_t instrument,
                  const Scaling& scaling, const ColumnSource& source);
  void fill_side(std::size_t column, const Group& group);
  void fill_instrument(std::size_t column, const Group& group, const ColumnSource& source);
  void fill_place(std::size_t first_column, const Group& group, const ColumnSource& source);
  void mark_valid(std::size_t column, std::uint64_t mask, std::size_t count);
  template <typename T>
  void repeat(std::size_t column, std::size_t count, T value);
  template <typename T>
  void repeat_nullable(std::size_t column, std::size_t count, T value, T none);
  template <typename Get>
  void repeat_levels(std::size_t column, Number what, const BookRows& book, const Scaling& scaling,
                     const ColumnSource& source, Get get);
  void reorder_values(std::size_t column, std::span<const std::uint32_t> order, std::vector<std::uint8_t>& scratch);
  void reorder_bits(std::size_t offset, std::span<const std::uint32_t> order, std::vector<std::uint8_t>& scratch);

  ColumnTable table_;
  NumberForm form_;
  Memory memory_;
  std::array<std::int32_t, 2> wide_{-1, -1};
  std::int8_t split_quality_ = 0;
  MappedRegion region_;
  std::uint8_t* arena_ = nullptr;
  std::size_t arena_bytes_ = 0;
  std::size_t capacity_ = 0;
  std::size_t rows_ = 0;
  bool reused_ = false;  // the arena holds values of rows that were reset
  std::array<std::size_t, kColumnsMax> values_{};
  std::array<std::size_t, kColumnsMax> validity_{};
  std::array<std::uint64_t, kColumnsMax> null_counts_{};
  std::vector<TextCell> texts_;
};

}  // namespace tickforge
