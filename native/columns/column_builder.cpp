#include "columns/column_builder.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"
#include "format/segment.h"

namespace tickforge {
namespace {

__extension__ using Int128 = __int128;

/// Arrow wants 8, recommends 64; a cache line keeps columns from sharing one.
constexpr std::size_t kColumnAlign = 64;

std::size_t bitmap_bytes(std::size_t rows) { return align_up((rows + 7) / 8, sizeof(std::uint64_t)); }

RecordType type_of(ColumnTable table) {
  switch (table) {
    case ColumnTable::kTrade:
      return RecordType::kTrade;
    case ColumnTable::kQuote:
      return RecordType::kQuote;
    case ColumnTable::kBook:
      return RecordType::kBook;
  }
  return RecordType::kInvalid;
}

std::vector<std::int64_t> factors_of(std::span<const std::uint8_t> shifts, std::size_t count) {
  std::vector<std::int64_t> factors(count, 1);
  for (std::size_t i = 0; i < std::min(count, shifts.size()); ++i) {
    TF_ASSERT(shifts[i] <= kShiftMax);
    for (std::uint8_t k = 0; k < shifts[i]; ++k) factors[i] *= 10;
  }
  return factors;
}

template <typename Record>
const Record& as(const RecordHead* head) {
  return *reinterpret_cast<const Record*>(head);
}

/// The extension cell, or null.
template <typename Extension>
const Extension* extension_of(const RecordHead* head) {
  if ((head->flags & kFlagExtension) == 0 || head->cells < 2) return nullptr;
  return reinterpret_cast<const Extension*>(reinterpret_cast<const std::uint8_t*>(head) + kCellBytes);
}

/// Sets `count` bits from bit `first` on.
void set_bits(std::uint8_t* bits, std::size_t first, std::size_t count) {
  for (; count > 0 && first % 8 != 0; ++first, --count) bits[first / 8] |= static_cast<std::uint8_t>(1u << (first % 8));
  std::memset(bits + first / 8, 0xFF, count / 8);
  first += count / 8 * 8;
  for (count %= 8; count > 0; ++first, --count) bits[first / 8] |= static_cast<std::uint8_t>(1u << (first % 8));
}

}  // namespace

Result<ColumnBuilder> ColumnBuilder::create(ColumnTable table, std::size_t capacity) {
  ColumnBuilder builder(table);
  builder.capacity_ = std::max(capacity, kRowsMin);
  const auto columns = columns_of(table);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::size_t width = bytes_of(columns[i].kind);
    builder.values_[i] = bytes;
    bytes += align_up(width == 0 ? bitmap_bytes(builder.capacity_) : width * builder.capacity_, kColumnAlign);
    if (!columns[i].nullable) continue;
    builder.validity_[i] = bytes;
    bytes += align_up(bitmap_bytes(builder.capacity_), kColumnAlign);
  }
  // Small pages: huge ones are faster on most machines, but three times slower where a hypervisor takes free memory
  // back.
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    return Error{"TF_IO", "no memory for columns: " + std::string(std::strerror(errno)), "", errno};
  builder.region_ = MappedRegion(address, bytes);
  builder.arena_ = builder.region_.data();
  builder.arena_bytes_ = bytes;
  return builder;
}

void ColumnBuilder::reset() {
  const auto columns = columns_of(table_);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].kind == ColumnKind::kBool) std::memset(arena_ + values_[i], 0, bitmap_bytes(rows_));
    if (columns[i].nullable) std::memset(arena_ + validity_[i], 0, bitmap_bytes(rows_));
  }
  null_counts_ = {};
  reused_ = reused_ || rows_ > 0;
  texts_.clear();
  rows_ = 0;
}

Result<bool> ColumnBuilder::extract(const ColumnSource& source, ColumnPosition& position) {
  const Factors factors{factors_of(source.price_shift, source.instruments.size()),
                        factors_of(source.size_shift, source.instruments.size())};
  const auto wanted = static_cast<std::uint8_t>(type_of(table_));
  Group group;
  // Groups end where a 64-bit word of the bitmaps ends.
  std::size_t room = std::min(kGroup - rows_ % kGroup, capacity_ - rows_);
  const auto flush = [&] {
    if (table_ == ColumnTable::kTrade) append_trades(group, source, factors);
    if (table_ == ColumnTable::kQuote) append_quotes(group, source, factors);
    rows_ += group.count;
    group.count = 0;
    room = std::min(kGroup - rows_ % kGroup, capacity_ - rows_);
  };

  for (; position.payload < source.payloads.size(); position = {position.payload + 1, 0, 0}) {
    const PayloadRange& range = source.payloads[position.payload];
    const std::uint8_t* payload = source.buffer.data() + range.offset;
    while (position.offset < range.length) {
      const auto* head = reinterpret_cast<const RecordHead*>(payload + position.offset);
      const std::size_t bytes = head->cells * kCellBytes;
      if (bytes == 0 || bytes > range.length - position.offset) [[unlikely]] {
        return Error{"TF_CORRUPT", "a record does not end within its block", "", 0};
      }
      const bool take = head->type == wanted && head->ts_recv >= source.from && head->ts_recv < source.to &&
                        head->instrument < source.instruments.size() && source.instruments[head->instrument] >= 0;
      if (take && table_ == ColumnTable::kBook) {
        const auto& book = as<Book>(head);
        const std::size_t levels = static_cast<std::size_t>(book.bid_count) + book.ask_count;
        const std::size_t first = extension_of<BookExtension>(head) == nullptr ? 1 : 2;
        if (first * kCellBytes + levels * sizeof(Level) > bytes) {
          return Error{"TF_CORRUPT", "the levels of a book record do not fit it", "", 0};
        }
        if (levels > capacity_ - rows_) return false;
        append_book(*head, range.first_record + position.record, source, factors);
      } else if (take) {
        if (room == 0) return false;
        group.records[group.count++] = head;
        if (group.count == room) flush();
      }
      position.offset += bytes;
      position.record += 1;
    }
  }
  // The records are in the caller's buffer, which may be gone at the next call.
  if (group.count > 0) flush();
  return true;
}

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

template <typename Get>
void ColumnBuilder::fill_decimal(std::size_t column, const Group& group, const std::vector<std::int64_t>& factors,
                                 Get get) {
  Int128* out = values<Int128>(column);
  const std::int64_t* factor_of = factors.data();
  const std::size_t count = group.count;
  std::uint64_t mask = 0;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < count; ++i) {
    const RecordHead* head = group.records[i];
    const std::int64_t mantissa = get(head);
    const bool valid = mantissa != kNoneI64;
    out[i] = static_cast<Int128>(valid ? mantissa : 0) * factor_of[head->instrument];
    mask |= static_cast<std::uint64_t>(valid) << i;
  }
  mark_valid(column, mask, count);
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

void ColumnBuilder::append_trades(const Group& group, const ColumnSource& source, const Factors& factors) {
  fill<std::int64_t>(0, group, [](const RecordHead* head) { return head->ts_recv; });
  fill_nullable<std::int64_t>(1, group, kNoneI64, [](const RecordHead* head) { return head->ts_event; });
  fill_instrument(2, group, source);
  fill_decimal(3, group, factors.price, [](const RecordHead* head) { return as<Trade>(head).price; });
  fill_decimal(4, group, factors.size, [](const RecordHead* head) { return as<Trade>(head).size; });
  fill_side(5, group);
  fill_nullable<std::uint64_t>(6, group, kNoneU64, [](const RecordHead* head) { return as<Trade>(head).trade_id; });
  fill_nullable<std::uint64_t>(7, group, kNoneU64, [](const RecordHead* head) { return as<Trade>(head).sequence; });
  fill<std::uint16_t>(8, group, [](const RecordHead* head) { return head->flags; });
  fill<std::uint64_t>(9, group, [](const RecordHead* head) { return head->frame; });
  unsigned longest = 0;
  for (std::size_t i = 0; i < group.count; ++i) longest = std::max<unsigned>(longest, group.records[i]->cells);
  if (longest == 1) {
    null_counts_[10] += group.count;
    // Fresh memory is zero already; as long as it is not touched, the column costs nothing.
    if (reused_) std::fill_n(values<std::int64_t>(10), group.count, 0);
    return;
  }
  fill_nullable<std::int64_t>(10, group, kNoneI64, [](const RecordHead* head) {
    const auto* extension = extension_of<TradeExtension>(head);
    return extension == nullptr ? kNoneI64 : extension->ts_sent;
  });
  if (longest < 3) return;
  for (std::size_t i = 0; i < group.count; ++i) {
    const RecordHead* head = group.records[i];
    if (head->cells < 3 || extension_of<TradeExtension>(head) == nullptr) continue;
    const auto& id = *reinterpret_cast<const IdText*>(reinterpret_cast<const std::uint8_t*>(head) + 2 * kCellBytes);
    texts_.push_back({rows_ + i, std::string(id.text, std::min<std::size_t>(id.length, sizeof id.text))});
  }
}

void ColumnBuilder::append_quotes(const Group& group, const ColumnSource& source, const Factors& factors) {
  fill<std::int64_t>(0, group, [](const RecordHead* head) { return head->ts_recv; });
  fill_nullable<std::int64_t>(1, group, kNoneI64, [](const RecordHead* head) { return head->ts_event; });
  fill_instrument(2, group, source);
  fill_decimal(3, group, factors.price, [](const RecordHead* head) { return as<Quote>(head).bid_price; });
  fill_decimal(4, group, factors.size, [](const RecordHead* head) { return as<Quote>(head).bid_size; });
  fill_decimal(5, group, factors.price, [](const RecordHead* head) { return as<Quote>(head).ask_price; });
  fill_decimal(6, group, factors.size, [](const RecordHead* head) { return as<Quote>(head).ask_size; });
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
void ColumnBuilder::repeat_levels(std::size_t column, std::size_t count, std::int64_t factor, Get get) {
  Int128* out = values<Int128>(column);
  std::size_t nulls = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t mantissa = get(i);
    nulls += mantissa == kNoneI64 ? 1 : 0;
    out[i] = static_cast<Int128>(mantissa == kNoneI64 ? 0 : mantissa) * factor;
  }
  null_counts_[column] += nulls;
  for (std::size_t i = 0; nulls > 0 && i < count; ++i) {
    if (get(i) != kNoneI64) set_bits(arena_ + validity_[column], rows_ + i, 1);
  }
  if (nulls == 0) set_bits(arena_ + validity_[column], rows_, count);
}

void ColumnBuilder::append_book(const RecordHead& head, std::uint64_t record, const ColumnSource& source,
                                const Factors& factors) {
  const auto& book = as<Book>(&head);
  const auto* extension = extension_of<BookExtension>(&head);
  const std::size_t count = static_cast<std::size_t>(book.bid_count) + book.ask_count;
  if (count == 0) return;
  const auto* levels = reinterpret_cast<const Level*>(reinterpret_cast<const std::uint8_t*>(&head) +
                                                      (extension == nullptr ? 1 : 2) * kCellBytes);
  repeat<std::int64_t>(0, count, head.ts_recv);
  repeat_nullable<std::int64_t>(1, count, head.ts_event, kNoneI64);
  repeat<std::int32_t>(2, count, source.instruments[head.instrument]);
  std::fill_n(values<std::int8_t>(3), book.bid_count, std::int8_t{0});
  std::fill_n(values<std::int8_t>(3) + book.bid_count, book.ask_count, std::int8_t{1});
  repeat_levels(4, count, factors.price[head.instrument], [levels](std::size_t i) { return levels[i].price; });
  repeat_levels(5, count, factors.size[head.instrument], [levels](std::size_t i) { return levels[i].size; });
  if ((head.flags & kFlagSnapshot) != 0) set_bits(arena_ + values_[6], rows_, count);
  repeat_nullable<std::uint64_t>(7, count, book.first_update_id, kNoneU64);
  repeat_nullable<std::uint64_t>(8, count, book.last_update_id, kNoneU64);
  repeat_nullable<std::uint64_t>(9, count, book.previous_update_id, kNoneU64);
  if ((head.flags & kFlagLast) != 0) set_bits(arena_ + values_[10], rows_ + count - 1, 1);
  repeat<std::uint64_t>(11, count, record);
  repeat<std::uint16_t>(12, count, head.flags);
  repeat<std::uint64_t>(13, count, head.frame);
  repeat_nullable<std::int64_t>(14, count, extension == nullptr ? kNoneI64 : extension->ts_sent, kNoneI64);
  rows_ += count;
}

}  // namespace tickforge
