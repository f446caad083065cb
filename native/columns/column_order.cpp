// The order of rows by instrument: a counting sort, then one pass a column.
#include <cstring>
#include <numeric>

#include "columns/column_builder.h"

namespace tickforge {
namespace {

constexpr std::size_t kInstrumentColumn = 2;

/// Rows in their new order; empty when they are in it already.
std::vector<std::uint32_t> order_of(std::span<const std::int32_t> instruments) {
  std::vector<std::uint32_t> starts;
  bool sorted = true;
  for (std::size_t row = 0; row < instruments.size(); ++row) {
    const auto instrument = static_cast<std::size_t>(instruments[row]);
    if (instrument + 1 >= starts.size()) starts.resize(instrument + 2);
    ++starts[instrument + 1];
    sorted = sorted && (row == 0 || instruments[row - 1] <= instruments[row]);
  }
  if (sorted) return {};
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  std::vector<std::uint32_t> order(instruments.size());
  for (std::size_t row = 0; row < instruments.size(); ++row) {
    order[starts[static_cast<std::size_t>(instruments[row])]++] = static_cast<std::uint32_t>(row);
  }
  return order;
}

template <typename T>
void gather(std::uint8_t* to, const std::uint8_t* from, std::span<const std::uint32_t> order) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::memcpy(to + i * sizeof(T), from + order[i] * sizeof(T), sizeof(T));
  }
}

struct Wide {
  std::uint64_t words[2];
};

}  // namespace

void ColumnBuilder::reorder_values(std::size_t column, std::span<const std::uint32_t> order,
                                   std::vector<std::uint8_t>& scratch) {
  std::uint8_t* out = arena_ + values_[column];
  const std::size_t width = bytes_of(columns_of(table_)[column].kind, form_);
  scratch.assign(out, out + width * order.size());
  if (width == 1) gather<std::uint8_t>(out, scratch.data(), order);
  if (width == 2) gather<std::uint16_t>(out, scratch.data(), order);
  if (width == 4) gather<std::uint32_t>(out, scratch.data(), order);
  if (width == 8) gather<std::uint64_t>(out, scratch.data(), order);
  if (width == 16) gather<Wide>(out, scratch.data(), order);
}

void ColumnBuilder::reorder_bits(std::size_t offset, std::span<const std::uint32_t> order,
                                 std::vector<std::uint8_t>& scratch) {
  std::uint8_t* out = arena_ + offset;
  const std::size_t bytes = (order.size() + 7) / 8;
  scratch.assign(out, out + bytes);
  std::memset(out, 0, bytes);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const unsigned bit = scratch[order[i] / 8] >> (order[i] % 8) & 1U;
    out[i / 8] = static_cast<std::uint8_t>(out[i / 8] | bit << (i % 8));
  }
}

void ColumnBuilder::sort_by_instrument() {
  if (table_ == ColumnTable::kGap || table_ == ColumnTable::kDrop) return;
  const auto* instruments = reinterpret_cast<const std::int32_t*>(arena_ + values_[kInstrumentColumn]);
  const std::vector<std::uint32_t> order = order_of({instruments, rows_});
  if (order.empty()) return;
  const auto columns = columns_of(table_);
  std::vector<std::uint8_t> scratch;
  for (std::size_t column = 0; column < columns.size(); ++column) {
    if (columns[column].kind == ColumnKind::kBool) {
      reorder_bits(values_[column], order, scratch);
    } else if (!columns[column].nullable || null_counts_[column] < rows_) {
      reorder_values(column, order, scratch);
    }
    const std::uint64_t nulls = columns[column].nullable ? null_counts_[column] : 0;
    if (nulls > 0 && nulls < rows_) reorder_bits(validity_[column], order, scratch);
  }
  if (texts_.empty()) return;
  std::vector<std::uint32_t> rows(rows_);
  for (std::uint32_t i = 0; i < rows_; ++i) rows[order[i]] = i;
  for (TextCell& cell : texts_) cell.row = rows[cell.row];
}

}  // namespace tickforge
