// Rows of each table out of records: what stands in which column.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "columns/column_builder.h"
#include "columns/nearest_double.h"
#include "columns/record_parts.h"

namespace tickforge {
namespace {

__extension__ using Int128 = __int128;

constexpr Int128 kNarrowMax = 999'999'999'999'999'999;

/// Sets `count` bits from bit `first` on.
void set_bits(std::uint8_t* bits, std::size_t first, std::size_t count) {
  for (; count > 0 && first % 8 != 0; ++first, --count) bits[first / 8] |= static_cast<std::uint8_t>(1u << (first % 8));
  std::memset(bits + first / 8, 0xFF, count / 8);
  first += count / 8 * 8;
  for (count %= 8; count > 0; ++first, --count) bits[first / 8] |= static_cast<std::uint8_t>(1u << (first % 8));
}

}  // namespace

void ColumnBuilder::mark_valid(std::size_t column, std::uint64_t mask, std::size_t count) {
  auto* words = reinterpret_cast<std::uint64_t*>(arena_ + validity_[column]);
  words[rows_ / kGroup] |= mask << (rows_ % kGroup);
  // Mostly none is null, and counting bits is a call on the oldest processors that we build for.
  TF_ASSERT(count > 0 && count <= kGroup);
  const std::uint64_t all = ~std::uint64_t{0} >> (kGroup - count);
  if (mask != all) null_counts_[column] += count - static_cast<std::size_t>(std::popcount(mask));
}

template <typename T, typename Get>
void ColumnBuilder::fill(std::size_t column, const Group& group, Get get) {
  T* out = values<T>(column);
  const std::size_t count = group.count;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < count; ++i) out[i] = get(group.records[i]);
}

template <typename T, typename Get>
void ColumnBuilder::fill_nullable(std::size_t column, const Group& group, T none, Get get) {
  T* out = values<T>(column);
  const std::size_t count = group.count;
  std::uint64_t mask = 0;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < count; ++i) {
    const T value = get(group.records[i]);
    const bool valid = value != none;
    out[i] = valid ? value : T{0};
    mask |= static_cast<std::uint64_t>(valid) << i;
  }
  mark_valid(column, mask, count);
}

void ColumnBuilder::put_number(std::size_t column, Number what, std::size_t row, std::int64_t mantissa,
                               std::uint32_t instrument, const Scaling& scaling, const ColumnSource& source) {
  if (form_ == NumberForm::kFloat64) {
    values<double>(column)[row] = nearest_double(mantissa, scaling.decimals[what][instrument]);
    return;
  }
  const Int128 value = static_cast<Int128>(mantissa) * scaling.factors[what][instrument];
  bool wide = value > kNarrowMax || value < -kNarrowMax;
  if (form_ == NumberForm::kDecimal) {
    values<Int128>(column)[row] = value;
  } else {
    wide = value > std::numeric_limits<std::int64_t>::max() || value < std::numeric_limits<std::int64_t>::min();
    values<std::int64_t>(column)[row] = wide ? 0 : static_cast<std::int64_t>(value);
  }
  if (wide && wide_[what] < 0) wide_[what] = source.instruments[instrument];
}

/// As fill_number(), for the form that most exports have: without a branch a value.
template <typename Get>
void ColumnBuilder::fill_decimal(std::size_t column, Number what, const Group& group, const Scaling& scaling,
                                 const ColumnSource& source, Get get) {
  Int128* out = values<Int128>(column);
  const std::int64_t* factor_of = scaling.factors[what].data();
  const std::size_t count = group.count;
  std::uint64_t mask = 0;
  bool wide = false;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < count; ++i) {
    const RecordHead* head = group.records[i];
    const std::int64_t mantissa = get(head);
    const bool valid = mantissa != kNoneI64;
    const Int128 value = static_cast<Int128>(valid ? mantissa : 0) * factor_of[head->instrument];
    out[i] = value;
    wide |= value > kNarrowMax || value < -kNarrowMax;
    mask |= static_cast<std::uint64_t>(valid) << i;
  }
  mark_valid(column, mask, count);
  for (std::size_t i = 0; wide && wide_[what] < 0 && i < count; ++i) {
    if (out[i] > kNarrowMax || out[i] < -kNarrowMax) wide_[what] = source.instruments[group.records[i]->instrument];
  }
}

template <typename Get>
void ColumnBuilder::fill_number(std::size_t column, Number what, const Group& group, const Scaling& scaling,
                                const ColumnSource& source, Get get) {
  if (form_ == NumberForm::kDecimal) return fill_decimal(column, what, group, scaling, source, get);
  std::uint64_t mask = 0;
  for (std::size_t i = 0; i < group.count; ++i) {
    const RecordHead* head = group.records[i];
    const std::int64_t mantissa = get(head);
    const bool valid = mantissa != kNoneI64;
    put_number(column, what, i, valid ? mantissa : 0, head->instrument, scaling, source);
    mask |= static_cast<std::uint64_t>(valid) << i;
  }
  mark_valid(column, mask, group.count);
}

void ColumnBuilder::fill_side(std::size_t column, const Group& group) {
  std::int8_t* out = values<std::int8_t>(column);
  const std::size_t count = group.count;
  std::uint64_t mask = 0;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned side = group.records[i]->flags & (kFlagBuy | kFlagSell);
    out[i] = side == kFlagSell ? 1 : 0;
    mask |= static_cast<std::uint64_t>(side == kFlagBuy || side == kFlagSell) << i;
  }
  mark_valid(column, mask, count);
}

void ColumnBuilder::fill_instrument(std::size_t column, const Group& group, const ColumnSource& source) {
  const std::int32_t* instruments = source.instruments.data();
  fill<std::int32_t>(column, group, [instruments](const RecordHead* head) { return instruments[head->instrument]; });
}

/// The columns segment and record, which follow each other.
void ColumnBuilder::fill_place(std::size_t first_column, const Group& group, const ColumnSource& source) {
  repeat<std::int32_t>(first_column, group.count, source.segment);
  std::copy_n(group.numbers.data(), group.count, values<std::uint64_t>(first_column + 1));
}

void ColumnBuilder::append_trades(const Group& group, const ColumnSource& source, const Scaling& scaling) {
  fill<std::int64_t>(0, group, [](const RecordHead* head) { return head->ts_recv; });
  fill_nullable<std::int64_t>(1, group, kNoneI64, [](const RecordHead* head) { return head->ts_event; });
  fill_instrument(2, group, source);
  fill_number(3, kPriceOf, group, scaling, source, [](const RecordHead* head) { return as<Trade>(head).price; });
  fill_number(4, kSizeOf, group, scaling, source, [](const RecordHead* head) { return as<Trade>(head).size; });
  fill_side(5, group);
  fill_nullable<std::uint64_t>(6, group, kNoneU64, [](const RecordHead* head) { return as<Trade>(head).trade_id; });
  fill_nullable<std::uint64_t>(7, group, kNoneU64, [](const RecordHead* head) { return as<Trade>(head).sequence; });
  fill<std::uint16_t>(8, group, [](const RecordHead* head) { return head->flags; });
  fill<std::uint64_t>(9, group, [](const RecordHead* head) { return head->frame; });
  append_trade_extensions(group, source);
  fill_place(16, group, source);
  std::copy_n(group.qualities.data(), group.count, values<std::int8_t>(18));
}

/// Columns 10 to 15, and ids that are text.
void ColumnBuilder::append_trade_extensions(const Group& group, const ColumnSource& source) {
  unsigned longest = 0;
  for (std::size_t i = 0; i < group.count; ++i) longest = std::max<unsigned>(longest, group.records[i]->cells);
  if (longest == 1) {
    for (std::size_t column = 10; column <= 15; ++column) {
      null_counts_[column] += group.count;
      // Fresh memory is zero already; as long as it is not touched, the column costs nothing.
      const std::size_t width = bytes_of(columns_of(table_)[column].kind, form_);
      if (reused_) std::memset(arena_ + values_[column] + rows_ * width, 0, group.count * width);
    }
    return;
  }
  const auto id = [&group, this](std::size_t column, std::uint64_t TradeExtension::*field) {
    fill_nullable<std::uint64_t>(column, group, kNoneU64, [field](const RecordHead* head) {
      const auto* extension = extension_of<TradeExtension>(head);
      return extension == nullptr ? kNoneU64 : extension->*field;
    });
  };
  fill_nullable<std::int64_t>(10, group, kNoneI64, [](const RecordHead* head) {
    const auto* extension = extension_of<TradeExtension>(head);
    return extension == nullptr ? kNoneI64 : extension->ts_sent;
  });
  fill_nullable<std::int8_t>(11, group, 0, [&source](const RecordHead* head) {
    const auto* extension = extension_of<TradeExtension>(head);
    if (extension == nullptr) return std::int8_t{0};
    const bool other = extension->kind == static_cast<std::uint8_t>(TradeKind::kOther);
    return static_cast<std::int8_t>(other ? source.trade_kinds + 1 : std::min(extension->kind, source.trade_kinds));
  });
  id(12, &TradeExtension::first_trade_id);
  id(13, &TradeExtension::last_trade_id);
  id(14, &TradeExtension::buyer_order_id);
  id(15, &TradeExtension::seller_order_id);
  for (std::size_t i = 0; longest >= 3 && i < group.count; ++i) {
    const RecordHead* head = group.records[i];
    if (head->cells < 3 || extension_of<TradeExtension>(head) == nullptr) continue;
    const auto& text = *reinterpret_cast<const IdText*>(reinterpret_cast<const std::uint8_t*>(head) + 2 * kCellBytes);
    if (text.length == 0) continue;
    texts_.push_back({rows_ + i, std::string(text.text, std::min<std::size_t>(text.length, sizeof text.text))});
  }
}

void ColumnBuilder::append_quotes(const Group& group, const ColumnSource& source, const Scaling& scaling) {
  fill<std::int64_t>(0, group, [](const RecordHead* head) { return head->ts_recv; });
  fill_nullable<std::int64_t>(1, group, kNoneI64, [](const RecordHead* head) { return head->ts_event; });
  fill_instrument(2, group, source);
  fill_number(3, kPriceOf, group, scaling, source, [](const RecordHead* head) { return as<Quote>(head).bid_price; });
  fill_number(4, kSizeOf, group, scaling, source, [](const RecordHead* head) { return as<Quote>(head).bid_size; });
  fill_number(5, kPriceOf, group, scaling, source, [](const RecordHead* head) { return as<Quote>(head).ask_price; });
  fill_number(6, kSizeOf, group, scaling, source, [](const RecordHead* head) { return as<Quote>(head).ask_size; });
  fill_nullable<std::uint64_t>(7, group, kNoneU64, [](const RecordHead* head) {
    const auto* extension = extension_of<QuoteExtension>(head);
    return extension == nullptr ? kNoneU64 : extension->update_id;
  });
  fill_nullable<std::uint64_t>(8, group, kNoneU64, [](const RecordHead* head) {
    const auto* extension = extension_of<QuoteExtension>(head);
    return extension == nullptr ? kNoneU64 : extension->sequence;
  });
  fill<std::uint16_t>(9, group, [](const RecordHead* head) { return head->flags; });
  fill<std::uint64_t>(10, group, [](const RecordHead* head) { return head->frame; });
  fill_nullable<std::int64_t>(11, group, kNoneI64, [](const RecordHead* head) {
    const auto* extension = extension_of<QuoteExtension>(head);
    return extension == nullptr ? kNoneI64 : extension->ts_sent;
  });
  fill_place(12, group, source);
  std::copy_n(group.qualities.data(), group.count, values<std::int8_t>(14));
}

void ColumnBuilder::append_gaps(const Group& group, const ColumnSource& source) {
  const std::int32_t* instruments = source.instruments.data();
  fill<std::int64_t>(0, group, [](const RecordHead* head) { return head->ts_recv; });
  fill_nullable<std::int32_t>(1, group, -1, [instruments](const RecordHead* head) {
    return head->instrument == 0 ? -1 : instruments[head->instrument];
  });
  fill<std::int8_t>(2, group, [&source](const RecordHead* head) {
    return static_cast<std::int8_t>(std::min(as<Gap>(head).cause, source.causes));
  });
  fill_nullable<std::int8_t>(
      3, group, 0, [&source](const RecordHead* head) {
    return static_cast<std::int8_t>(std::min(as<Gap>(head).record_type, source.record_types));
  });
  fill_nullable<std::uint64_t>(4, group, kNoneU64, [](const RecordHead* head) { return as<Gap>(head).expected_id; });
  fill_nullable<std::uint64_t>(5, group, kNoneU64, [](const RecordHead* head) { return as<Gap>(head).received_id; });
  fill_nullable<std::int64_t>(6, group, kNoneI64, [](const RecordHead* head) { return as<Gap>(head).ts_last_good; });
  fill<std::uint16_t>(7, group, [](const RecordHead* head) { return head->flags; });
  fill<std::uint64_t>(8, group, [](const RecordHead* head) { return head->frame; });
  fill_place(9, group, source);
}

void ColumnBuilder::append_drops(const Group& group, const ColumnSource& source) {
  const std::int32_t* instruments = source.instruments.data();
  fill<std::int64_t>(0, group, [](const RecordHead* head) { return head->ts_recv; });
  fill_nullable<std::int32_t>(1, group, -1, [instruments](const RecordHead* head) {
    return head->instrument == 0 ? -1 : instruments[head->instrument];
  });
  fill<std::int8_t>(2, group, [&source](const RecordHead* head) {
    return static_cast<std::int8_t>(std::min(as<Drop>(head).cause, source.causes));
  });
  fill<std::uint64_t>(3, group, [](const RecordHead* head) { return as<Drop>(head).count; });
  fill_nullable<std::int64_t>(4, group, kNoneI64, [](const RecordHead* head) { return as<Drop>(head).ts_first; });
  fill<std::uint16_t>(5, group, [](const RecordHead* head) { return std::uint16_t{as<Drop>(head).producer}; });
  fill<std::uint16_t>(6, group, [](const RecordHead* head) { return head->flags; });
  fill<std::uint64_t>(7, group, [](const RecordHead* head) { return head->frame; });
  fill_place(8, group, source);
}

template <typename T>
void ColumnBuilder::repeat(std::size_t column, std::size_t count, T value) {
  std::fill_n(values<T>(column), count, value);
}

template <typename T>
void ColumnBuilder::repeat_nullable(std::size_t column, std::size_t count, T value, T none) {
  repeat<T>(column, count, value == none ? T{0} : value);
  if (value == none) {
    null_counts_[column] += count;
  } else {
    set_bits(arena_ + validity_[column], rows_, count);
  }
}

template <typename Get>
void ColumnBuilder::repeat_levels(std::size_t column, Number what, const BookRows& book, const Scaling& scaling,
                                  const ColumnSource& source, Get get) {
  std::size_t nulls = 0;
  for (std::size_t i = 0; i < book.count; ++i) {
    const std::int64_t mantissa = get(book.first + i);
    nulls += mantissa == kNoneI64 ? 1 : 0;
    put_number(column, what, i, mantissa == kNoneI64 ? 0 : mantissa, book.head.instrument, scaling, source);
  }
  null_counts_[column] += nulls;
  if (nulls == 0) return set_bits(arena_ + validity_[column], rows_, book.count);
  for (std::size_t i = 0; i < book.count; ++i) {
    if (get(book.first + i) != kNoneI64) set_bits(arena_ + validity_[column], rows_ + i, 1);
  }
}

void ColumnBuilder::append_book(const BookRows& rows, const ColumnSource& source, const Scaling& scaling) {
  const RecordHead& head = rows.head;
  const auto& book = as<Book>(&head);
  const auto* extension = extension_of<BookExtension>(&head);
  const std::size_t count = rows.count;
  const std::size_t end = rows.first + count;
  const auto* levels = reinterpret_cast<const Level*>(reinterpret_cast<const std::uint8_t*>(&head) +
                                                      (extension == nullptr ? 1 : 2) * kCellBytes);
  repeat<std::int64_t>(0, count, head.ts_recv);
  repeat_nullable<std::int64_t>(1, count, head.ts_event, kNoneI64);
  repeat<std::int32_t>(2, count, source.instruments[head.instrument]);
  for (std::size_t i = rows.first; i < end; ++i) {
    const bool bid = i < book.bid_count;
    values<std::int8_t>(3)[i - rows.first] = bid ? 0 : 1;
    values<std::uint16_t>(17)[i - rows.first] = static_cast<std::uint16_t>(bid ? i : i - book.bid_count);
  }
  repeat_levels(4, kPriceOf, rows, scaling, source, [levels](std::size_t i) { return levels[i].price; });
  repeat_levels(5, kSizeOf, rows, scaling, source, [levels](std::size_t i) { return levels[i].size; });
  if ((head.flags & kFlagSnapshot) != 0) set_bits(arena_ + values_[6], rows_, count);
  repeat_nullable<std::uint64_t>(7, count, book.first_update_id, kNoneU64);
  repeat_nullable<std::uint64_t>(8, count, book.last_update_id, kNoneU64);
  repeat_nullable<std::uint64_t>(9, count, book.previous_update_id, kNoneU64);
  const bool whole = end == static_cast<std::size_t>(book.bid_count) + book.ask_count;
  if (whole && (head.flags & kFlagLast) != 0) set_bits(arena_ + values_[10], rows_ + count - 1, 1);
  repeat<std::uint64_t>(11, count, rows.number);
  repeat<std::uint16_t>(12, count, head.flags);
  repeat<std::uint64_t>(13, count, head.frame);
  repeat_nullable<std::int64_t>(14, count, extension == nullptr ? kNoneI64 : extension->ts_sent, kNoneI64);
  repeat_nullable<std::uint64_t>(15, count, extension == nullptr ? kNoneU64 : extension->sequence, kNoneU64);
  repeat<std::uint32_t>(16, count, book.checksum);
  if ((head.flags & kFlagChecksum) != 0) {
    set_bits(arena_ + validity_[16], rows_, count);
  } else {
    null_counts_[16] += count;
  }
  repeat<std::int32_t>(18, count, source.segment);
  repeat<std::int8_t>(19, count, rows.quality);
  rows_ += count;
}

}  // namespace tickforge
