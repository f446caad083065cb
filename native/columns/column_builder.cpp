#include "columns/column_builder.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "columns/record_parts.h"
#include "format/segment.h"

namespace tickforge {
namespace {

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
    case ColumnTable::kGap:
      return RecordType::kGap;
    case ColumnTable::kDrop:
      return RecordType::kDrop;
  }
  return RecordType::kInvalid;
}

bool is_loss(const RecordHead& head) {
  return head.type == static_cast<std::uint8_t>(RecordType::kGap) ||
         head.type == static_cast<std::uint8_t>(RecordType::kDrop);
}

/// -1: not wanted, or a record without an instrument.
std::int32_t index_of(const RecordHead& head, const ColumnSource& source) {
  return head.instrument < source.instruments.size() ? source.instruments[head.instrument] : -1;
}

std::int64_t power_of_ten(std::uint8_t exponent) {
  std::int64_t power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

}  // namespace

Result<ColumnBuilder> ColumnBuilder::create(ColumnTable table, std::size_t capacity, NumberForm form, Memory memory) {
  if (memory == nullptr) memory = std::make_shared<std::vector<GapMemory>>();
  ColumnBuilder builder(table, form, std::move(memory));
  builder.capacity_ = std::max(capacity, kRowsMin);
  const auto columns = columns_of(table);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::size_t width = bytes_of(columns[i].kind, form);
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

ColumnBuilder::Scaling ColumnBuilder::scaling_of(const ColumnSource& source) const {
  const std::size_t count = source.instruments.size();
  const std::span<const std::uint8_t> shifts[2] = {source.price_shift, source.size_shift};
  const int scales[2] = {source.price_scale, source.size_scale};
  Scaling scaling;
  for (std::size_t what = 0; what < 2; ++what) {
    auto& factors = scaling.factors[what];
    auto& decimals = scaling.decimals[what];
    factors.assign(count, 1);
    decimals.assign(count, scales[what]);
    for (std::size_t i = 0; i < std::min(count, shifts[what].size()); ++i) {
      decimals[i] -= shifts[what][i];
      if (form_ == NumberForm::kFloat64) continue;
      TF_ASSERT(shifts[what][i] <= kShiftMax);
      factors[i] = power_of_ten(shifts[what][i]);
    }
  }
  return scaling;
}

std::size_t ColumnBuilder::room() const {
  // Groups end where a 64-bit word of the bitmaps ends.
  return std::min(kGroup - rows_ % kGroup, capacity_ - rows_);
}

void ColumnBuilder::flush(Group& group, const ColumnSource& source, const Scaling& scaling) {
  if (table_ == ColumnTable::kTrade) append_trades(group, source, scaling);
  if (table_ == ColumnTable::kQuote) append_quotes(group, source, scaling);
  if (table_ == ColumnTable::kGap) append_gaps(group, source);
  if (table_ == ColumnTable::kDrop) append_drops(group, source);
  rows_ += group.count;
  group.count = 0;
}

bool ColumnBuilder::wants(const RecordHead& head, const ColumnSource& source) const {
  if (head.type != static_cast<std::uint8_t>(type_of(table_))) return false;
  // What concerns all instruments concerns those that are wanted.
  return index_of(head, source) >= 0 || (is_loss(head) && head.instrument == 0);
}

void ColumnBuilder::remember_gap(const RecordHead& head, const ColumnSource& source) {
  if (table_ == ColumnTable::kGap || table_ == ColumnTable::kDrop) return;
  if (head.type == static_cast<std::uint8_t>(RecordType::kGap)) {
    const auto& gap = as<Gap>(&head);
    if (gap.cause == static_cast<std::uint8_t>(GapCause::kWriteError)) return;  // a notice: nothing is missing
    if (gap.record_type != 0 && gap.record_type != static_cast<std::uint8_t>(type_of(table_))) return;
  }
  (*memory_)[source.journal].note(head, index_of(head, source));
}

std::int8_t ColumnBuilder::quality_of(const RecordHead& head, const ColumnSource& source) {
  if (table_ == ColumnTable::kGap || table_ == ColumnTable::kDrop) return 0;
  int quality = (head.flags & kFlagMaybeBadBook) != 0 ? kQualityMaybeBadBook : 0;
  if ((head.flags & kFlagBadTsRecv) != 0) quality |= kQualityBadTsRecv;
  if ((*memory_)[source.journal].first_behind_gap(head, index_of(head, source))) quality |= kQualityAfterGap;
  return static_cast<std::int8_t>(quality);
}

Result<bool> ColumnBuilder::take_book(const RecordHead& head, const ColumnSource& source, const Scaling& scaling,
                                      std::uint64_t number, ColumnPosition& position) {
  const auto& book = as<Book>(&head);
  const std::size_t levels = static_cast<std::size_t>(book.bid_count) + book.ask_count;
  const std::size_t first_cell = extension_of<BookExtension>(&head) == nullptr ? 1 : 2;
  if (first_cell * kCellBytes + levels * sizeof(Level) > head.cells * kCellBytes) {
    return Error{"TF_CORRUPT", "the levels of a book record do not fit it", "", 0};
  }
  if (levels == 0 || position.level > levels) return true;
  if (rows_ == capacity_) return false;
  // The rows of a record that is split over two builders are of one quality.
  if (position.level == 0) split_quality_ = quality_of(head, source);
  const std::size_t count = std::min(levels - position.level, capacity_ - rows_);
  append_book({head, number, split_quality_, position.level, count}, source, scaling);
  position.level += count;
  if (position.level < levels) return false;
  position.level = 0;
  return true;
}

Result<bool> ColumnBuilder::take(const RecordHead& head, const ColumnSource& source, const Scaling& scaling,
                                 std::uint64_t number, ColumnPosition& position, Group& group) {
  if (table_ == ColumnTable::kBook) return take_book(head, source, scaling, number, position);
  if (room() == 0) return false;
  group.records[group.count] = &head;
  group.numbers[group.count] = number;
  group.qualities[group.count] = quality_of(head, source);
  if (++group.count == room()) flush(group, source, scaling);
  return true;
}

Result<bool> ColumnBuilder::extract(const ColumnSource& source, ColumnPosition& position) {
  TF_ASSERT(source.journal < kJournalsMax);
  if (memory_->size() <= source.journal) memory_->resize(source.journal + 1);
  const Scaling scaling = scaling_of(source);
  Group group;
  for (; position.payload < source.payloads.size(); position = {position.payload + 1, 0, 0, 0}) {
    const PayloadRange& range = source.payloads[position.payload];
    const std::uint8_t* payload = source.buffer.data() + range.offset;
    while (position.offset < range.length) {
      const auto* head = reinterpret_cast<const RecordHead*>(payload + position.offset);
      const std::size_t bytes = head->cells * kCellBytes;
      if (bytes == 0 || bytes > range.length - position.offset) [[unlikely]] {
        return Error{"TF_CORRUPT", "a record does not end within its block", "", 0};
      }
      if (head->ts_recv >= source.from && head->ts_recv < source.to) {
        if (is_loss(*head)) [[unlikely]]
          remember_gap(*head, source);
        if (wants(*head, source)) {
          auto taken = take(*head, source, scaling, range.first_record + position.record, position, group);
          if (!taken || !taken.value()) return taken;
        }
      }
      position.offset += bytes;
      position.record += 1;
    }
  }
  // The records are in the caller's buffer, which may be gone at the next call.
  if (group.count > 0) flush(group, source, scaling);
  return true;
}

}  // namespace tickforge
