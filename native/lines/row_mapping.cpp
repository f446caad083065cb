#include "lines/row_mapping.h"

#include <algorithm>
#include <cstring>

namespace tickforge {
namespace {

constexpr std::size_t kLevelBytesMin = 9;  // see cells_max()
constexpr std::size_t kVenueBytesMax = 255;

/// ASCII letters made small.
std::string_view lower_case(std::string_view text, std::array<char, kVenueBytesMax>& memory) {
  if (text.size() > memory.size()) return text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    memory[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  return {memory.data(), text.size()};
}

/// Whether the text is one of these words, in letters of any size.
bool is_word(std::string_view text, std::initializer_list<std::string_view> words) {
  const auto same = [text](std::string_view word) {
    return word.size() == text.size() && std::equal(word.begin(), word.end(), text.begin(), [](char a, char b) {
             return a == b || (b >= 'A' && b <= 'Z' && a == b + ('a' - 'A'));
           });
  };
  return std::any_of(words.begin(), words.end(), same);
}

ExactNumber double_at(const char* bytes, ValueStatus& status) {
  std::uint64_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  ExactNumber number;
  const NumberStatus read = number_of_double(bits, number);
  status = read == NumberStatus::kNumber     ? ValueStatus::kHere
           : read == NumberStatus::kTooLarge ? ValueStatus::kTooLarge
                                             : ValueStatus::kAbsent;
  return number;
}

}  // namespace

RowMapper::RowMapper(const LineMapping& mapping, InstrumentBook& book, const LineLimits& limits)
    : tables_(mapping), instruments_(book), default_venue_(mapping.venue), lower_case_venue_(mapping.lower_case_venue) {
  for (LevelColumns& side : levels_) {
    side.prices.resize(kLevelNumbers);
    side.sizes.resize(kLevelNumbers);
  }
  const std::size_t numbers = limits.line_bytes_max / kLevelBytesMin + 2;
  prices_.resize(numbers);
  sizes_.resize(numbers);
  price_mantissas_.resize(numbers);
  size_mantissas_.resize(numbers);
}

MappedRow RowMapper::map(const LineRow& row, std::int64_t ts_recv, std::uint64_t frame, CellBuffer& out) {
  std::string_view table_venue;
  TableRule* rule = tables_.find(row.table, table_venue);
  if (rule == nullptr) return {RowOutcome::kUnmapped, false};
  left_over_ = too_large_ = false;
  row_time_ = row.time;
  ts_recv_ = ts_recv;
  frame_ = frame;
  out_ = &out;
  gather(row, *rule);
  LineInstrument* one = instrument(*rule, table_venue);
  RowOutcome outcome = RowOutcome::kUnmapped;
  if (one != nullptr) {
    switch (rule->rule().kind) {
      case RowKind::kTrade: outcome = trade(*one); break;
      case RowKind::kQuote: outcome = quote(*one); break;
      case RowKind::kBook: outcome = book(rule->rule(), *one); break;
    }
  }
  return {outcome, left_over_};
}

void RowMapper::gather(const LineRow& row, TableRule& rule) {
  by_role_.fill(nullptr);
  for (LevelColumns& side : levels_) {
    std::fill_n(side.prices.begin(), side.used, nullptr);
    std::fill_n(side.sizes.begin(), side.used, nullptr);
    side.used = 0;
  }
  for (std::size_t i = 0; i < row.columns.size(); ++i) {
    const LineColumn& column = row.columns[i];
    const ColumnUse& use = rule.use(i, column.name);
    if (column.kind == LineValueKind::kNull || (use.known && use.role == ColumnRole::kIgnore)) continue;
    if (!use.known) {
      left_over_ = true;
    } else if (use.leveled) {
      if (!gather_level(column, use)) left_over_ = true;
    } else {
      const auto role = static_cast<std::size_t>(use.role);
      if (by_role_[role] != nullptr) {
        left_over_ = true;
      } else {
        by_role_[role] = &column;
        units_[role] = use.unit;
      }
    }
  }
}

bool RowMapper::gather_level(const LineColumn& column, const ColumnUse& use) {
  const bool ask = use.role == ColumnRole::kAskPrice || use.role == ColumnRole::kAskSize;
  const bool price = use.role == ColumnRole::kBidPrice || use.role == ColumnRole::kAskPrice;
  LevelColumns& side = levels_[ask ? 1 : 0];
  const LineColumn*& place = (price ? side.prices : side.sizes)[use.level];
  if (place != nullptr) return false;
  place = &column;
  side.used = std::max<std::size_t>(side.used, use.level + std::size_t{1});
  return true;
}

LineInstrument* RowMapper::instrument(const TableRule& rule, std::string_view table_venue) {
  std::string_view venue = word_of(ColumnRole::kVenue);
  if (venue.empty()) venue = table_venue;
  if (venue.empty()) venue = rule.rule().venue;
  if (venue.empty()) venue = default_venue_;
  std::array<char, kVenueBytesMax> memory;
  if (lower_case_venue_) venue = lower_case(venue, memory);
  return instruments_.find(venue, text_value(column(ColumnRole::kSymbol)));
}

std::uint64_t RowMapper::id_of(ColumnRole role) {
  std::uint64_t id = kNoneU64;
  const ValueStatus status = id_value(column(role), id);
  if (status == ValueStatus::kHere) return id;
  if (status != ValueStatus::kAbsent) left_over_ = true;
  return kNoneU64;
}

std::int64_t RowMapper::time_of(ColumnRole role) {
  std::int64_t time = kNoneI64;
  const ValueStatus status = time_value(column(role), units_[static_cast<std::size_t>(role)], time);
  if (status == ValueStatus::kHere) return time;
  if (status != ValueStatus::kAbsent) left_over_ = true;
  return kNoneI64;
}

std::int64_t RowMapper::event_time(std::int64_t row_time) {
  const std::int64_t time = time_of(ColumnRole::kEventTime);
  if (time == kNoneI64) return row_time;
  if (row_time != kNoneI64 && row_time != time) left_over_ = true;
  return time;
}

void RowMapper::fill_head(RecordHead& head, std::uint16_t flags, const LineInstrument& instrument) {
  head.flags = flags;
  head.instrument = instrument.number;
  head.ts_recv = ts_recv_;
  head.frame = frame_;
}

std::string_view RowMapper::word_of(ColumnRole role) {
  const LineColumn* one = column(role);
  const std::string_view text = text_value(one);
  const bool text_kind =
      one == nullptr || !text.empty() || one->kind == LineValueKind::kSymbol || one->kind == LineValueKind::kString;
  if (!text_kind) left_over_ = true;
  return is_none(text) ? std::string_view{} : text;
}

std::uint16_t RowMapper::side_flags() {
  std::uint16_t flags = 0;
  if (const LineColumn* maker = column(ColumnRole::kBuyerIsMaker); maker != nullptr) {
    if (maker->kind == LineValueKind::kBoolean) {
      flags = maker->bits != 0 ? kFlagSell : kFlagBuy;
    } else {
      left_over_ = true;
    }
  }
  const std::string_view side = word_of(ColumnRole::kSide);
  if (side.empty()) return flags;
  const std::uint16_t said = is_word(side, {"buy", "b", "bid"})    ? kFlagBuy
                             : is_word(side, {"sell", "s", "ask"}) ? kFlagSell
                                                                   : 0;
  // What is neither, or contradicts the other column, is kept with the row.
  if (said == 0 || (flags != 0 && said != flags)) left_over_ = true;
  return said != 0 ? said : flags;
}

TradeKind RowMapper::trade_kind() {
  const std::string_view kind = word_of(ColumnRole::kTradeKind);
  if (kind.empty()) return TradeKind::kNone;
  if (is_word(kind, {"market"})) return TradeKind::kMarket;
  if (is_word(kind, {"limit"})) return TradeKind::kLimit;
  left_over_ = true;
  return TradeKind::kNone;
}

RowOutcome RowMapper::trade(LineInstrument& instrument) {
  const ValueStatus price = number_value(column(ColumnRole::kPrice), prices_[0]);
  const ValueStatus size = number_value(column(ColumnRole::kSize), sizes_[0]);
  if (price == ValueStatus::kTooLarge || size == ValueStatus::kTooLarge) return RowOutcome::kUnrepresentable;
  if (price != ValueStatus::kHere || size != ValueStatus::kHere) return RowOutcome::kUnmapped;
  const FitStatus fit =
      instruments_.fit(instrument, {{prices_.data(), 1}, price_mantissas_.data()},
                       {{sizes_.data(), 1}, size_mantissas_.data()}, ts_recv_, frame_, *out_);
  if (fit != FitStatus::kFits) {
    return fit == FitStatus::kNoNumber ? RowOutcome::kUnmapped : RowOutcome::kUnrepresentable;
  }

  std::uint16_t flags = kFlagLast | side_flags();
  const LineColumn* id = column(ColumnRole::kTradeId);
  std::uint64_t trade_id = kNoneU64;
  std::string_view trade_id_text;
  if (const auto status = id_value(id, trade_id); status != ValueStatus::kHere) {
    trade_id = kNoneU64;
    if (status != ValueStatus::kAbsent) trade_id_text = id_text(*id);
    if (trade_id_text.size() > sizeof(IdText::text)) trade_id_text = {};
    if (status != ValueStatus::kAbsent && trade_id_text.empty()) left_over_ = true;
  }
  const TradeKind kind = trade_kind();
  const std::int64_t sent = time_of(ColumnRole::kSentTime);
  const std::uint64_t buyer = id_of(ColumnRole::kBuyerOrderId);
  const std::uint64_t seller = id_of(ColumnRole::kSellerOrderId);
  const bool extended = sent != kNoneI64 || buyer != kNoneU64 || seller != kNoneU64 || kind != TradeKind::kNone ||
                        !trade_id_text.empty();
  if (extended) flags |= kFlagExtension;
  auto& record = out_->begin<Trade>(RecordType::kTrade, !extended ? 1 : trade_id_text.empty() ? 2 : 3);
  fill_head(record.head, flags, instrument);
  record.head.ts_event = event_time(row_time_);
  record.price = price_mantissas_[0];
  record.size = size_mantissas_[0];
  record.trade_id = trade_id;
  record.sequence = id_of(ColumnRole::kSequence);
  if (!extended) return RowOutcome::kTrade;
  auto* cells = reinterpret_cast<std::uint8_t*>(&record);
  auto& extension = *reinterpret_cast<TradeExtension*>(cells + kCellBytes);
  extension.ts_sent = sent;
  extension.first_trade_id = extension.last_trade_id = kNoneU64;
  extension.buyer_order_id = buyer;
  extension.seller_order_id = seller;
  extension.kind = static_cast<std::uint8_t>(kind);
  if (!trade_id_text.empty()) {
    auto& text = *reinterpret_cast<IdText*>(cells + 2 * kCellBytes);
    text.length = static_cast<std::uint8_t>(trade_id_text.size());
    std::memcpy(text.text, trade_id_text.data(), trade_id_text.size());
  }
  return RowOutcome::kTrade;
}

RowOutcome RowMapper::quote(LineInstrument& instrument) {
  constexpr ColumnRole kRoles[] = {ColumnRole::kBidPrice, ColumnRole::kBidSize, ColumnRole::kAskPrice,
                                   ColumnRole::kAskSize};
  std::int64_t* places[4] = {};
  std::size_t price_count = 0;
  std::size_t size_count = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const bool is_price = i % 2 == 0;
    std::size_t& count = is_price ? price_count : size_count;
    const ValueStatus status = number_value(column(kRoles[i]), (is_price ? prices_ : sizes_)[count]);
    if (status == ValueStatus::kTooLarge) return RowOutcome::kUnrepresentable;
    if (status == ValueStatus::kOther) return RowOutcome::kUnmapped;
    if (status == ValueStatus::kHere) places[i] = &(is_price ? price_mantissas_ : size_mantissas_)[count++];
  }
  if (price_count == 0) return RowOutcome::kUnmapped;
  const FitStatus fit =
      instruments_.fit(instrument, {{prices_.data(), price_count}, price_mantissas_.data()},
                       {{sizes_.data(), size_count}, size_mantissas_.data()}, ts_recv_, frame_, *out_);
  if (fit != FitStatus::kFits) {
    return fit == FitStatus::kNoNumber ? RowOutcome::kUnmapped : RowOutcome::kUnrepresentable;
  }
  const std::int64_t sent = time_of(ColumnRole::kSentTime);
  const std::uint64_t update_id = id_of(ColumnRole::kUpdateId);
  const std::uint64_t sequence = id_of(ColumnRole::kSequence);
  const bool extended = sent != kNoneI64 || update_id != kNoneU64 || sequence != kNoneU64;
  auto& record = out_->begin<Quote>(RecordType::kQuote, extended ? 2 : 1);
  fill_head(record.head, extended ? kFlagLast | kFlagExtension : kFlagLast, instrument);
  record.head.ts_event = event_time(row_time_);
  const auto value = [&](std::size_t i) { return places[i] == nullptr ? kNoneI64 : *places[i]; };
  record.bid_price = value(0);
  record.bid_size = value(1);
  record.ask_price = value(2);
  record.ask_size = value(3);
  if (extended) {
    auto& extension = *reinterpret_cast<QuoteExtension*>(reinterpret_cast<std::uint8_t*>(&record) + kCellBytes);
    extension.ts_sent = sent;
    extension.update_id = update_id;
    extension.sequence = sequence;
  }
  return RowOutcome::kQuote;
}

/// A level is whole, or it is not there at all; false when it is neither.
bool RowMapper::add_level(ValueStatus price_status, const ExactNumber& price, ValueStatus size_status,
                          const ExactNumber& size) {
  if (price_status == ValueStatus::kTooLarge || size_status == ValueStatus::kTooLarge) too_large_ = true;
  if (price_status == ValueStatus::kAbsent && size_status == ValueStatus::kAbsent) return true;
  if (price_status != ValueStatus::kHere || size_status != ValueStatus::kHere || level_count_ == prices_.size()) {
    return false;
  }
  prices_[level_count_] = price;
  sizes_[level_count_] = size;
  level_count_ += 1;
  return true;
}

bool RowMapper::add_array(const LineColumn& array) {
  if (array.kind != LineValueKind::kArray) return false;
  if (array.text.empty()) return true;
  if (array.dimensions != 2 || array.rows != 2) return false;
  const std::size_t count = array.text.size() / sizeof(double) / array.rows;
  const char* const bytes = array.text.data();
  for (std::size_t i = 0; i < count; ++i) {
    ValueStatus price_status;
    ValueStatus size_status;
    const ExactNumber price = double_at(bytes + i * sizeof(double), price_status);
    const ExactNumber size = double_at(bytes + (count + i) * sizeof(double), size_status);
    if (!add_level(price_status, price, size_status, size)) return false;
  }
  return true;
}

bool RowMapper::add_levels(LevelColumns& columns, const LineColumn* array) {
  for (std::size_t i = 0; i < columns.used; ++i) {
    ExactNumber price;
    ExactNumber size;
    const ValueStatus price_status = number_value(columns.prices[i], price);
    const ValueStatus size_status = number_value(columns.sizes[i], size);
    if (!add_level(price_status, price, size_status, size)) return false;
  }
  return array == nullptr || add_array(*array);
}

RowOutcome RowMapper::book(const RowRule& rule, LineInstrument& instrument) {
  const LineColumn* bid_array = column(ColumnRole::kBids);
  const LineColumn* ask_array = column(ColumnRole::kAsks);
  if (levels_[0].used + levels_[1].used == 0 && bid_array == nullptr && ask_array == nullptr) {
    return RowOutcome::kUnmapped;
  }
  level_count_ = 0;
  bool whole = add_levels(levels_[0], bid_array);
  const std::size_t bids = level_count_;
  whole = whole && add_levels(levels_[1], ask_array);
  if (too_large_) return RowOutcome::kUnrepresentable;
  if (!whole) return RowOutcome::kUnmapped;
  const FitStatus fit =
      instruments_.fit(instrument, {{prices_.data(), level_count_}, price_mantissas_.data()},
                       {{sizes_.data(), level_count_}, size_mantissas_.data()}, ts_recv_, frame_, *out_);
  if (fit != FitStatus::kFits) {
    return fit == FitStatus::kNoNumber ? RowOutcome::kUnmapped : RowOutcome::kUnrepresentable;
  }
  bool snapshot = rule.snapshot;
  if (const LineColumn* said = column(ColumnRole::kSnapshot); said != nullptr) {
    if (said->kind == LineValueKind::kBoolean) {
      snapshot = said->bits != 0;
    } else {
      left_over_ = true;
    }
  }
  write_book(bids, snapshot ? kFlagSnapshot : 0, instrument);
  return RowOutcome::kBook;
}

/// The levels in as many records as they need; the numbers and times stand in all of them.
void RowMapper::write_book(std::size_t bids, std::uint16_t flags, const LineInstrument& instrument) {
  const std::int64_t event = event_time(row_time_);
  const std::int64_t sent = time_of(ColumnRole::kSentTime);
  const std::uint64_t sequence = id_of(ColumnRole::kSequence);
  const std::uint64_t first = id_of(ColumnRole::kFirstUpdateId);
  const std::uint64_t last = id_of(ColumnRole::kUpdateId);
  const std::uint64_t previous = id_of(ColumnRole::kPreviousUpdateId);
  const bool extended = sent != kNoneI64 || sequence != kNoneU64;
  if (extended) flags |= kFlagExtension;
  const std::size_t before = extended ? 2 : 1;
  const std::size_t levels_max = (kCellsPerRecordMax - before) * kLevelsPerCell;
  std::size_t done = 0;
  do {
    const std::size_t count = std::min(level_count_ - done, levels_max);
    const std::size_t bid_count = std::min(bids - std::min(bids, done), count);
    const auto cells = static_cast<std::uint32_t>(before + (count + kLevelsPerCell - 1) / kLevelsPerCell);
    auto& record = out_->begin<Book>(RecordType::kBook, cells);
    fill_head(record.head, done + count == level_count_ ? flags | kFlagLast : flags, instrument);
    record.head.ts_event = event;
    record.first_update_id = first;
    record.last_update_id = last;
    record.previous_update_id = previous;
    record.bid_count = static_cast<std::uint16_t>(bid_count);
    record.ask_count = static_cast<std::uint16_t>(count - bid_count);
    auto* bytes = reinterpret_cast<std::uint8_t*>(&record);
    if (extended) {
      auto& extension = *reinterpret_cast<BookExtension*>(bytes + kCellBytes);
      extension.ts_sent = sent;
      extension.sequence = sequence;
    }
    auto* levels = reinterpret_cast<Level*>(bytes + before * kCellBytes);
    for (std::size_t i = 0; i < count; ++i) {
      levels[i] = {price_mantissas_[done + i], size_mantissas_[done + i]};
    }
    done += count;
  } while (done < level_count_);
}

}  // namespace tickforge
