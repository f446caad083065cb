// Turns records into columns with the memory layout of Arrow: one pass over the cells, no value through a float.
//
// A builder owns one arena of address space with room for `capacity` rows; memory is taken as rows arrive. A full
// builder stops in the middle of its input and says where, so that the next one goes on there.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/mapped_region.h"
#include "columns/column_table.h"
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
  /// Per definition number: the power of ten that brings a mantissa to the common scale, at most kShiftMax.
  std::span<const std::uint8_t> price_shift;
  std::span<const std::uint8_t> size_shift;
};

/// Where in a source to go on.
struct ColumnPosition {
  std::size_t payload = 0;
  std::size_t offset = 0;    // in the payload
  std::uint64_t record = 0;  // within the block
};

/// An id that is text, and its row.
struct TextCell {
  std::uint64_t row;
  std::string text;
};

class ColumnBuilder {
 public:
  /// `capacity` in rows, at least kRowsMin. Errors: TF_IO when there is no address space left.
  static Result<ColumnBuilder> create(ColumnTable table, std::size_t capacity);
  /// Rows that the longest record makes.
  static constexpr std::size_t kRowsMin = kCellsPerRecordMax * kLevelsPerCell;

  /// Appends rows from `position` on and moves it. True = the source is used up, false = the builder is full.
  /// Errors: TF_CORRUPT when a record does not end within its payload.
  Result<bool> extract(const ColumnSource& source, ColumnPosition& position);

  /// Forgets all rows and keeps the memory for the next ones.
  void reset();

  ColumnTable table() const { return table_; }
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
  static constexpr std::size_t kColumnsMax = 16;
  static constexpr std::size_t kGroup = 64;

  explicit ColumnBuilder(ColumnTable table) : table_(table) {}

  struct Group {
    std::array<const RecordHead*, kGroup> records;
    std::size_t count = 0;
  };
  struct Factors {
    std::vector<std::int64_t> price;
    std::vector<std::int64_t> size;
  };

  void append_trades(const Group& group, const ColumnSource& source, const Factors& factors);
  void append_quotes(const Group& group, const ColumnSource& source, const Factors& factors);
  void append_book(const RecordHead& head, std::uint64_t record, const ColumnSource& source, const Factors& factors);

  template <typename T>
  T* values(std::size_t column) {
    return reinterpret_cast<T*>(arena_ + values_[column]) + rows_;
  }
  template <typename T, typename Get>
  void fill(std::size_t column, const Group& group, Get get);
  template <typename T, typename Get>
  void fill_nullable(std::size_t column, const Group& group, T none, Get get);
  template <typename Get>
  void fill_decimal(std::size_t column, const Group& group, const std::vector<std::int64_t>& factors, Get get);
  void fill_side(std::size_t column, const Group& group);
  void fill_instrument(std::size_t column, const Group& group, const ColumnSource& source);
  void mark_valid(std::size_t column, std::uint64_t mask, std::size_t count);
  template <typename T>
  void repeat(std::size_t column, std::size_t count, T value);
  template <typename T>
  void repeat_nullable(std::size_t column, std::size_t count, T value, T none);
  template <typename Get>
  void repeat_levels(std::size_t column, std::size_t count, std::int64_t factor, Get get);

  ColumnTable table_;
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
